"""Handlers that throw: an error is told, and the environment goes on."""

from __future__ import annotations

import base64
import json
import re

import pytest
from tests.support.programs import every_node, every_runtime, two_nodes


@every_runtime
def test_an_exception_is_told_with_its_trace_and_the_environment_goes_on(program):
    before, _ = program.call("count")
    answer = program.invoke("fail", "cannot take that", LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    payload = json.loads(answer["Payload"].read())
    assert payload["errorType"] == "Refused"
    assert payload["errorMessage"] == "cannot take that"
    request_id = answer["ResponseMetadata"]["RequestId"]
    if program.is_python:
        assert payload["requestId"] == request_id
        assert payload["stackTrace"][-1].startswith('  File "/var/task/main.py", line ')
        assert "in fail" in payload["stackTrace"][-1]
    else:
        assert payload["trace"][0] == "Refused: cannot take that"
        assert "/var/task/main.js:" in payload["trace"][1]
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "cannot take that" in log
    # An error that the function reports itself is no failure of its environment.
    assert re.search(rf"REPORT RequestId: {request_id}\t", log)
    assert "Status:" not in log
    assert program.call("count")[0] == before + 1


@every_runtime
def test_an_error_is_one_log_event_whatever_lines_it_has(program, logged):
    program.fail("fail", "first line\nsecond line")
    told = logged(program, "second line")
    [event] = [message for message in told if "second line" in message]
    assert "first line\nsecond line" in event.replace("\\n", "\n")
    assert "\r" not in event


@two_nodes
def test_whatever_is_thrown_is_told(program):
    assert program.fail("throwText", "just text")["errorMessage"] == "just text"
    assert program.fail("throwText", None)["errorMessage"] is not None
    payload = program.fail("throwText", {"name": "Odd", "message": "an object"})
    assert payload["errorType"]


@every_node
@pytest.mark.parametrize(
    ("action", "error_type"),
    [("throwLater", "Refused"), ("reject", "Runtime.UnhandledPromiseRejection")],
)
def test_what_nobody_catches_is_told_and_ends_the_environment(program, logged, action, error_type):
    payload = program.fail(action, "nobody waits for this")
    if program.runtime == "nodejs24.x":
        # Release 4 of the client leaves it to Node.js, which prints it and ends.
        assert payload["errorType"] == "Runtime.ExitError"
        assert payload["errorMessage"].endswith("Runtime exited with error: exit status 1")
    else:
        assert payload["errorType"] == error_type
        assert "nobody waits for this" in payload["errorMessage"]
    assert any("nobody waits for this" in each for each in logged(program, "waits for this"))
    assert program.call("count")[0] == 1
