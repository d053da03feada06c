"""Invoke as clients see it: what a function is told, what it answers, and how it fails."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from tests.support.functions import deploy
from tests.support.http_requests import scope_header, send
from tests.support.refusals import refusal
from tests.support.waiting import wait_logged

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
QUOTA = 6 * 1024 * 1024
QUICK: dict[str, Any] = {"MemorySize": 1769, "Timeout": 20}
CODE = """
import os, sys

def echo(event, context):
    return event

def told(event, context):
    return {
        "event": event,
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "log_group": context.log_group_name,
        "log_stream": context.log_stream_name,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "greeting": os.environ.get("GREETING"),
        "client": context.client_context and {
            "custom": context.client_context.custom,
            "env": context.client_context.env,
            "title": context.client_context.client.app_title,
        },
    }

def large(event, context):
    return "x" * event

def say(event, context):
    print(event)
    print("to stderr", file=sys.stderr)

def count(event, context, calls=[]):
    calls.append(event)
    return len(calls)

def handler(event, context):
    return globals()[event["do"]](event.get("with"), context)
"""


@pytest.fixture(scope="module")
def greet(server):
    """One function for all tests that leave it fit for the next."""
    deployed = deploy(
        server,
        CODE,
        FunctionName="invoke-greet",
        Publish=True,
        Environment={"Variables": {"GREETING": "hello"}},
        **QUICK,
    )
    yield deployed
    deployed.client.delete_function(FunctionName=deployed.name)


def do(what, argument=None):
    return {"do": what, "with": argument}


# What goes in and comes out


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "é\U0001f600\x00", [], {"a": [{}]}])
def test_a_value_comes_back_as_it_was(greet, value):
    answer = greet.invoke(do("echo", value))
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert "LogResult" not in answer
    assert json.loads(answer["Payload"].read()) == value
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == "application/json"
    assert headers["x-amz-executed-version"] == "$LATEST"
    assert re.fullmatch(UUID, headers["x-amzn-requestid"])


def test_no_payload_is_an_empty_event(server, function):
    deployed = function("def handler(event, context):\n    return event\n", **QUICK)
    answer = server.client().invoke(FunctionName=deployed.name)
    assert answer["Payload"].read() == b"{}"


def test_a_function_is_told_about_its_invocation(greet):
    answer = greet.invoke(do("told", "hi"))
    told = json.loads(answer["Payload"].read())
    assert told["event"] == "hi"
    assert told["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert told["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:invoke-greet"
    assert (told["name"], told["version"]) == ("invoke-greet", "$LATEST")
    assert told["memory"] == "1769"
    assert told["log_group"] == "/aws/lambda/invoke-greet"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told["log_stream"])
    assert 0 < told["remaining_ms"] <= 20_000
    assert told["greeting"] == "hello"
    assert told["client"] is None
    assert re.fullmatch(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01](;Lineage=\S+)?",
        told["trace"],
    )


def test_a_client_context_reaches_the_function(greet):
    context = {
        "custom": {"key": "välue\n"},
        "env": {"locale": "de"},
        "client": {"app_title": "shop", "installation_id": "1"},
    }
    encoded = base64.b64encode(json.dumps(context).encode()).decode()
    told = greet.call(do("told"), ClientContext=encoded)
    assert told["client"] == {
        "custom": {"key": "välue\n"},
        "env": {"locale": "de"},
        "title": "shop",
    }


@pytest.mark.parametrize("context", ["%%%", base64.b64encode(b"{").decode()])
def test_a_client_context_that_is_none_is_refused(greet, context):
    refused = refusal(greet.invoke, do("told"), ClientContext=context)
    assert (refused.status, refused.code) == (400, "InvalidRequestContentException")


def test_a_trace_goes_on(greet, server):
    root = "Root=1-5759e988-bd862e3fe1be46a994272793"
    answer = send(
        server,
        "POST",
        "/2015-03-31/functions/invoke-greet/invocations",
        json.dumps(do("told")),
        {"X-Amzn-Trace-Id": f"{root};Parent=53995c3f42cd8ad8;Sampled=1", **scope_header("lambda")},
    )
    trace = answer.document["trace"]
    assert trace.startswith(f"{root};Parent=")
    assert "Sampled=1" in trace


@pytest.mark.parametrize(
    ("name", "qualifier", "version"),
    [
        ("invoke-greet", "1", "1"),
        ("invoke-greet:1", None, "1"),
        ("000000000000:function:invoke-greet:1", None, "1"),
        ("arn:aws:lambda:us-east-1:000000000000:function:invoke-greet:1", "1", "1"),
        ("invoke-greet", "$LATEST", "$LATEST"),
        ("arn:aws:lambda:us-east-1:000000000000:function:invoke-greet", None, "$LATEST"),
    ],
)
def test_the_version_that_was_named_runs(greet, name, qualifier, version):
    options = {"Qualifier": qualifier} if qualifier else {}
    answer = greet.client.invoke(FunctionName=name, Payload=json.dumps(do("told")), **options)
    told = json.loads(answer["Payload"].read())
    assert answer["ExecutedVersion"] == told["version"] == version
    arn = "arn:aws:lambda:us-east-1:000000000000:function:invoke-greet"
    suffix = f":{version}" if qualifier or name.endswith(":1") else ""
    assert told["arn"] == arn + suffix


def test_a_dry_run_runs_nothing(greet):
    before = greet.call(do("count"))
    answer = greet.invoke(do("count"), InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    assert greet.call(do("count")) == before + 1


def test_the_tail_of_the_log_comes_with_the_answer(greet):
    answer = greet.invoke(do("say", "hello log"), LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[1:3] == ["hello log", "to stderr"]
    assert lines[3] == f"END RequestId: {request_id}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 1769 MB\tMax Memory Used: \d+ MB\t(Init Duration: [\d.]+ ms\t)?",
        lines[4],
    )
    assert len(lines) == 5
    answer = greet.invoke(do("say", "x" * 10_000), LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert len(tail) <= 4096
    assert "REPORT RequestId" in tail


def test_what_was_printed_is_in_the_log(greet):
    greet.call(do("say", "for the log"))
    messages = wait_logged(greet, "for the log")
    assert "for the log\n" in messages
    assert messages[0].startswith("INIT_START Runtime Version: python:3.11")


# Quotas and requests that are none


def test_a_payload_of_six_megabytes_goes_in_and_one_byte_more_does_not(greet):
    text = "x" * (QUOTA - len(json.dumps(do("echo", ""))))
    event = json.dumps(do("echo", text))
    assert len(event) == QUOTA
    answer = greet.client.invoke(FunctionName=greet.name, Payload=event)
    assert json.loads(answer["Payload"].read()) == text
    assert refusal(greet.client.invoke, FunctionName=greet.name, Payload=event + " ") == (
        413,
        "RequestTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )


def test_an_answer_of_six_megabytes_comes_out_and_much_more_does_not(greet):
    assert len(greet.call(do("large", QUOTA - 2))) == QUOTA - 2
    payload = greet.fail(do("large", QUOTA + 100))
    assert payload == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert greet.call(do("echo", "still there")) == "still there"


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"hello", "Unrecognized token 'hello': was expecting "),
        (b"{", "Unexpected"),
        (b"n\x87r", "Invalid UTF-8 start byte 0x87\n at [Source: REDACTED "),
        (b"\x99\xeb,", "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value "),
    ],
)
@pytest.mark.parametrize("kind", ["RequestResponse", "DryRun"])
def test_an_event_that_is_no_json_is_refused(greet, payload, complaint, kind):
    refused = refusal(
        greet.client.invoke, FunctionName=greet.name, Payload=payload, InvocationType=kind
    )
    assert (refused.status, refused.code) == (400, "InvalidRequestContentException")
    start = "Could not parse request body into json: Could not parse payload into json: "
    assert refused.message.startswith(start + complaint)


def test_an_invocation_type_that_is_none_is_refused(greet):
    refused = refusal(greet.invoke, do("echo"), InvocationType="Sometimes")
    assert refused == (
        400,
        "ValidationException",
        "1 validation error detected: Value 'Sometimes' at 'invocationType' failed to satisfy "
        "constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
    )
