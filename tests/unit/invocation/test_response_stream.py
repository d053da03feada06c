from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import Any

import pytest
from tests.support.versions import function_version
from tests.unit.invocation.test_invoke import (
    Aliases,
    Functions,
    NothingReserved,
)

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation, InvocationResult
from lambent.invocation.concurrency import Concurrency
from lambent.invocation.response_stream import ResponseEvents, open_response_stream
from lambent.invocation.run import Runs
from lambent.telemetry.metrics.recorder import Metrics

VERSION = function_version()
OK = InvocationResult(payload=b"", log_tail=b"REPORT")
FAILED = InvocationResult(payload=b'{"errorType":"Mine"}', is_function_error=True)


class Incoming:
    """What a function streams; the test says what comes."""

    content_type = "text/html"

    def __init__(self):
        self.is_whole = True
        self.is_closed = False
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self):
        return await self.pieces.get()

    def close(self):
        self.is_closed = True
        self.pieces.put_nowait(b"")


class Pool:
    """Runs one invocation as the test says."""

    def __init__(self):
        self.invoked: asyncio.Queue[Invocation] = asyncio.Queue()
        self.results: asyncio.Queue[InvocationResult | Exception] = asyncio.Queue()

    def has_provisioned(self, version):
        return False

    def provisioned(self, version):
        return 0

    async def invoke(self, version, invocation, *, wants_log_tail, on_begin):
        self.invoked.put_nowait(invocation)
        result = await self.results.get()
        if isinstance(result, Exception):
            raise result
        return result


class Bench:
    def __init__(self, streams):
        self.pool = Pool()
        pool: Any = self.pool
        functions: Any = Functions(VERSION)
        nothing: Any = NothingReserved()
        aliases: Any = Aliases()
        self.concurrency = Concurrency(1, functions, nothing)
        self.runs = Runs(
            functions=functions,
            aliases=aliases,
            pool=pool,
            concurrency=self.concurrency,
            metrics=Metrics(),
            streams=streams,
        )

    def open(self):
        invocation = Invocation(
            request_id="r", invoked_arn=VERSION.arn, payload=b"{}", trace_header=""
        )
        return asyncio.ensure_future(open_response_stream(self.runs, VERSION, invocation, None))

    async def begin(self, first=b"hello"):
        """A stream that is being written, and what writes it."""
        opening, incoming = self.open(), Incoming()
        invocation: Any = await self.pool.invoked.get()
        invocation.on_stream(incoming)
        incoming.pieces.put_nowait(first)
        return await opening, incoming

    def settle(self, result):
        self.pool.results.put_nowait(result)


@pytest.fixture
async def bench():
    async with asyncio.TaskGroup() as streams:
        yield Bench(streams)


async def test_a_response_is_read_as_it_comes_and_the_result_after_it(bench):
    stream, incoming = await bench.begin()
    assert (stream.content_type, stream.is_streamed) == ("text/html", True)
    incoming.pieces.put_nowait(b"world")
    assert [await stream.read(), await stream.read()] == [b"hello", b"world"]
    incoming.pieces.put_nowait(b"")
    ending = asyncio.ensure_future(stream.read())
    bench.settle(OK)
    assert (await ending, stream.result, stream.is_cut_short) == (b"", OK, False)


async def test_a_function_that_answers_whole_is_read_in_one_piece(bench):
    opening = bench.open()
    bench.settle(InvocationResult(payload=b'"whole"'))
    stream = await opening
    assert (stream.content_type, stream.is_streamed) == ("application/json", False)
    assert [await stream.read(), await stream.read()] == [b'"whole"', b""]


async def test_an_error_is_no_part_of_the_response(bench):
    opening = bench.open()
    bench.settle(FAILED)
    stream = await opening
    assert (await stream.read(), stream.result) == (b"", FAILED)


async def test_what_is_refused_at_once_is_raised(bench):
    first, _ = await bench.begin()
    with pytest.raises(ServiceError, match="TooManyRequestsException"):
        await bench.open()
    first.close()
    bench.settle(OK)


async def test_an_end_of_the_platform_s_midway_is_an_error_of_the_response(bench):
    stream, incoming = await bench.begin()
    incoming.is_whole = False
    bench.settle(ServiceError("ServiceException", "gone"))
    incoming.pieces.put_nowait(b"")
    assert [await stream.read(), await stream.read()] == [b"hello", b""]
    assert stream.is_cut_short
    assert stream.result.error_type == "ServiceException"


async def test_a_failure_nobody_foresaw_ends_only_its_own_stream(bench, caplog):
    opening = bench.open()
    bench.settle(ValueError("secret"))
    with pytest.raises(ServiceError, match="ServiceException: Lambent failed; its log says why"):
        await opening
    assert "a streamed invocation of" in caplog.text
    bench.settle(OK)
    assert (await bench.open()).result == OK


async def test_a_function_goes_on_and_keeps_its_place_when_its_reader_has_gone(bench):
    stream, incoming = await bench.begin()
    stream.close()
    assert incoming.is_closed
    with pytest.raises(ServiceError, match="TooManyRequestsException"):
        await bench.open()
    bench.settle(OK)


async def test_a_reader_that_goes_before_the_beginning_leaves_nothing_open(bench):
    opening, incoming = bench.open(), Incoming()
    invocation = await bench.pool.invoked.get()
    opening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await opening
    invocation.on_stream(incoming)
    assert incoming.is_closed
    bench.settle(OK)


async def events_of(stream, *, wants_log_tail=False):
    events = ResponseEvents(stream, wants_log_tail=wants_log_tail)
    found = []
    while (event := await events.next_event()) is not None:
        found.append(event)
    return found


async def test_events_are_the_pieces_and_one_at_the_end(bench):
    stream, incoming = await bench.begin()
    incoming.pieces.put_nowait(b"")
    bench.settle(OK)
    assert await events_of(stream, wants_log_tail=True) == [
        ("PayloadChunk", {"Payload": b"hello"}),
        ("InvokeComplete", {"LogResult": base64.b64encode(b"REPORT").decode()}),
    ]


async def test_the_last_event_says_what_failed(bench):
    opening = bench.open()
    bench.settle(FAILED)
    assert await events_of(await opening) == [
        ("InvokeComplete", {"ErrorCode": "Unhandled", "ErrorDetails": '{"errorType":"Mine"}'})
    ]
