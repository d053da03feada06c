"""Responses that are read while the runtime writes them."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

from tests.unit.execution_environment.http_client import NEXT
from tests.unit.execution_environment.runtime_api_driver import ANSWER, INVOCATION, error_of

from lambent.execution_environment.apis.answer import Answer

PREFIX = "/2018-06-01/runtime"


def head(*, framing="Transfer-Encoding: chunked", mode="streaming", kind="response"):
    return (
        f"POST {PREFIX}{ANSWER}/{kind} HTTP/1.1\r\nHost: h\r\n{framing}\r\nContent-Type: text/html"
        f"\r\nLambda-Runtime-Function-Response-Mode: {mode}\r\n\r\n"
    ).encode()


async def stream_of(runtime):
    """Have the runtime invoked by somebody who reads its response while it comes."""
    taken: asyncio.Queue[Any] = asyncio.Queue()
    await runtime.begin(replace(INVOCATION, on_stream=taken.put_nowait))
    return taken


async def begun(runtime, taken, first=b"hello"):
    runtime.client.send(head() + b"%x\r\n%b\r\n" % (len(first), first))
    response = await taken.get()
    assert await response.read() == first
    return response


async def test_a_response_is_read_while_it_is_written(runtime):
    response = await begun(runtime, await stream_of(runtime))
    assert response.content_type == "text/html"
    runtime.client.send(b"5\r\nworld\r\n")
    assert await response.read() == b"world"
    runtime.client.send(b"0\r\n\r\n")
    assert (await runtime.client.receive()).status == 202
    assert await runtime.answered() == Answer(payload=b"", streamed_bytes=10)
    assert (await response.read(), response.is_whole) == (b"", True)
    await runtime.poll()


async def test_an_error_midway_comes_with_the_end(runtime):
    response = await begun(runtime, await stream_of(runtime))
    error = b'{"errorMessage":"midway"}'
    runtime.client.send(
        b"0\r\nLambda-Runtime-Function-Error-Type: Mine\r\n"
        b"Lambda-Runtime-Function-Error-Body: " + base64.b64encode(error) + b"\r\n\r\n"
    )
    answer = await runtime.answered()
    assert answer == Answer(payload=error, error_type="Mine", streamed_bytes=5)
    assert (await response.read(), response.is_whole) == (b"", True)


async def test_a_short_stream_may_come_with_its_length(runtime):
    taken = await stream_of(runtime)
    runtime.client.send(head(framing="Content-Length: 5") + b"hello")
    assert (await runtime.client.receive()).status == 202
    assert await runtime.answered() == Answer(payload=b"", streamed_bytes=5)
    response = await taken.get()
    assert [await response.read(), await response.read()] == [b"hello", b""]


async def test_a_response_that_is_no_stream_is_the_answer(runtime):
    taken = await stream_of(runtime)
    await runtime.client.post(f"{ANSWER}/response", b'"whole"')
    assert await runtime.answered() == Answer(payload=b'"whole"')
    assert taken.empty()


async def test_an_error_before_anything_was_written_is_the_answer(runtime):
    taken = await stream_of(runtime)
    runtime.client.send(head(kind="error") + b'14\r\n{"errorType":"Mine"}\r\n0\r\n\r\n')
    assert (await runtime.answered()).error_type == "Mine"
    assert taken.empty()


async def test_an_error_after_the_beginning_is_refused(runtime):
    response = await begun(runtime, await stream_of(runtime))
    other = await runtime.address.connect()
    assert error_of(await other.post(f"{ANSWER}/error", b"{}")) == (
        403,
        "InvalidStateTransition",
        "State transition from InvocationResponse to InvocationErrorResponse failed for runtime. "
        "Error: State transition is not allowed",
    )
    runtime.client.send(b"0\r\n\r\n")
    assert (await runtime.answered()).error_type is None
    assert response.is_whole


async def test_a_runtime_that_leaves_its_response_and_goes_on_has_cut_it_short(runtime):
    response = await begun(runtime, await stream_of(runtime))
    await runtime.client.close()
    await runtime.lost.get()
    other = await runtime.address.connect()
    other.send_request("GET", NEXT)
    answer = await runtime.answered()
    assert answer.error_type == "Runtime.TruncatedResponse"
    assert json.loads(answer.payload)["errorType"] == "Runtime.TruncatedResponse"
    assert await runtime.environment.told.get() == ("ready",)
    assert (await response.read(), response.is_whole) == (b"", False)


async def test_a_runtime_that_goes_with_its_connection_is_for_others_to_tell_of(runtime):
    response = await begun(runtime, await stream_of(runtime))
    await runtime.client.close()
    await runtime.lost.get()
    assert (await response.read(), response.is_whole) == (b"", False)
    assert runtime.environment.told.empty()


async def test_the_next_poll_waits_for_the_end_of_the_response(runtime):
    await begun(runtime, await stream_of(runtime))
    other = await runtime.address.connect()
    other.send_request("GET", NEXT)
    runtime.client.send(b"0\r\n\r\n")
    assert (await runtime.client.receive()).status == 202
    await runtime.answered()
    assert await runtime.environment.told.get() == ("ready",)


async def test_more_than_the_limit_is_refused_and_the_runtime_goes_on(runtime):
    response = await begun(runtime, await stream_of(runtime))
    many = 100_000
    for _ in range(10):
        runtime.client.send(b"%x\r\n%b\r\n" % (many, b"x" * many))
    read = 5
    while piece := await response.read():
        read += len(piece)
    answer = await runtime.answered()
    assert (read, answer.error_type) == (1_000_000, "Function.ResponseSizeTooLarge")
    assert b"(1000000 bytes)" in answer.payload
    runtime.client.send(b"0\r\n\r\n")
    assert (await runtime.client.receive()).status == 413
    await runtime.poll()


async def small_stream(runtime, request_id):
    """The response of an invocation that follows, begun on a connection of its own."""
    await runtime.poll()
    taken: asyncio.Queue[Any] = asyncio.Queue()
    runtime.api.send(
        replace(INVOCATION, request_id=request_id, on_stream=taken.put_nowait), deadline_ms=1
    )
    await runtime.client.receive()
    other = await runtime.address.connect()
    other.send(head().replace(INVOCATION.request_id.encode(), request_id.encode()))
    other.send(b"5\r\nfirst\r\n")
    response = await taken.get()
    assert await response.read() == b"first"
    return response, other


async def test_a_slow_reader_of_too_much_does_not_end_the_next_response(runtime):
    slow = await begun(runtime, await stream_of(runtime))
    many, read = 100_000, 5
    for _ in range(9):
        runtime.client.send(b"%x\r\n%b\r\n" % (many, b"x" * many))
    while read < 9 * many:
        read += len(await slow.read())
    # The rest and its end are here before anybody reads on.
    runtime.client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (many, b"x" * many))
    assert (await runtime.client.receive()).status == 413
    assert (await runtime.answered()).error_type == "Function.ResponseSizeTooLarge"
    response, other = await small_stream(runtime, "11111111-0000-0000-0000-000000000000")
    while await slow.read():
        pass
    assert not slow.is_whole
    other.send(b"6\r\nsecond\r\n0\r\n\r\n")
    assert (await runtime.answered()).error_type is None
    assert (await response.read(), response.is_whole) == (b"second", True)


async def test_the_late_end_of_a_refused_response_does_not_end_the_next_one(runtime):
    refused = await begun(runtime, await stream_of(runtime))
    many = 100_000
    for _ in range(12):
        runtime.client.send(b"%x\r\n%b\r\n" % (many, b"x" * many))
    while await refused.read():
        pass
    assert (await runtime.answered()).error_type == "Function.ResponseSizeTooLarge"
    left, runtime.client = runtime.client, await runtime.address.connect()
    left.send(b"0\r\n\r\n")
    assert (await left.receive()).status == 413
    response, other = await small_stream(runtime, "11111111-0000-0000-0000-000000000000")
    await left.close()
    await runtime.lost.get()
    other.send(b"6\r\nsecond\r\n0\r\n\r\n")
    assert (await runtime.answered()).error_type is None
    assert (await response.read(), response.is_whole) == (b"second", True)


async def test_the_end_of_the_environment_ends_the_response(runtime):
    response = await begun(runtime, await stream_of(runtime))
    runtime.api.close()
    assert (await response.read(), response.is_whole) == (b"", False)
    runtime.client.send(b"0\r\n\r\n")
    await runtime.client.close()
    await runtime.lost.get()
    assert runtime.environment.told.empty()


async def test_only_the_response_at_work_is_streamed(runtime):
    taken = await stream_of(runtime)
    other = await runtime.address.connect()
    other.send(
        head().replace(INVOCATION.request_id.encode(), b"other") + b"5\r\nhello\r\n0\r\n\r\n"
    )
    assert error_of(await other.receive())[:2] == (400, "InvalidRequestID")
    assert taken.empty()
