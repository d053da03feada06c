"""What a handler returns, and what its caller gets."""

from __future__ import annotations

import pytest
from tests.support.programs import every_python, every_runtime

VALUES: list[object] = [
    None,
    True,
    0,
    -1.5,
    "",
    "grüße 🎉 \u2028",
    [],
    {},
    {"text": "ä", "list": [1, [2, {"three": None}]]},
    "x" * 100_000,
]


@every_runtime
def test_a_result_is_answered_as_json(program):
    for value in VALUES:
        assert program.call("echo", value) == value
    assert program.call("nothing") is None


@every_runtime
def test_a_result_that_is_no_json_is_the_functions_error(program):
    payload = program.fail("unserializable")
    error = f"{payload['errorType']}: {payload['errorMessage']}"
    if program.is_python:
        assert error == (
            "Runtime.MarshalError: Unable to marshal response: "
            "Object of type set is not JSON serializable"
        )
    else:
        error_type = "Runtime.JSONStringifyError" if program.runtime == "nodejs24.x" else "Error"
        assert error == f"{error_type}: Unable to stringify response body"
    assert program.call("echo", "and on") == "and on"


@every_runtime
def test_a_number_that_json_does_not_know(program):
    answer = program.invoke("not_a_number" if program.is_python else "notANumber")
    # Python's client answers what is no JSON, as it does on AWS; Node.js itself makes it null.
    written = b'{"answer": NaN}' if program.is_python else b'{"answer":null}'
    assert answer["Payload"].read() == written
    assert "FunctionError" not in answer


@every_python
@pytest.mark.parametrize("content", [b"", bytes(range(256)), b"no JSON"])
def test_bytes_are_answered_as_they_are(program, content):
    answer = program.invoke("raw", list(content))
    assert answer["Payload"].read() == content
    assert "FunctionError" not in answer
