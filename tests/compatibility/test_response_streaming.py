"""Responses that reach the caller while the function is at work, by Invoke and by function URLs."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.gates import open_gate, wait_reached
from tests.support.programs import NODES, require_runtime, two_nodes
from tests.support.server import newest_runtime
from tests.support.streams import (
    Streaming,
    ask,
    both_ways,
    deploy_streaming,
    open_stream,
    read_rest,
    read_until,
)
from tests.support.waiting import wait_logged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.server import RunningServer

HTTP_TYPE = "application/vnd.awslambda.http-integration-response"
CUSTOM_TYPE = "text/event-stream"


def new_gate() -> str:
    return f"gate-{uuid.uuid4()}"


@pytest.fixture(scope="module")
def made() -> Iterator[dict[str, Streaming]]:
    """The functions made so far, by runtime."""
    functions: dict[str, Streaming] = {}
    yield functions
    for each in functions.values():
        each.deployed.client.delete_function(FunctionName=each.deployed.name)


@pytest.fixture
def streaming(server: RunningServer, made: dict[str, Streaming]) -> Callable[[str], Streaming]:
    """The function that streams as it is told, on a runtime; one for all tests."""

    def find(runtime: str) -> Streaming:
        if runtime not in made:
            if runtime in NODES:
                require_runtime(runtime)
            made[runtime] = deploy_streaming(server, runtime)
        return made[runtime]

    return find


@pytest.fixture
def make(server: RunningServer) -> Iterator[Callable[..., Streaming]]:
    """Makes functions on the newest Node.js, and deletes them after the test."""
    own: list[Streaming] = []

    def deploy(*arguments: Any, **settings: Any) -> Streaming:
        own.append(deploy_streaming(server, newest_runtime("nodejs"), *arguments, **settings))
        return own[-1]

    yield deploy
    for each in own:
        each.deployed.client.delete_function(FunctionName=each.deployed.name)


@pytest.fixture
def node(streaming):
    """On the newest Node.js."""
    return streaming(newest_runtime("nodejs"))


def assert_succeeded(stream, way):
    """At its end; nothing but a stream of events says so."""
    assert not stream.is_cut_short
    assert stream.completion == ({} if way == "invoke" else None)


def assert_broke_off(stream, way):
    """At its end, which the runtime did not make itself; gives what the caller is told."""
    if way == "url":  # its status is out; what is left is not to end the body
        assert stream.is_cut_short
        return None
    return invoke_error(stream)


def invoke_error(stream):
    """At its end, of a function that failed: what InvokeComplete says."""
    assert not stream.is_cut_short
    assert stream.completion["ErrorCode"] == "Unhandled"
    return json.loads(stream.completion["ErrorDetails"])


@both_ways
@pytest.mark.parametrize("runtime", [*NODES, "python", "bash"])
def test_a_chunk_arrives_before_the_function_writes_the_next(streaming, runtime, way):
    gate = new_gate()
    stream = open_stream(
        streaming(runtime), [["write", "one "], ["gate", gate], ["write", "two"]], way
    )
    assert stream.answer.status == 200
    assert read_until(stream, b"one ") == b"one "
    open_gate(gate)
    assert read_rest(stream) == b"two"
    assert_succeeded(stream, way)


@both_ways
@pytest.mark.parametrize("runtime", ["nodejs20.x", "python"])
def test_a_stream_may_be_empty(streaming, runtime, way):
    stream = open_stream(streaming(runtime), [], way)
    assert (stream.answer.status, read_rest(stream)) == (200, b"")
    assert_succeeded(stream, way)


@both_ways
@pytest.mark.parametrize("runtime", ["nodejs20.x", "python"])
def test_the_content_type_is_what_the_function_says(streaming, runtime, way):
    stream = open_stream(streaming(runtime), [["write", "x"]], way, type=CUSTOM_TYPE)
    assert stream.content_type == CUSTOM_TYPE
    assert read_rest(stream) == b"x"
    plain = open_stream(streaming(runtime), [["write", "x"]], way)
    assert plain.content_type == "application/octet-stream"
    assert read_rest(plain) == b"x"


@two_nodes
def test_an_http_response_stream_begins_with_its_status_headers_and_cookies(streaming, runtime):
    prelude = {
        "statusCode": 201,
        "headers": {"X-Order": "7", "Content-Type": "text/plain"},
        "cookies": ["a=1; Path=/", "b=2"],
    }
    gate = new_gate()
    stream = open_stream(
        streaming(runtime),
        [["write", "the "], ["gate", gate], ["write", "body"]],
        "url",
        prelude=prelude,
    )
    assert (stream.answer.status, stream.answer.headers["X-Order"]) == (201, "7")
    assert stream.content_type == "text/plain"
    assert stream.answer.headers.get_all("Set-Cookie") == prelude["cookies"]
    assert read_until(stream, b"the ") == b"the "
    open_gate(gate)
    assert read_rest(stream) == b"body"
    assert_succeeded(stream, "url")


@two_nodes
def test_invoke_gives_an_http_response_stream_as_the_function_wrote_it(streaming, runtime):
    prelude = {"statusCode": 404, "headers": {"x-order": "7"}}
    stream = open_stream(streaming(runtime), [["write", "body"]], "invoke", prelude=prelude)
    assert (stream.answer.status, stream.content_type) == (200, HTTP_TYPE)
    head, body = read_rest(stream).split(b"\0" * 8)
    assert (json.loads(head), body) == (prelude, b"body")


# Failures


@both_ways
@two_nodes
def test_an_error_in_the_middle_ends_the_stream_where_it_is(streaming, runtime, way):
    function = streaming(runtime)
    stream = open_stream(function, [["write", "begun"], ["fail", "broken off"]], way)
    assert stream.answer.status == 200
    assert read_rest(stream) == b"begun"
    if way == "invoke":
        error = invoke_error(stream)
        assert (error["errorType"], error["errorMessage"]) == ("RangeError", "broken off")
    assert not stream.is_cut_short  # the runtime has ended it, and said so in trailers
    again = open_stream(function, [["write", "whole"]], way)
    assert read_rest(again) == b"whole"
    assert_succeeded(again, way)


@both_ways
@pytest.mark.parametrize("runtime", ["python", "bash"])
def test_trailers_of_a_custom_runtime_tell_of_an_error_in_the_middle(streaming, runtime, way):
    stream = open_stream(
        streaming(runtime), [["write", "one "], ["write", "two"], ["fail", "no"]], way
    )
    assert read_rest(stream) == b"one two"
    assert way == "url" or invoke_error(stream) == {"errorMessage": "no"}
    assert not stream.is_cut_short


@both_ways
def test_a_body_that_the_runtime_breaks_off_is_broken_off(streaming, way):
    function = streaming("python")
    stream = open_stream(function, [["write", "begun"], ["cut", None]], way)
    assert read_rest(stream) == b"begun"
    error = assert_broke_off(stream, way)
    assert error is None or error["errorType"] == "Runtime.TruncatedResponse"
    again = open_stream(function, [["write", "whole"]], way)
    assert read_rest(again) == b"whole"


@two_nodes
def test_an_error_before_the_first_byte_is_the_whole_answer(streaming, runtime):
    function, steps = streaming(runtime), [["fail", "at once"]]
    stream = open_stream(function, steps, "invoke")
    assert read_rest(stream) == b""
    assert invoke_error(stream)["errorMessage"] == "at once"
    refused = open_stream(function, steps, "url")
    assert (refused.answer.status, read_rest(refused)) == (502, b"Internal Server Error")


@both_ways
@pytest.mark.parametrize(
    ("step", "message"),
    [
        (["leave", 3], "Runtime exited with error: exit status 3"),
        (["kill", None], "Runtime exited with error: signal: killed"),
    ],
)
def test_a_crash_in_the_middle_ends_the_stream_where_it_is(node, step, message, way):
    gate = new_gate()
    stream = open_stream(node, [["write", "begun"], ["gate", gate], step], way)
    assert read_until(stream, b"begun") == b"begun"
    open_gate(gate)
    assert read_rest(stream) == b""
    error = assert_broke_off(stream, way)
    if error is not None:
        assert error["errorType"] == "Runtime.ExitError"
        assert error["errorMessage"].endswith(message)
    assert read_rest(open_stream(node, [["write", "alive"]], way)) == b"alive"


@both_ways
def test_a_time_out_in_the_middle_ends_the_stream_where_it_is(make, way):
    function = make(Timeout=1)
    stream = open_stream(function, [["write", "begun"], ["never", None]], way)
    assert read_rest(stream) == b"begun"
    error = assert_broke_off(stream, way)
    if error is not None:
        assert error["errorType"] == "Sandbox.Timedout"
        assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert read_rest(open_stream(function, [["write", "alive"]], way)) == b"alive"


@both_ways
def test_a_reader_who_goes_away_does_not_end_the_function(node, way):
    gate, end = new_gate(), f"came to its end {uuid.uuid4()}"
    steps = [["write", "one"], ["gate", gate], ["fill", {"bytes": 4 << 20}], ["log", end]]
    stream = open_stream(node, steps, way)
    assert read_until(stream, b"one") == b"one"
    stream.close()
    open_gate(gate)
    wait_logged(node.deployed, end)
    assert read_rest(open_stream(node, [["write", "alive"]], way)) == b"alive"


@both_ways
def test_a_caller_who_goes_before_the_first_byte_does_not_end_the_function(node, way):
    gate, end = new_gate(), f"came to its end {uuid.uuid4()}"
    asked = ask(node, {"steps": [["gate", gate], ["write", "lost"], ["log", end]]}, way)
    wait_reached(gate)
    asked.give_up()
    open_gate(gate)
    wait_logged(node.deployed, end)
    assert read_rest(open_stream(node, [["write", "alive"]], way)) == b"alive"


# The other kinds of answer


def test_a_buffered_function_answers_a_streaming_invoke(make):
    function = make("index.buffered")
    steps = [["write", "one "], ["write", "two"]]
    invoked = open_stream(function, steps, "invoke")
    assert invoked.content_type == "application/json"
    assert read_rest(invoked) == b'"one two"'
    assert_succeeded(invoked, "invoke")
    asked = open_stream(function, steps, "url")
    assert (asked.answer.status, read_rest(asked)) == (200, b'"one two"')
    failed = open_stream(function, [["write", "lost"], ["fail", "no"]], "invoke")
    assert read_rest(failed) == b""
    assert invoke_error(failed)["errorMessage"] == "no"


def test_a_streaming_function_answers_a_buffered_invoke(node):
    steps = {"steps": [["write", "one "], ["write", "two"]]}
    answer = node.deployed.invoke(steps)
    assert (answer["Payload"].read(), answer.get("FunctionError")) == (b"one two", None)
    failed = node.deployed.fail({"steps": [["write", "lost"], ["fail", "no"]]})
    assert failed["errorMessage"] == "no"


def test_a_buffered_url_of_a_streaming_function_answers_whole(node):
    deployed = node.deployed
    deployed.client.update_function_url_config(FunctionName=deployed.name, InvokeMode="BUFFERED")
    try:
        whole = open_stream(node, [["write", "one "], ["write", "two"]], "url")
        assert (whole.answer.status, read_rest(whole)) == (200, b"one two")
        assert whole.answer.headers["Content-Length"] == "7"
    finally:
        deployed.client.update_function_url_config(
            FunctionName=deployed.name, InvokeMode="RESPONSE_STREAM"
        )
