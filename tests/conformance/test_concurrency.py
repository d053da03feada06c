"""Several instances of the function: as many as calls need, no more than there may be, none for long."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.support.emulator import running_emulator
from tests.support.ports import free_ports
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.emulator import Answer, RunningEmulator


def burst(
    emulator: RunningEmulator, event: dict[str, Any], count: int, **headers: Any
) -> list[Answer]:
    """So many calls at one time."""
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda _: emulator.invoke(event, **headers), range(count)))


def meeting(tmp_path: Path, count: int) -> dict[str, Any]:
    """An event for `function.together`."""
    folder = tmp_path / "together"
    folder.mkdir()
    return {"folder": str(folder), "count": count}


def test_a_cold_burst_starts_an_instance_for_each_call(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path, "function.together", MAX_CONCURRENCY="10", AWS_LAMBDA_FUNCTION_TIMEOUT="60"
    ) as emulator:
        answers = burst(emulator, meeting(tmp_path, 10), 10)
        assert len({answer.json["pid"] for answer in answers}) == 10
        assert {answer.json["instance"] for answer in answers} == set("0123456789")


def test_calls_of_one_number_are_run_at_one_time_and_each_has_its_answer(tmp_path: Path) -> None:
    """SDKs send the number of a call again when they try it again, be the first at work or not."""
    with running_emulator(
        tmp_path, "function.together", MAX_CONCURRENCY="2", AWS_LAMBDA_FUNCTION_TIMEOUT="60"
    ) as emulator:
        answers = burst(emulator, meeting(tmp_path, 2), 2, Amz_Sdk_Invocation_Id="retried")
        assert len({answer.json["pid"] for answer in answers}) == 2
        for answer in answers:
            assert answer.headers["x-amzn-requestid"] == answer.json["request_id"]
        assert "retried" in {answer.json["request_id"] for answer in answers}


def test_each_instance_is_known_by_an_address_of_its_own(tmp_path: Path) -> None:
    [port] = free_ports(1)
    with running_emulator(
        tmp_path,
        "function.together",
        MAX_CONCURRENCY="2",
        AWS_LAMBDA_FUNCTION_TIMEOUT="60",
        RUNTIME_API_PORT=str(port),
    ) as emulator:
        event = meeting(tmp_path, 2)
        answers = burst(emulator, event, 2)
        assert {(answer.json["instance"], answer.json["runtime_api"]) for answer in answers} == {
            ("0", f"127.0.0.1:{port}"),
            ("1", f"127.0.0.2:{port}"),
        }
        # One that is replaced has the address of the one before.
        for answer in answers:
            os.kill(answer.json["pid"], signal.SIGKILL)
        eventually(lambda: not emulator.children(), emulator.children)
        again = burst(emulator, event, 2)
        assert {answer.json["instance"] for answer in again} <= {"0", "1"}


def test_more_calls_than_instances_share_them(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path, "function.together", MAX_CONCURRENCY="3", AWS_LAMBDA_FUNCTION_TIMEOUT="60"
    ) as emulator:
        answers = burst(emulator, meeting(tmp_path, 3), 6)
    assert [answer.status for answer in answers] == [200] * 6
    assert len({answer.json["pid"] for answer in answers}) == 3


def test_to_wait_in_line_takes_nothing_of_the_functions_time(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path, "function.sleeper", MAX_CONCURRENCY="2", AWS_LAMBDA_FUNCTION_TIMEOUT="2"
    ) as emulator:
        answers = burst(emulator, {"seconds": 0.8}, 6)  # the last end 2.4 s after they came
    assert [answer.function_error for answer in answers] == [None] * 6


def test_who_has_waited_in_line_for_too_long_is_told_to_come_again(tmp_path: Path) -> None:
    with (
        running_emulator(
            tmp_path,
            "told.handler",
            AWS_LAMBDA_FUNCTION_QUEUETIMEOUT="1",
            AWS_LAMBDA_FUNCTION_TIMEOUT="60",
        ) as emulator,
        ThreadPoolExecutor(1) as one,
    ):
        # To be started can take longer than a call may wait.
        eventually(lambda: emulator.invoke({}).status == 200, "an instance")
        gate = tmp_path / "gate"
        at_work = one.submit(emulator.invoke, {"do": "hold", "until": str(gate)})
        emulator.wait_at_work()
        late = emulator.invoke({})
        assert late.status == 429
        assert late.headers["x-amzn-errortype"].startswith("TooManyRequestsException")
        gate.touch()
        assert at_work.result().function_error is None


def test_with_one_instance_both_of_two_callers_are_answered(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.sleeper") as emulator:
        answers = burst(emulator, {"seconds": 0.2}, 2)
        assert [answer.status for answer in answers] == [200, 200]
        assert len({answer.json for answer in answers}) == 1


def test_an_idle_instance_is_ended(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path, "function.sleeper", AWS_LAMBDA_FUNCTION_IDLETIMEOUT="1"
    ) as emulator:
        first = emulator.invoke({}).json
        eventually(lambda: not emulator.children(), emulator.children)
        assert emulator.invoke({}).json != first


def test_under_little_load_the_instances_become_fewer(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path,
        "function.together",
        MAX_CONCURRENCY="4",
        AWS_LAMBDA_FUNCTION_TIMEOUT="60",
        AWS_LAMBDA_FUNCTION_IDLETIMEOUT="2",
    ) as emulator:
        event = meeting(tmp_path, 4)
        assert len({each.json["pid"] for each in burst(emulator, event, 4)}) == 4

        def only_one_is_left() -> bool:
            answer = emulator.invoke(event)
            assert answer.function_error is None
            return emulator.children() == [answer.json["pid"]]

        eventually(only_one_is_left, emulator.children)
