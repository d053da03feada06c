"""InvokeWithResponseStream as AWS's SDKs for Python and JavaScript read it."""

from __future__ import annotations

import base64
import contextlib
import json
import uuid

import pytest
from botocore.exceptions import ClientError
from tests.support.functions import WHOLE_CPU, deploy
from tests.support.gates import open_gate
from tests.support.javascript_sdk import streamed_invocation
from tests.support.server import newest_runtime
from tests.support.streaming_functions import files_for

BUFFERED = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no answer")
    return {"version": context.function_version, "event": event}
"""


@contextlib.contextmanager
def with_boto3(server, **request):
    yield read_by_boto3(server.client(), request)


def read_by_boto3(client, request):
    """The same that the program in JavaScript prints."""
    try:
        answer = client.invoke_with_response_stream(**request)
    except ClientError as refused:
        error, metadata = refused.response["Error"], refused.response["ResponseMetadata"]
        yield {
            "error": error["Code"],
            "message": error["Message"],
            "status": metadata["HTTPStatusCode"],
        }
        return
    yield {"status": answer["StatusCode"], "version": answer.get("ExecutedVersion")}
    for event in answer["EventStream"]:
        if "PayloadChunk" in event:
            yield {"chunk": event["PayloadChunk"]["Payload"].decode()}
        else:
            yield event


CLIENTS = {"boto3": with_boto3, "javascript": streamed_invocation}
both_clients = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(scope="module")
def functions(server):
    """One each for all tests: that stream what they are told to, and one that answers whole."""
    newest = newest_runtime("nodejs")
    node = deploy(
        server,
        files_for(newest),
        runtime=newest,
        handler="index.streaming",
        Timeout=30,
        **WHOLE_CPU,
    )
    custom = deploy(server, files_for("bash"), runtime="provided.al2023", Timeout=30, **WHOLE_CPU)
    buffered = deploy(
        server, BUFFERED, runtime=newest_runtime("python"), Publish=True, Timeout=30, **WHOLE_CPU
    )
    buffered.client.create_alias(FunctionName=buffered.name, Name="live", FunctionVersion="1")
    made = {"node": node, "custom": custom, "buffered": buffered}
    yield made
    for each in made.values():
        each.client.delete_function(FunctionName=each.name)


@pytest.fixture
def stream(functions, client):
    """Invoke one of the functions; gives what the client reads, when it does."""
    with contextlib.ExitStack() as open_ones:

        def begin(name, event, **options):
            function = functions[name]
            request = {"FunctionName": function.name, "Payload": json.dumps(event), **options}
            return open_ones.enter_context(CLIENTS[client](function.server, **request))

        yield begin


def steps(*pairs):
    return {"steps": [list(pair) for pair in pairs]}


@both_clients
@pytest.mark.parametrize("name", ["node", "custom"])
def test_a_chunk_is_read_before_the_function_goes_on(stream, name):
    gate = f"gate-{uuid.uuid4()}"
    events = stream(name, steps(("write", "one "), ("gate", gate), ("write", "two")))
    assert next(events) == {"status": 200, "version": "$LATEST"}
    assert next(events) == {"chunk": "one "}
    open_gate(gate)
    assert list(events) == [{"chunk": "two"}, {"InvokeComplete": {}}]


@both_clients
def test_what_is_long_comes_in_pieces_and_in_order(stream):
    events = stream(
        "node", steps(("write", "begin "), ("fill", {"bytes": 1 << 20}), ("write", "."))
    )
    [_, *chunks, end] = events
    assert "".join(each["chunk"] for each in chunks) == "begin " + "x" * (1 << 20) + "."
    assert len(chunks) > 1
    assert end == {"InvokeComplete": {}}


@both_clients
def test_an_error_before_the_first_byte_is_told_at_the_end(stream):
    [head, end] = stream("node", steps(("fail", "at once")))
    assert head == {"status": 200, "version": "$LATEST"}
    completion = end["InvokeComplete"]
    assert completion["ErrorCode"] == "Unhandled"
    error = json.loads(completion["ErrorDetails"])
    assert (error["errorType"], error["errorMessage"]) == ("RangeError", "at once")


@both_clients
@pytest.mark.parametrize(("name", "before"), [("node", "one "), ("custom", "one two")])
def test_an_error_in_the_middle_is_told_after_what_came_before(stream, name, before):
    [_, *chunks, end] = stream(name, steps(("write", "one "), ("fail", "no")))
    assert "".join(each["chunk"] for each in chunks) == before
    completion = end["InvokeComplete"]
    assert completion["ErrorCode"] == "Unhandled"
    assert json.loads(completion["ErrorDetails"])["errorMessage"] == "no"


@both_clients
def test_the_tail_of_the_log_comes_at_the_end(stream):
    said = f"said {uuid.uuid4()}"
    [_, chunk, end] = stream("node", steps(("log", said), ("write", "x")), LogType="Tail")
    assert chunk == {"chunk": "x"}
    tail = base64.b64decode(end["InvokeComplete"].pop("LogResult")).decode()
    assert said in tail
    assert "REPORT RequestId: " in tail
    assert end == {"InvokeComplete": {}}


@both_clients
def test_the_tail_of_the_log_comes_with_an_error_too(stream):
    [_, end] = stream("node", steps(("log", "before it"), ("fail", "no")), LogType="Tail")
    completion = end["InvokeComplete"]
    assert completion["ErrorCode"] == "Unhandled"
    assert "before it" in base64.b64decode(completion["LogResult"]).decode()


@both_clients
def test_a_buffered_function_answers_a_streaming_invoke_whole(stream):
    [head, chunk, end] = stream("buffered", {"a": "é"})
    assert head == {"status": 200, "version": "$LATEST"}
    assert json.loads(chunk["chunk"]) == {"version": "$LATEST", "event": {"a": "é"}}
    assert end == {"InvokeComplete": {}}
    [_, end] = stream("buffered", {"fail": True})
    assert json.loads(end["InvokeComplete"]["ErrorDetails"])["errorType"] == "ValueError"


def test_a_streaming_function_answers_a_buffered_invoke(functions):
    answer = functions["node"].invoke(steps(("write", "one "), ("write", "two")))
    assert (answer["Payload"].read(), answer.get("FunctionError")) == (b"one two", None)


@both_clients
@pytest.mark.parametrize("qualifier", ["1", "live"])
def test_the_version_that_was_named_streams(stream, qualifier):
    [head, chunk, _] = stream("buffered", {}, Qualifier=qualifier)
    assert head == {"status": 200, "version": "1"}
    assert json.loads(chunk["chunk"])["version"] == "1"


@both_clients
def test_a_dry_run_streams_nothing(stream, functions):
    """The gate would keep it, if it ran."""
    [head, *events] = stream("node", steps(("gate", "never")), InvocationType="DryRun")
    assert head["status"] == 204
    assert events == []


@both_clients
@pytest.mark.parametrize(
    ("options", "status", "code", "message"),
    [
        ({"FunctionName": "nobody-s"}, 404, "ResourceNotFoundException", "Function not found: "),
        ({"Qualifier": "nobody-s"}, 404, "ResourceNotFoundException", "Function not found: "),
        ({"Payload": "hello"}, 400, "InvalidRequestContentException", "Could not parse request"),
        (
            {"InvocationType": "Event"},
            400,
            "ValidationException",
            "1 validation error detected: Value 'Event' at 'invocationType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [RequestResponse, DryRun]",
        ),
    ],
)
def test_what_cannot_begin_is_refused(stream, options, status, code, message):
    [refused] = stream("node", {}, **options)
    assert (refused["status"], refused["error"]) == (status, code)
    assert refused["message"].startswith(message)


def test_an_event_over_the_quota_is_refused(functions):
    function = functions["node"]
    request = {"FunctionName": function.name, "Payload": b" " * (6 << 20) + b"{}"}
    [refused] = read_by_boto3(function.client, request)
    assert refused == {
        "status": 413,
        "error": "RequestTooLargeException",
        "message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    }


@both_clients
def test_a_throttled_function_is_refused(stream, functions):
    function = functions["custom"]
    name = {"FunctionName": function.name}
    function.client.put_function_concurrency(**name, ReservedConcurrentExecutions=0)
    try:
        [refused] = stream("custom", {})
    finally:
        function.client.delete_function_concurrency(**name)
    assert (refused["status"], refused["error"]) == (429, "TooManyRequestsException")
