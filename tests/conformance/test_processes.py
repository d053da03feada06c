"""The function's processes: too slow, crashed, broken from the start, and when all is over."""

from __future__ import annotations

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.emulator import lives, python_command, running_emulator
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


def test_a_time_out_ends_the_processes_and_the_next_call_is_served(tmp_path: Path) -> None:
    # The runtime's parent is a shell, as it is behind some of the wrapper scripts people have.
    through_shell = ("sh", "-c", '"$@"; exit', "wrapper", *python_command("function.sleeper"))
    with running_emulator(tmp_path, through_shell, AWS_LAMBDA_FUNCTION_TIMEOUT="1") as emulator:
        first = emulator.invoke({}).json
        assert first not in emulator.children()
        answer = emulator.invoke({"seconds": 30})
        assert (answer.status, answer.function_error) == (200, "Unhandled")
        assert answer.json["errorType"] == "Sandbox.Timedout"
        request_id = answer.headers["x-amzn-requestid"]
        # Lambda's words of today, where the originals have those of its log.
        told = f"RequestId: {request_id} Error: Task timed out after 1.00 seconds"
        assert answer.json["errorMessage"] == told
        eventually(lambda: not lives(first), "its end")
        again = emulator.invoke({"seconds": 0.1})
        assert again.function_error is None
        assert again.json != first
        logged = rf"^\S+Z {request_id} Task timed out after 1\.00 seconds$"
        assert re.search(logged, emulator.printed, re.MULTILINE)


def test_a_crash_is_told_of_at_once_with_how_it_ended(tmp_path: Path) -> None:
    # Were it waited for as long as the function may take, the test would end before.
    with running_emulator(
        tmp_path, "function.crash", AWS_LAMBDA_FUNCTION_TIMEOUT="900"
    ) as emulator:
        for event, reason in (
            ({"code": 3}, "Runtime exited with error: exit status 3"),
            ({"code": 0}, "Runtime exited without providing a reason"),
            ({"signal": 9}, "Runtime exited with error: signal: killed"),
        ):
            answer = emulator.invoke(event)
            request_id = answer.headers["x-amzn-requestid"]
            assert (answer.status, answer.function_error) == (200, "Unhandled")
            assert answer.json == {
                "errorType": "Runtime.ExitError",
                "errorMessage": f"RequestId: {request_id} Error: {reason}",
            }
        assert emulator.invoke({}).function_error is None


@pytest.mark.parametrize(
    ("handler", "error_type"),
    [
        ("function.nothing", "Runtime.HandlerNotFound"),
        ("nothing.handler", "Runtime.ImportModuleError"),
        ("broken.handler", "ZeroDivisionError"),
    ],
)
def test_a_function_that_cannot_start_says_why_each_time(
    tmp_path: Path, handler: str, error_type: str
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/broken.py").write_text("1 / 0\n")
    (tmp_path / "code/function.py").touch()
    with running_emulator(
        tmp_path, handler, directory=tmp_path / "code", AWS_LAMBDA_FUNCTION_TIMEOUT="900"
    ) as emulator:
        for _ in range(2):
            answer = emulator.invoke({})
            assert answer.function_error == "Unhandled"
            assert answer.json["errorType"] == error_type


def test_what_ends_while_nobody_calls_is_replaced(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.sleeper") as emulator:
        first = emulator.invoke({}).json
        os.kill(first, signal.SIGKILL)
        eventually(lambda: not lives(first), "its end")
        assert emulator.invoke({}).json != first


def test_the_start_has_time_of_its_own(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path, "slow_start.handler", AWS_LAMBDA_FUNCTION_TIMEOUT="1"
    ) as emulator:
        assert emulator.invoke(1).json == 1


@pytest.mark.parametrize(("told", "seconds"), [("10", 10), ("", 3)])
def test_a_function_knows_how_long_it_has(tmp_path: Path, told: str, seconds: int) -> None:
    with running_emulator(
        tmp_path, "function.remaining", AWS_LAMBDA_FUNCTION_TIMEOUT=told
    ) as emulator:
        left = emulator.invoke({"seconds": 0.2}).json
        assert (seconds - 2) * 1000 < left <= seconds * 1000 - 200


def test_told_to_stop_it_leaves_no_process(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.sleeper") as emulator:
        pid = emulator.invoke({}).json
        assert emulator.stop() == 0
        assert not lives(pid)


def test_told_to_stop_it_lets_the_call_at_work_end(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.sleeper") as emulator, ThreadPoolExecutor(1) as one:
        call = one.submit(emulator.invoke, {"seconds": 0.7})
        emulator.wait_printed("asleep")
        emulator.signal(signal.SIGTERM)
        answer = call.result()
        assert (answer.status, answer.function_error) == (200, None)
        assert emulator.wait() == 0
        assert "awake" in emulator.printed
        assert not lives(answer.json)


def test_told_twice_it_answers_that_it_stops(tmp_path: Path) -> None:
    with (
        running_emulator(
            tmp_path, "function.sleeper", AWS_LAMBDA_FUNCTION_TIMEOUT="900"
        ) as emulator,
        ThreadPoolExecutor(1) as one,
    ):
        call = one.submit(emulator.invoke, {"seconds": 600})
        emulator.wait_printed("asleep")
        emulator.signal(signal.SIGTERM)
        emulator.wait_said("stopping")
        emulator.signal(signal.SIGTERM)
        answer = call.result()
        assert answer.status == 500
        assert "stopped" in answer.body.decode()
        assert emulator.wait() == 0


def test_a_function_that_prints_more_than_anybody_reads_waits_and_loses_nothing(
    tmp_path: Path,
) -> None:
    with running_emulator(tmp_path, "function.printer") as emulator:
        text = "x" * 1000
        emulator.invoke({"text": "\n".join([text] * 3000)})
        assert emulator.stop() == 0
        assert emulator.printed == (text + "\n") * 3000


def test_a_function_does_not_find_the_brokers_password_in_the_emulators_variables(
    tmp_path: Path,
) -> None:
    (tmp_path / "curious.py").write_text(
        "import os\n"
        "def handler(event, context):\n"
        "    return open(f'/proc/{os.getppid()}/environ').read()\n"
    )
    with running_emulator(
        tmp_path / "logs",
        "curious.handler",
        directory=tmp_path,
        AMQP_URI="amqp://somebody:secret@127.0.0.1:1?connection_attempts=0",
    ) as emulator:
        found = emulator.invoke({}).json
    assert "AMQP_URI=" in found
    assert "secret" not in found
