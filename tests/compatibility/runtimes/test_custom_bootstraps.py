"""Custom runtimes that are none: what the caller is told of a `bootstrap` that does not work."""

from __future__ import annotations

import json

import pytest

RUNTIME = "provided.al2023"
NONE = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"


@pytest.mark.parametrize(
    ("files", "error_type", "message"),
    [
        ({"other": "x"}, "Runtime.InvalidEntrypoint", NONE),
        (
            {"bootstrap": "#!/bin/bash\nexit 5\n"},
            "Runtime.ExitError",
            "Runtime exited with error: exit status 5",
        ),
    ],
    ids=["none", "exits"],
)
def test_a_bootstrap_that_does_not_work(function, files, error_type, message):
    answer = function(RUNTIME, files, handler="function.handler").invoke()
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {
        "errorType": error_type,
        "errorMessage": f"RequestId: {answer['ResponseMetadata']['RequestId']} Error: {message}",
    }


@pytest.mark.parametrize("content", ["#!/no/such/interpreter\n", "not a program"])
def test_a_bootstrap_that_cannot_be_executed(function, content):
    answer = function(RUNTIME, {"bootstrap": content}, handler="function.handler").invoke()
    payload = json.loads(answer["Payload"].read())
    assert payload["errorType"] in ("Runtime.InvalidEntrypoint", "Runtime.ExitError")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert payload["errorMessage"].startswith(f"RequestId: {request_id} Error: ")
