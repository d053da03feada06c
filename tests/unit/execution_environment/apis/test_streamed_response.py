from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.execution_environment.apis.streamed_response import StreamedResponse, StreamLimits
from lambent.protocol.body_source import BodyStream

GENEROUS = StreamLimits(limit_bytes=1000, uncapped_bytes=1000, bytes_per_second=1)


class Streaming:
    """A runtime's body, the response made of it, and what its reader had refused."""

    def __init__(self, limits=GENEROUS):
        self.body = BodyStream(None, lambda: None)
        self.refused = 0
        self.response = StreamedResponse(self.body, "text/plain", limits, self.refuse)

    def refuse(self):
        self.refused += 1
        self.response.close()

    def end(self):
        self.body.end({})
        self.response.end(is_whole=True)

    async def whole(self):
        pieces = []
        while piece := await self.response.read():
            pieces.append(piece)
        return pieces


async def test_pieces_are_read_as_they_come():
    streaming = Streaming()
    reading = asyncio.ensure_future(streaming.response.read())
    await asyncio.sleep(0)
    streaming.body.feed(b"one")
    assert await reading == b"one"
    streaming.body.feed(b"two")
    assert await streaming.response.read() == b"two"


async def test_what_came_before_the_end_is_read_after_it():
    streaming = Streaming()
    streaming.body.feed(b"last words")
    streaming.end()
    assert await streaming.whole() == [b"last words"]
    assert streaming.response.is_whole


async def test_a_reader_that_waits_hears_of_the_end_and_gets_what_came_with_it():
    streaming = Streaming()
    reading = asyncio.ensure_future(streaming.whole())
    await asyncio.sleep(0)
    streaming.body.feed(b"last words")
    streaming.end()
    assert await reading == [b"last words"]


async def test_a_runtime_that_goes_leaves_what_it_wrote():
    streaming = Streaming()
    streaming.body.feed(b"half")
    streaming.body.cut_short()
    streaming.response.end()
    assert await streaming.whole() == [b"half"]
    assert not streaming.response.is_whole


async def test_nothing_is_read_beyond_the_limit():
    limits = StreamLimits(limit_bytes=10, uncapped_bytes=10, bytes_per_second=1)
    streaming = Streaming(limits)
    streaming.body.feed(b"0123456")
    assert await streaming.response.read() == b"0123456"
    streaming.body.feed(b"789AB")
    assert await streaming.whole() == [b"789"]
    assert streaming.refused == 1


async def test_a_response_of_just_the_limit_is_whole():
    limits = StreamLimits(limit_bytes=10, uncapped_bytes=10, bytes_per_second=1)
    streaming = Streaming(limits)
    streaming.body.feed(b"0123456789")
    streaming.end()
    assert await streaming.whole() == [b"0123456789"]
    assert streaming.refused == 0


class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        self.slept: list[float] = []
        module = "lambent.execution_environment.apis.streamed_response"
        monkeypatch.setattr(f"{module}.time.monotonic", lambda: self.now)
        monkeypatch.setattr(f"{module}.asyncio.sleep", self.sleep)

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


async def test_what_exceeds_the_uncapped_beginning_is_paced(clock):
    limits = StreamLimits(limit_bytes=1 << 20, uncapped_bytes=100_000, bytes_per_second=65_536)
    streaming = Streaming(limits)
    streaming.body.feed(b"x" * 300_000)
    streaming.end()
    sizes = [len(piece) for piece in await streaming.whole()]
    assert sizes == [100_000, 65_536, 65_536, 65_536, 3392]
    assert clock.slept == [1.0, 1.0, 1.0]  # the first of them may go at once


async def test_a_slow_function_saves_no_speed_for_later(clock):
    limits = StreamLimits(limit_bytes=1 << 20, uncapped_bytes=0, bytes_per_second=10)
    streaming = Streaming(limits)
    for _ in range(3):
        streaming.body.feed(b"x" * 10)
        await streaming.response.read()
        clock.now += 100
    assert clock.slept == []
    streaming.body.feed(b"x" * 10)
    await streaming.response.read()
    streaming.body.feed(b"x" * 10)
    await streaming.response.read()
    assert clock.slept == [1.0]


async def test_what_nobody_reads_any_more_is_thrown_away_and_let_in():
    paced: list[bool] = []
    body = BodyStream(None, lambda: paced.append(body.is_full))
    unwanted: Any = None
    response = StreamedResponse(body, "text/plain", GENEROUS, unwanted)
    body.feed(b"x" * 300_000)
    response.close()
    assert paced == [True, False]
    body.feed(b"x" * 300_000)
    assert (body.is_full, await response.read()) == (False, b"")
    assert response.received_bytes == 600_000
