"""What `lambent rie` prints: the function's reports, and its own log."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.support.emulator import python_command, running_emulator, starting_emulator
from tests.support.ports import free_ports, is_listened_to
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

_REPORT = (
    r"REPORT RequestId: {id}\tDuration: [0-9.]+ ms\tBilled Duration: [0-9]+ ms\t"
    r"Memory Size: 3008 MB\tMax Memory Used: [0-9]+ MB\t(?P<rest>[^\n]*)"
)


def test_reports_are_printed_where_they_are_wanted_and_tell_of_the_init_once(
    tmp_path: Path,
) -> None:
    with running_emulator(tmp_path, "function.printer", PRINT_REPORTS="true") as running:
        ids = [
            running.invoke({"text": text}).headers["x-amzn-requestid"] for text in ("one", "two")
        ]
        assert running.stop() == 0
        lines = running.printed.splitlines()

    rests = []
    for request_id, text, call in zip(ids, ("one", "two"), (lines[:4], lines[4:]), strict=True):
        assert call[:3] == [
            f"START RequestId: {request_id} Version: $LATEST",
            text,
            f"END RequestId: {request_id}",
        ]
        report = re.fullmatch(_REPORT.format(id=request_id), call[3])
        assert report, call[3]
        rests.append(report["rest"])
    assert re.fullmatch(r"Init Duration: [0-9.]+ ms\t", rests[0])
    assert rests[1] == ""


def test_only_the_function_prints_unless_reports_are_wanted(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.printer") as running:
        running.invoke({"text": "only this"})
        assert running.stop() == 0

        assert running.printed == "only this\n"


def test_its_own_log_is_json_where_that_is_wanted(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.echo", USE_STRUCTURED_LOGGING="true") as running:
        running.invoke({})
        assert running.stop() == 0

        lines = [json.loads(line) for line in running.said.splitlines()]
    assert all({"level", "@timestamp", "message", "app"} <= line.keys() for line in lines)
    assert any(line["message"].startswith("Invoke API listening on") for line in lines)
    assert {line["level"] for line in lines} <= {"info", "warning"}


def test_its_own_log_has_what_its_level_lets_through(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.echo", LOG_LEVEL="debug") as running:
        running.invoke({}, X_Amz_Client_Context="!!!")

        running.wait_said("[DEBUG] (lambent) Invoke")


def test_from_warnings_on_its_log_has_no_more_than_those(tmp_path: Path) -> None:
    """A level that the original knew no more."""
    [port] = free_ports(1)
    command = python_command("function.echo")
    with starting_emulator(tmp_path, command, LOG_LEVEL="WARNING", PORT=str(port)) as running:
        running.url = f"http://127.0.0.1:{port}"
        eventually(lambda: is_listened_to(port), lambda: running.said)
        assert running.invoke(1).json == 1
        assert running.stop() == 0

        [line] = running.said.splitlines()
        assert "[WARNING] (lambent) AWS_LAMBDA_FUNCTION_NAME is not set" in line
