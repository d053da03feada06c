"""What a function says, and the log events that become of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.support.functions import WHOLE_CPU
from tests.support.programs import (
    TWO_PYTHONS,
    Program,
    every_runtime,
    program_files,
    two_of_each,
)
from tests.support.waiting import eventually, wait_logged

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
SECOND = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@every_runtime
def test_a_log_call_is_one_event_and_a_printed_line_is_one(program, logged):
    answer = program.invoke("log")
    request_id = answer["ResponseMetadata"]["RequestId"]
    messages = logged(program, f"REPORT RequestId: {request_id}")
    own = messages[messages.index(f"START RequestId: {request_id} Version: $LATEST\n") + 1 :]
    own = own[: own.index(f"END RequestId: {request_id}\n")]
    assert sorted(own[-2:] if program.is_python else own[1:]) == ["printed\n", "to stderr\n"]
    [event] = [message for message in own if "two" in message]
    if program.is_python:
        assert re.fullmatch(rf"\[WARNING\]\t{TIME}\t{request_id}\ttwo\nlines\n?", event)
    else:
        assert re.fullmatch(rf"{TIME}\t{request_id}\tWARN\ttwo\nlines\n", event)
    assert len(own) == 3


def json_program(function, runtime, level, system_level="INFO", **settings: Any) -> Program:
    logging = {
        "LogFormat": "JSON",
        "ApplicationLogLevel": level,
        "SystemLogLevel": system_level,
    }
    options = {"LoggingConfig": logging, **WHOLE_CPU, **settings}
    return Program(runtime, function(runtime, program_files(runtime), **options))


def documents(program) -> list[dict[str, Any]]:
    """Every log event that is JSON, once the last invocation's are all there."""
    messages = wait_logged(program.deployed, "platform.report")
    return [json.loads(message) for message in messages if message.startswith("{")]


def application_logs(program) -> dict[str, dict[str, Any]]:
    """The function's own events by message, without the platform's."""
    return {
        str(each["message"]): each
        for each in documents(program)
        if "level" in each and "type" not in each
    }


@two_of_each
def test_json_logs_are_objects_of_lambdas_form(function, runtime):
    program = json_program(function, runtime, "DEBUG")
    answer = program.invoke("log_levels" if program.is_python else "logLevels")
    request_id = answer["ResponseMetadata"]["RequestId"]
    found = application_logs(program)
    debug = found["said at debug"]
    assert (debug["level"], debug["requestId"]) == ("DEBUG", request_id)
    assert re.fullmatch(SECOND if program.is_python else TIME, debug["timestamp"])
    assert found["said at error"]["level"] == "ERROR"
    if program.is_python:
        assert found["said at info"]["order"] == 7
        assert found["said at info"]["logger"] == "orders"
        error = found["said with a trace"]
        assert (error["errorType"], error["errorMessage"]) == ("Refused", "logged")
        assert error["location"].startswith("/var/task/main.py:log_levels:")
    else:
        assert found["said at info { order: 7 }"]["level"] == "INFO"
        [error] = [each["message"] for each in found.values() if isinstance(each["message"], dict)]
        assert (error["errorType"], error["errorMessage"]) == ("Refused", "logged")
        assert error["stackTrace"][0] == "Refused: logged"
    # What is printed is no log call, and stays as it is.
    assert {"printed": True} in documents(program)


# Release 4.0.2 of Node's client, which Node.js 24 has, forgets it:
# https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/pull/197
@pytest.mark.parametrize("runtime", [*TWO_PYTHONS, "nodejs20.x"])
def test_json_logs_name_the_tenant(function, runtime):
    tenancy = {"TenantIsolationMode": "PER_TENANT"}
    program = json_program(function, runtime, "DEBUG", TenancyConfig=tenancy)
    program.call("log_levels" if program.is_python else "logLevels", TenantId="blue")
    found = application_logs(program)
    assert {found[said]["tenantId"] for said in ("said at debug", "said at error")} == {"blue"}


@two_of_each
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("TRACE", {"said at trace", "said at debug", "said at error"}),
        ("DEBUG", {"said at debug", "said at error"}),
        ("INFO", {"said at error"}),
        ("ERROR", {"said at error"}),
        ("FATAL", set()),
    ],
)
def test_logs_below_the_functions_level_are_left_out(function, runtime, level, expected):
    program = json_program(function, runtime, level)
    program.call("log_levels" if program.is_python else "logLevels")
    found = set(application_logs(program))
    watched = {"said at trace", "said at debug", "said at error"}
    # Python has no level below DEBUG.
    assert found & watched == expected - ({"said at trace"} if program.is_python else set())
    assert (level in ("TRACE", "DEBUG", "INFO")) == any("said at info" in each for each in found)


@two_of_each
def test_an_error_of_a_handler_is_an_object_too(function, runtime):
    program = json_program(function, runtime, "INFO")
    program.fail("fail", "cannot take that")
    errors = eventually(
        lambda: [each for each in documents(program) if "cannot take that" in json.dumps(each)],
        "the error in the log",
    )
    assert [each["level"] for each in errors] == ["ERROR"]
    assert '"Refused"' in json.dumps(errors)


@two_of_each
def test_platform_events_are_objects_and_follow_the_system_level(function, runtime):
    program = json_program(function, runtime, "INFO", system_level="INFO")
    answer = program.invoke("nothing")
    request_id = answer["ResponseMetadata"]["RequestId"]
    events = {each["type"]: each for each in documents(program) if "type" in each}
    assert {"platform.start", "platform.report"} <= set(events)
    assert events["platform.start"]["record"] == {"requestId": request_id, "version": "$LATEST"}
    report = events["platform.report"]
    assert re.fullmatch(TIME, report["time"])
    assert report["record"]["requestId"] == request_id
    assert report["record"]["status"] == "success"
    metrics = report["record"]["metrics"]
    assert metrics["memorySizeMB"] == 1769
    assert 0 < metrics["durationMs"] <= metrics["billedDurationMs"]
    assert 0 < metrics["maxMemoryUsedMB"] < 1769
    assert metrics["initDurationMs"] > 0


@two_of_each
def test_a_quiet_system_level_leaves_successes_out(function, runtime):
    program = json_program(function, runtime, "INFO", system_level="WARN")
    program.call("echo", 1)
    program.fail("leave", 3)
    messages = wait_logged(program.deployed, "Runtime.ExitError")
    types = [json.loads(each)["type"] for each in messages if '"type"' in each]
    assert "platform.start" not in types
    assert "platform.initStart" not in types


@two_of_each
def test_a_log_group_of_ones_own_choice_gets_the_events(function, runtime):
    group = f"/orders/{runtime}"
    deployed = function(runtime, program_files(runtime), LoggingConfig={"LogGroup": group})
    program = Program(runtime, deployed)
    assert program.call("fields")["group"] == group
    program.call("log")
    assert "printed\n" in wait_logged(deployed, "printed\n", group)
