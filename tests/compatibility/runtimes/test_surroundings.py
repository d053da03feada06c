"""What a function finds around it: variables, directories, libraries."""

from __future__ import annotations

import pytest
from tests.support.programs import (
    Program,
    every_python,
    every_runtime,
    program_files,
    two_of_each,
)

VARIABLES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",  # Lambent's own: on AWS the APIs are where SDKs look by themselves
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "TZ",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
}
# What the client adds for itself, or AWS's documentation does not list and its images have.
TOLERATED = {"AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "PWD", "SHLVL", "_", "LC_CTYPE"}
READ_ONLY = ("/var/task", "/opt", "/var/runtime", "/", "/usr/bin", "/etc", "/dev/shm")


@every_runtime
def test_the_environment_is_the_documented_one_and_no_more(program):
    found = program.call("surroundings")
    variables = found["variables"]
    family = {"PYTHONPATH"} if program.is_python else {"NODE_PATH"}
    assert VARIABLES | family <= set(variables)
    assert set(variables) <= VARIABLES | family | TOLERATED
    assert found["directory"] == variables["LAMBDA_TASK_ROOT"] == "/var/task"
    assert found["user"] != 0
    name = program.deployed.name
    expected = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{program.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_REGION": "us-east-1",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LANG": "en_US.UTF-8",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "TZ": ":UTC",
        "_HANDLER": "main.handler",
    }
    assert {name: variables[name] for name in expected} == expected
    assert variables["PATH"].split(":")[-1] == "/opt/bin"
    assert "/var/task/lib" in variables["LD_LIBRARY_PATH"].split(":")


@two_of_each
def test_a_function_adds_variables_and_replaces_those_it_may(function, runtime):
    own = {"TABLE": "orders", "TZ": "Asia/Tokyo", "LANG": "C.UTF-8", "EMPTY": ""}
    deployed = function(runtime, program_files(runtime), Environment={"Variables": own})
    variables = Program(runtime, deployed).call("surroundings")["variables"]
    assert {name: variables[name] for name in own} == own


@two_of_each
def test_files_can_be_written_in_tmp_only(program):
    answer = program.call("writable", ["/tmp", *READ_ONLY])
    assert answer.pop("/tmp") is None
    assert None not in answer.values()


@every_python
def test_boto3_is_there(program):
    path, region = program.call("sdk")
    assert path.startswith("/var/runtime/")
    assert region == "us-east-1"


@every_python
def test_modules_are_looked_for_in_the_order_of_lambdas(program):
    release = program.runtime.removeprefix("python")
    places = program.call("surroundings")["path"]
    expected = [
        "/var/task",
        f"/opt/python/lib/python{release}/site-packages",
        "/opt/python",
        "/var/runtime",
    ]
    assert [place for place in places if place in expected] == expected


@every_python
@pytest.mark.parametrize("library", ["boto3", "simplejson", "urllib3"])
def test_a_library_in_the_package_wins(function, runtime, library):
    source = f"import {library}\ndef handler(event, context):\n    return {library}.__file__\n"
    deployed = function(runtime, {"main.py": source, f"{library}/__init__.py": ""})
    assert deployed.call() == f"/var/task/{library}/__init__.py"


WRAPPER = """#!/bin/bash
export WRAPPED="$AWS_LAMBDA_EXEC_WRAPPER"
echo "wrapper: starting $(basename "$1")"
exec "$@"
"""


@two_of_each
def test_a_wrapper_script_starts_the_runtime(function, runtime):
    deployed = function(
        runtime,
        {**program_files(runtime), "wrapper": WRAPPER},
        executable=("wrapper",),
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}},
    )
    program = Program(runtime, deployed)
    assert program.call("surroundings")["variables"]["WRAPPED"] == "/var/task/wrapper"


@two_of_each
def test_a_wrapper_script_that_is_not_there_fails_the_start(function, runtime):
    deployed = function(
        runtime,
        program_files(runtime),
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/no/such/wrapper"}},
    )
    payload = deployed.fail()
    assert payload["errorType"] in ("Runtime.ExitError", "Runtime.InvalidEntrypoint")
