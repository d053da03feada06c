"""How functions fail, and what their callers are told."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from tests.support.functions import deploy

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
QUICK: dict[str, Any] = {"MemorySize": 1769, "Timeout": 20}
CODE = """
import os, sys, time

class Wrong(Exception):
    pass

def fail(event, context):
    raise Wrong("so it is")

def leave(event, context):
    sys.exit(event)

def vanish(event, context):
    os._exit(event)

def kill(event, context):
    os.kill(os.getpid(), event)
    time.sleep(60)

def unserializable(event, context):
    return {1, 2}

def count(event, context, calls=[]):
    calls.append(event)
    return len(calls)

def handler(event, context):
    return globals()[event["do"]](event.get("with"), context)
"""


@pytest.fixture(scope="module")
def faulty(server):
    """One function that fails as it is told."""
    deployed = deploy(server, CODE, FunctionName="invoke-faulty", **QUICK)
    yield deployed
    deployed.client.delete_function(FunctionName=deployed.name)


def do(what, argument=None):
    return {"do": what, "with": argument}


def test_a_raised_exception_is_told_with_its_trace(faulty):
    answer = faulty.invoke(do("fail"))
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    payload = json.loads(answer["Payload"].read())
    assert payload["errorMessage"] == "so it is"
    assert payload["errorType"] == "Wrong"
    assert payload["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert payload["stackTrace"][-1].startswith('  File "/var/task/lambda_function.py", line ')


def test_what_cannot_be_serialized_is_the_functions_error(faulty):
    payload = faulty.fail(do("unserializable"))
    assert payload["errorType"] == "Runtime.MarshalError"
    assert "set" in payload["errorMessage"]


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (do("leave", 0), "Runtime exited without providing a reason"),
        (do("leave", 3), "Runtime exited with error: exit status 3"),
        (do("vanish", 0), "Runtime exited without providing a reason"),
        (do("vanish", 7), "Runtime exited with error: exit status 7"),
        (do("kill", 9), "Runtime exited with error: signal: killed"),
        (do("kill", 11), "Runtime exited with error: signal: segmentation fault"),
    ],
    ids=["exit 0", "exit 3", "_exit 0", "_exit 7", "kill", "segfault"],
)
def test_a_function_that_exits_is_told_and_starts_again(faulty, action, reason):
    answer = faulty.invoke(action, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert json.loads(answer["Payload"].read()) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: {reason}",
    }
    log = base64.b64decode(answer["LogResult"]).decode()
    assert f"RequestId: {request_id} Error: {reason}\nRuntime.ExitError\n" in log
    assert "Status: error\tError Type: Runtime.ExitError" in log
    assert faulty.call(do("count")) == 1


def test_a_function_out_of_time_is_stopped_and_starts_again(function):
    code = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'done'\n"
    deployed = function(code, **{**QUICK, "Timeout": 1})
    answer = deployed.invoke(30, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    log = base64.b64decode(answer["LogResult"]).decode()
    assert re.search(rf"Z {request_id} Task timed out after 1.00 seconds\n", log)
    assert "Status: timeout" in log
    assert deployed.call(0) == "done"


# Functions that never come so far

EMPTY = "def other(event, context):\n    pass\n"


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        (
            EMPTY,
            "absent.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'absent': No module named 'absent'",
        ),
        (
            "import absent\n",
            "lambda_function.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'lambda_function': No module named 'absent'",
        ),
        (
            EMPTY,
            "lambda_function.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'lambda_function'",
        ),
        (EMPTY, "nodot", "Runtime.MalformedHandlerName", "Bad handler 'nodot'"),
        (
            "def handler(:\n",
            "lambda_function.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'lambda_function': ",
        ),
        ("raise ValueError('at import')\n", "lambda_function.handler", "ValueError", "at import"),
    ],
    ids=["no module", "import", "no handler", "handler name", "syntax", "raises"],
)
def test_a_function_that_cannot_be_loaded_says_why(function, code, handler, error_type, message):
    payload = function(code, handler=handler, **QUICK).fail({})
    assert payload["errorType"] == error_type
    assert payload["errorMessage"].startswith(message)


def test_a_function_that_exits_at_import_says_so(function):
    deployed = function("import sys\nsys.exit(4)\n", **QUICK)
    answer = deployed.invoke({})
    assert json.loads(answer["Payload"].read()) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer['ResponseMetadata']['RequestId']} Error: "
        "Runtime exited with error: exit status 4",
    }


CUSTOM = {"runtime": "provided.al2023", "handler": "function.handler", **QUICK}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"other": "x"}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ({"bootstrap": "#!/bin/bash\nexit 5\n"}, "Runtime exited with error: exit status 5"),
    ],
    ids=["none", "exits"],
)
def test_a_bootstrap_that_does_not_work(function, files, message):
    answer = function(files, **CUSTOM).invoke({})
    payload = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] in ("Runtime.InvalidEntrypoint", "Runtime.ExitError")
    assert payload["errorMessage"].endswith(f"Error: {message}")


@pytest.mark.parametrize("content", ["#!/no/such/interpreter\n", "not a program"])
def test_a_bootstrap_that_cannot_be_executed(function, content):
    payload = function({"bootstrap": content}, **CUSTOM).fail({})
    assert payload["errorType"] in ("Runtime.InvalidEntrypoint", "Runtime.ExitError")
    assert re.match(rf"RequestId: {UUID} Error: ", payload["errorMessage"])
