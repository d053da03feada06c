"""Functions that exit, crash, exhaust their memory or their time; and the invocation after that."""

from __future__ import annotations

import base64
import json
import re

import pytest
from tests.support.programs import (
    Program,
    program_files,
    two_nodes,
    two_of_each,
    two_pythons,
)

EXIT = "Runtime exited with error: "
SILENT = "Runtime exited without providing a reason"


def check_exit(program, answer, reason):
    """The caller and the log are told; the next environment is new, and its /tmp the old one."""
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert json.loads(answer["Payload"].read()) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: {reason}",
    }
    log = base64.b64decode(answer["LogResult"]).decode()
    assert f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError\n" in log
    assert "Status: error\tError Type: Runtime.ExitError" in log
    assert program.call("count") == [1, True]


@two_of_each
@pytest.mark.parametrize(
    ("action", "argument", "reason"),
    [
        ("leave", 0, SILENT),
        ("leave", 3, f"{EXIT}exit status 3"),
        ("kill", 6, f"{EXIT}signal: aborted"),
        ("kill", 9, f"{EXIT}signal: killed"),
        ("kill", 11, f"{EXIT}signal: segmentation fault"),
    ],
    ids=["exit 0", "exit 3", "abort", "kill", "segfault"],
)
def test_a_function_that_exits_is_told_and_starts_again(program, action, argument, reason):
    program.call("count")
    check_exit(program, program.invoke(action, argument, LogType="Tail"), reason)


@two_pythons
@pytest.mark.parametrize(
    ("action", "argument", "reason"),
    [
        ("vanish", 0, SILENT),
        ("vanish", 7, f"{EXIT}exit status 7"),
        ("crash", None, f"{EXIT}signal: segmentation fault"),
    ],
)
def test_a_process_that_vanishes_is_told(program, action, argument, reason):
    program.call("count")
    check_exit(program, program.invoke(action, argument, LogType="Tail"), reason)


@two_nodes
def test_a_handler_that_waits_for_nothing_answers_nothing(program):
    """No work is left, and no answer came: release 3 says null, release 4 ends."""
    answer = program.invoke("never", LogType="Tail")
    if program.runtime == "nodejs24.x":
        payload = json.loads(answer["Payload"].read())
        assert payload["errorType"] == "Runtime.ExitError"
    else:
        assert answer["Payload"].read() == b"null"
    assert program.call("echo", "and on") == "and on"


@two_of_each
def test_a_function_that_exhausts_its_memory_is_killed_and_starts_again(function, runtime):
    deployed = function(runtime, program_files(runtime), MemorySize=256)
    program = Program(runtime, deployed)
    program.call("count")
    answer = program.invoke("hoard", LogType="Tail")
    assert re.search(r"Max Memory Used: 256 MB", base64.b64decode(answer["LogResult"]).decode())
    check_exit(program, answer, f"{EXIT}signal: killed")


@two_of_each
def test_a_function_out_of_time_is_stopped_and_starts_again(function, runtime):
    program = Program(runtime, function(runtime, program_files(runtime), Timeout=1))
    program.call("count")
    answer = program.invoke("sleep", 30, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    log = base64.b64decode(answer["LogResult"]).decode()
    assert re.search(rf"Z {request_id} Task timed out after 1.00 seconds\n", log)
    assert "Status: timeout" in log
    assert program.call("count") == [1, True]
