"""Functions that never come so far as to be invoked, and what their callers are told."""

from __future__ import annotations

import json
import re

import pytest
from tests.support.programs import every_python, every_runtime, two_of_each
from tests.support.waiting import wait_logged

PYTHON = {
    "main.py": "def other(event, context):\n    pass\n",
    "broken.py": "import absent\n",
    "wrong.py": "def handler(:\n",
    "raising.py": "raise ValueError('at import')\n",
    "leaving.py": "import sys\nsys.exit(4)\n",
    "vanishing.py": "import os\nos._exit(0)\n",
}
NODEJS = {
    "main.js": "exports.other = async () => {};\n",
    "broken.js": "require('absent');\n",
    "wrong.js": "exports.handler = (;\n",
    "raising.js": "throw new RangeError('at import');\n",
    "leaving.js": "process.exit(4);\n",
    "vanishing.js": "process.exit(0);\n",
}


@pytest.fixture
def broken(function, runtime):
    """A function of these files and a handler that is none."""
    files = PYTHON if runtime.startswith("python") else NODEJS
    return lambda handler, **settings: function(runtime, files, handler=handler, **settings)


@two_of_each
@pytest.mark.parametrize(
    ("handler", "error_type", "python", "nodejs"),
    [
        (
            "missing.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'missing': No module named 'missing'",
            "Error: Cannot find module 'missing'\nRequire stack:\n- ",
        ),
        (
            "broken.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'broken': No module named 'absent'",
            "Error: Cannot find module 'absent'\nRequire stack:\n- /var/task/broken.js",
        ),
        (
            "wrong.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'wrong': ",
            "SyntaxError: Unexpected token ';'",
        ),
        (
            "main.missing",
            "Runtime.HandlerNotFound",
            "Handler 'missing' missing on module 'main'",
            "main.missing is undefined or not exported",
        ),
        ("nodot", "Runtime.MalformedHandlerName", "Bad handler 'nodot'", "Bad handler"),
    ],
    ids=["no module", "import", "syntax", "no handler", "handler name"],
)
def test_a_function_that_cannot_be_loaded_says_why(
    broken, runtime, handler, error_type, python, nodejs
):
    payload = broken(handler).fail()
    assert payload["errorType"] == error_type
    message = python if runtime.startswith("python") else nodejs
    assert payload["errorMessage"].startswith(message)


@every_runtime
def test_every_runtime_tells_a_missing_module(broken):
    assert broken("missing.handler").fail()["errorType"] == "Runtime.ImportModuleError"


@every_python
def test_a_module_of_the_interpreters_own_is_no_handler(broken):
    payload = broken("sys.handler").fail()
    assert payload["errorType"] == "Runtime.BuiltInModuleConflict"


@two_of_each
def test_an_exception_while_loading_is_told_by_its_own_name(broken, runtime):
    payload = broken("raising.handler").fail()
    error_type = "ValueError" if runtime.startswith("python") else "RangeError"
    assert (payload["errorType"], payload["errorMessage"]) == (error_type, "at import")


@two_of_each
@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        ("leaving.handler", "Runtime exited with error: exit status 4"),
        ("vanishing.handler", "Runtime exited without providing a reason"),
    ],
)
def test_a_function_that_exits_while_loading_says_so(broken, handler, reason):
    answer = broken(handler).invoke()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: {reason}",
    }


@two_of_each
def test_a_failed_start_is_in_the_log_and_done_again_within_the_invocation(broken):
    deployed = broken("missing.handler")
    deployed.fail()
    second = deployed.invoke()["ResponseMetadata"]["RequestId"]
    log = "".join(wait_logged(deployed, f"REPORT RequestId: {second}"))
    reports = re.findall(r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: (\w+)\t(.*)\n", log)
    ending = "Status: error\tError Type: Runtime.ImportModuleError"
    # The second invocation has one start only: there was none before it.
    assert reports == [("init", ending), ("invoke", ending), ("invoke", ending)]
