"""What a function prints, read from its pipes and cut into log events.

A function that prints faster than logs can be kept is slowed down by its own full pipe; nothing
is buffered here beyond one line of at most an event's size.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from lambent.domain.quotas import LOG_EVENT_BYTES
from lambent.execution_environment.output.log_frames import FrameReader
from lambent.telemetry.clock import now_ms

# Nothing but line ends is the worst: one read is then 16,384 events, which hold the loop for 15 ms.
_READ_BYTES = 16 * 1024
# At the end of an invocation this much is read at once, so that the log of an ordinary invocation
# is whole before its END line, and a flood cannot hold up the loop.
_DRAIN_BYTES = 1024 * 1024

Emit = Callable[[int, str], None]
EmitFrame = Callable[[int, str, str | None], None]  # with its level


class Log(Protocol):
    """Where it goes, and whether that is too much."""

    def is_congested(self) -> bool: ...

    async def wait_writable(self) -> None: ...


class Lines:
    """Cuts a pipe's bytes into lines; a line over the size of an event is cut there."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        timestamp = now_ms()
        for line in lines:
            self._emit(timestamp, _text(line + b"\n"))
        self._rest = rest
        if len(rest) >= LOG_EVENT_BYTES:
            end = _last_boundary(rest)
            self._emit(timestamp, _text(rest[:end]))
            self._rest = rest[end:]

    def flush(self) -> None:
        if self._rest:
            self._emit(now_ms(), _text(self._rest))
            self._rest = b""


class Frames:
    """Reads the telemetry descriptor's frames."""

    def __init__(self, emit: EmitFrame) -> None:
        self._emit = emit
        self._reader = FrameReader()

    def feed(self, data: bytes) -> None:
        for timestamp, message, level in self._reader.feed(data):
            self._emit(now_ms() if timestamp is None else timestamp, _text(message), level)

    def flush(self) -> None:
        rest = self._reader.rest()
        if rest:
            self._emit(now_ms(), _text(rest), None)


class FunctionOutput:
    """Reads one pipe of a sandbox until it ends, pausing while its log stream is congested."""

    def __init__(self, descriptor: int, sink: Lines | Frames, log: Log) -> None:
        self.descriptor = descriptor
        self._sink = sink
        self._log = log
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._congested = asyncio.Event()

    def stop(self) -> None:
        """Let `run` take in what is left and return: everybody who wrote is gone."""
        self._ended.set()
        self._congested.set()

    async def run(self) -> None:
        """Read until the pipe ends; the one owner of the descriptor's readiness."""
        self._loop.add_reader(self.descriptor, self._read)
        try:
            while not self._ended.is_set():
                await self._congested.wait()
                self._congested.clear()
                if self._ended.is_set():
                    break
                self._loop.remove_reader(self.descriptor)
                await self._log.wait_writable()
                self._loop.add_reader(self.descriptor, self._read)
        finally:
            self._loop.remove_reader(self.descriptor)
            self.drain()
            self._sink.flush()

    def drain(self) -> None:
        """Take in what the function has written so far."""
        taken = 0
        while taken < _DRAIN_BYTES and not self._log.is_congested():
            count = self._read()
            if count == 0:
                return
            taken += count

    def _read(self) -> int:
        try:
            data = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            self.stop()
            return 0
        self._sink.feed(data)
        if self._log.is_congested():
            self._congested.set()
        return len(data)


def _last_boundary(data: bytes) -> int:
    """The last place where `data` can be cut without cutting a character of UTF-8."""
    for end in range(len(data), len(data) - 4, -1):
        if data[end - 1] & 0xC0 != 0x80:  # no byte in the middle of a character
            return end - 1 if data[end - 1] >= 0xC0 else end
    return len(data)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
