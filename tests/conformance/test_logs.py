"""What `lambent rie` prints: the function's reports, and its own log."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.support.emulator import running_emulator

if TYPE_CHECKING:
    from pathlib import Path

_REPORT = r"REPORT RequestId: {id}\tDuration: [0-9.]+ ms\tBilled Duration: [0-9]+ ms\tMemory Size: 3008 MB\tMax Memory Used: [0-9]+ MB\t(?P<rest>[^\n]*)"


def test_reports_are_printed_where_they_are_wanted(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.echo", PRINT_REPORTS="true") as running:
        rests = []
        for _ in range(2):
            request_id = running.invoke({}).headers["x-amzn-requestid"]
            running.wait_printed(f"REPORT RequestId: {request_id}")
            assert f"START RequestId: {request_id} Version: $LATEST\n" in running.printed
            assert f"END RequestId: {request_id}\n" in running.printed
            report = re.search(_REPORT.format(id=request_id), running.printed)
            assert report, running.printed
            rests.append(report["rest"])

    first, second = rests
    assert re.fullmatch(r"Init Duration: [0-9.]+ ms\t", first)
    assert second == ""


def test_reports_are_not_printed_unless_they_are_wanted(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.printer") as running:
        running.invoke({"text": "only this"})
        running.stop()

        assert running.printed == "only this\n"


def test_its_own_log_is_json_where_that_is_wanted(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.echo", USE_STRUCTURED_LOGGING="true") as running:
        running.invoke({})
        assert running.stop() == 0

        lines = [json.loads(line) for line in running.said.splitlines()]
    assert all({"level", "@timestamp", "message", "app"} <= line.keys() for line in lines)
    assert any(line["message"].startswith("Invoke API listening on") for line in lines)
    assert {line["level"] for line in lines} <= {"info", "warning"}


def test_its_own_log_has_only_what_its_level_lets_through(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.echo", LOG_LEVEL="debug") as running:
        running.invoke({}, X_Amz_Client_Context="!!!")

        running.wait_said("[DEBUG] (lambent) Invoke")
