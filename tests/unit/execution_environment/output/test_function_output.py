from __future__ import annotations

import asyncio
import os
import struct
from contextlib import asynccontextmanager

import pytest

from lambent.domain.quotas import LOG_EVENT_BYTES
from lambent.execution_environment.output import function_output
from lambent.execution_environment.output.function_output import Frames, FunctionOutput, Lines
from lambent.telemetry.clock import now_ms

NOW_MS = 1_769_860_800_123


@pytest.fixture(autouse=True)
def _still_time(monkeypatch):
    monkeypatch.setattr(function_output, "now_ms", lambda: NOW_MS)


class Events(list[tuple[int, str]]):
    def emit(self, timestamp_ms, message):
        self.append((timestamp_ms, message))

    @property
    def messages(self):
        return [message for _, message in self]


@pytest.fixture
def events():
    return Events()


class Pipe:
    def __init__(self):
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        os.set_blocking(self.write_end, False)

    def write(self, data):
        assert os.write(self.write_end, data) == len(data)

    def fill(self):
        """Write until no more fits; returns how much did."""
        written = 0
        try:
            while True:
                written += os.write(self.write_end, b"x" * 99 + b"\n")
        except BlockingIOError:
            return written

    def end(self):
        os.close(self.write_end)


@asynccontextmanager
async def reading(sink, log):
    pipe = Pipe()
    output = FunctionOutput(pipe.read_end, sink, log)
    running = asyncio.ensure_future(output.run())
    try:
        yield pipe, output, running
        async with asyncio.timeout(30):
            await running
    finally:
        os.close(pipe.read_end)


class Arrivals(Events):
    """Events a test can wait for."""

    def __init__(self):
        self.arrived = asyncio.Event()

    def emit(self, timestamp_ms, message):
        super().emit(timestamp_ms, message)
        self.arrived.set()

    async def next(self):
        async with asyncio.timeout(30):
            await self.arrived.wait()
        self.arrived.clear()


@pytest.fixture
async def arrivals():
    return Arrivals()


def test_the_clock_tells_milliseconds():
    assert now_ms() > NOW_MS


def test_lines_are_events_with_their_ends(events):
    lines = Lines(events.emit)
    lines.feed(b"one\ntwo\r\n\nthr")
    assert events == [(NOW_MS, "one\n"), (NOW_MS, "two\r\n"), (NOW_MS, "\n")]
    lines.feed(b"ee\n")
    assert events.messages[3:] == ["three\n"]
    lines.flush()
    assert len(events) == 4


def test_a_line_that_was_never_finished_is_an_event_at_the_end(events):
    lines = Lines(events.emit)
    lines.feed(b"half")
    assert events == []
    lines.flush()
    lines.flush()
    assert events == [(NOW_MS, "half")]


def test_a_character_may_come_in_two_pieces(events):
    lines = Lines(events.emit)
    for byte in "zwölf \N{HERB}\n".encode():
        lines.feed(bytes([byte]))
    assert events.messages == ["zwölf \N{HERB}\n"]


def test_a_cut_may_go_anywhere_through_what_is_no_text(events):
    Lines(events.emit).feed(b"\x80" * LOG_EVENT_BYTES)
    assert events.messages == ["\N{REPLACEMENT CHARACTER}" * LOG_EVENT_BYTES]


def test_what_is_no_text_is_replaced(events):
    Lines(events.emit).feed(b"\xff\xfe\n")
    assert events.messages == ["\N{REPLACEMENT CHARACTER}" * 2 + "\n"]


def test_a_line_over_the_size_of_an_event_is_cut_and_not_kept(events):
    lines = Lines(events.emit)
    for _ in range(3 * LOG_EVENT_BYTES // 65536):
        lines.feed(b"x" * 65536)
    lines.feed(b"end\n")
    assert [len(message) for message in events.messages] == [LOG_EVENT_BYTES] * 3 + [4]


def test_a_cut_does_not_go_through_a_character(events):
    lines = Lines(events.emit)
    data = b"x" + "\N{HERB}".encode() * (LOG_EVENT_BYTES // 3 + 10)
    for start in range(0, len(data), 65536):
        lines.feed(data[start : start + 65536])
    lines.flush()
    assert "".join(events.messages).encode() == data


def frame(message, at_ms, kind=0xA55A0003):
    return struct.pack(">IIQ", kind, len(message), at_ms * 1000) + message


def test_frames_have_their_own_time_and_level_and_other_bytes_the_present():
    events = []
    frames = Frames(lambda *event: events.append(event))
    frames.feed(frame(b"one\nstill one", 5, 0xA55A0013) + b"no frame at all, but written")
    frames.feed(frame(b"two", 6)[:-1])
    assert events == [(5, "one\nstill one", "WARN"), (NOW_MS, "no frame at all, but written", None)]
    frames.flush()
    frames.flush()
    assert len(events) == 3
    at_ms, message, level = events[2]
    assert (at_ms, level) == (NOW_MS, None)
    assert message.endswith("tw")


async def test_a_pipe_is_read_until_it_ends(arrivals, log):
    async with reading(Lines(arrivals.emit), log) as (pipe, _, _):
        pipe.write(b"one\n")
        await arrivals.next()
        assert arrivals.messages == ["one\n"]
        pipe.write(b"two\nhalf")
        pipe.end()
    assert arrivals.messages == ["one\n", "two\n", "half"]


async def test_draining_takes_in_what_is_written_at_once(arrivals, log):
    async with reading(Lines(arrivals.emit), log) as (pipe, output, _):
        pipe.write(b"one\n")
        output.drain()
        assert arrivals.messages == ["one\n"]
        output.drain()
        pipe.end()
        output.drain()


async def test_a_flood_does_not_hold_up_whoever_drains(arrivals, log, monkeypatch):
    monkeypatch.setattr(function_output, "_READ_BYTES", 10)
    monkeypatch.setattr(function_output, "_DRAIN_BYTES", 20)
    async with reading(Lines(arrivals.emit), log) as (pipe, output, _):
        pipe.write(b"123456789\n" * 5)
        output.drain()
        assert len(arrivals) == 2
        pipe.end()


async def test_a_flood_of_empty_lines_is_taken_in_a_quarter_pipe_at_a_time(arrivals, log):
    async with reading(Lines(arrivals.emit), log) as (pipe, _, _):
        log.congest()  # noticed after the first read
        pipe.write(b"\n" * 65536)
        await arrivals.next()
        assert len(arrivals) == 16384
        log.relieve()
        pipe.end()
    assert len(arrivals) == 65536


async def test_a_congested_log_stops_the_reading_until_it_is_relieved(arrivals, log):
    async with reading(Lines(arrivals.emit), log) as (pipe, output, _):
        log.congest()
        pipe.write(b"seen too late\n")
        await arrivals.next()
        filled = pipe.fill()
        for _ in range(10):
            await asyncio.sleep(0)
        output.drain()
        assert len(arrivals) == 1
        assert pipe.fill() == 0
        log.relieve()
        await arrivals.next()
        pipe.write(b"again\n")
        pipe.end()
    assert sum(map(len, arrivals.messages)) == len("seen too late\n") + filled + len("again\n")


async def test_what_is_left_is_taken_in_when_everybody_who_wrote_is_gone(arrivals, log):
    async with reading(Lines(arrivals.emit), log) as (pipe, output, running):
        pipe.write(b"one\ntwo")
        output.stop()
        await running
        assert arrivals.messages == ["one\n", "two"]
        pipe.end()
