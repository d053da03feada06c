"""From the functions' output to the log store: batched, bounded, and fair between streams.

A function that floods its log fills its own share and then waits: whoever reads its output stops
reading while `is_congested`, and the function blocks on its pipe as it would on a slow terminal.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from lambent.domain.quotas import LOG_EVENT_BYTES, LOG_EVENT_OVERHEAD_BYTES, MIB
from lambent.store.log_records import END_OF_TIME_MS, StreamBatch
from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.store.logs import LogStore

_log = logging.getLogger(__name__)

# Above these a writer is congested, and should wait.
_PIPELINE_BYTES = 16 * MIB
_STREAM_BYTES = MIB
# Above these events are dropped. It takes a writer who does not wait: one read of 16 KiB from a pipe
# can be so many lines that they take 3 MiB here.
_PIPELINE_LIMIT_BYTES = 64 * MIB
_STREAM_LIMIT_BYTES = 16 * MIB
_BATCH_BYTES = MIB  # one write: what a change to a function may have to wait behind
_TURN_BYTES = 256 * 1024  # what one stream puts into a batch before the others have their turn
_FLUSH_SECONDS = 0.1
# About what an event takes in memory beside its message.
_MEMORY_OVERHEAD_BYTES = 200
_RETRY_SECONDS = (0.1, 0.4, 1.6)


def _size(message: str) -> int:
    """Bytes as UTF-8; what is ASCII, as most is, knows that of itself."""
    return len(message) if message.isascii() else len(message.encode(errors="replace"))


def _pieces(message: str) -> list[tuple[str, int]]:
    """The message cut to what one event may hold, and what each piece takes in memory."""
    room = LOG_EVENT_BYTES - LOG_EVENT_OVERHEAD_BYTES
    size = _size(message)
    if size <= room:
        return [(message, size + _MEMORY_OVERHEAD_BYTES)] if message else []
    encoded = message.encode(errors="replace")
    pieces: list[tuple[str, int]] = []
    start = 0
    while start < len(encoded):
        end = min(start + room, len(encoded))
        # Not inside a character: all its bytes but the first begin with the bits 10.
        while end < len(encoded) and encoded[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append((encoded[start:end].decode(), end - start + _MEMORY_OVERHEAD_BYTES))
        start = end
    return pieces


def _reason(error: Exception) -> str:
    """Without SQLAlchemy's own text, which would show what functions have logged."""
    return str(error.orig) if isinstance(error, DBAPIError) else repr(error)


class LogStreamWriter:
    """One log stream, for the execution environment that writes it."""

    def __init__(self, pipeline: LogPipeline, names: dict[str, str]) -> None:
        """Use `LogPipeline.open_stream`."""
        self._pipeline = pipeline
        self._names = names
        self._events: deque[tuple[int, str, int]] = deque()  # time, message, bytes
        self._bytes = 0

    def wants(self, event_type: str) -> bool:
        """Logs are kept whole."""
        return True

    def append(self, timestamp_ms: int, message: str) -> None:
        """Queues an event; one over its quota becomes several. An empty message is no event."""
        # The time may come from the function itself, and the database takes 64 bits.
        if not 0 <= timestamp_ms <= END_OF_TIME_MS:
            timestamp_ms = min(max(timestamp_ms, 0), END_OF_TIME_MS)
        for piece, size in _pieces(message):
            if self._is_over(_STREAM_LIMIT_BYTES, _PIPELINE_LIMIT_BYTES):
                self._pipeline.count_lost(self, 1)
            else:
                self._events.append((timestamp_ms, piece, size))
                self._bytes += size
                self._pipeline.accept(self, size)

    def is_congested(self) -> bool:
        """Whether the writer should wait before it appends more."""
        return self._is_over(_STREAM_BYTES, _PIPELINE_BYTES)

    async def wait_writable(self) -> None:
        while self.is_congested():
            await self._pipeline.wait_settled()

    def take(self, most_bytes: int) -> tuple[StreamBatch, int]:
        """The next events, at least one, and their bytes. For the pipeline."""
        events: list[tuple[int, str]] = []
        taken = 0
        while self._events and (not events or taken + self._events[0][2] <= most_bytes):
            timestamp_ms, message, size = self._events.popleft()
            events.append((timestamp_ms, message))
            taken += size
        self._bytes -= taken
        return StreamBatch(**self._names, events=events), taken

    def next_bytes(self) -> int:
        """The size of the next event; 0 when there is none."""
        return self._events[0][2] if self._events else 0

    def _is_over(self, stream_bytes: int, pipeline_bytes: int) -> bool:
        return self._bytes >= stream_bytes or self._pipeline.waiting_bytes >= pipeline_bytes


class LogPipeline:
    """All log streams' way to the store. Nothing is written unless `run` runs."""

    def __init__(self, logs: LogStore) -> None:
        self._logs = logs
        self._waiting: dict[LogStreamWriter, None] = {}  # a set in order of arrival
        self.waiting_bytes = 0  # of all streams, those in the batch being written included
        self._arrived = asyncio.Event()
        self._is_full = asyncio.Event()
        self._settled = asyncio.Event()  # replaced with each batch
        self._lost: dict[LogStreamWriter, int] = {}  # events, since the last one that says so
        self._is_failing = False
        self.lost_events = 0  # since the start

    def open_stream(
        self, *, account_id: str, region: str, group: str, stream: str
    ) -> LogStreamWriter:
        """Group and stream are made in the store with the first event, if missing."""
        names = {"account_id": account_id, "region": region, "group": group, "stream": stream}
        return LogStreamWriter(self, names)

    async def run(self) -> None:
        """Writes until cancelled, and then what still waits."""
        try:
            while True:
                await self._arrived.wait()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_FLUSH_SECONDS):
                        await self._is_full.wait()
                # In a long outage each try fails; functions should not wait for it each time.
                await self._write_batch(() if self._is_failing else _RETRY_SECONDS)
        finally:
            while self._waiting:
                # The server is stopping: no time for second tries.
                await self._write_batch(())

    def accept(self, writer: LogStreamWriter, size: int) -> None:
        """Told by a writer of each event it queued."""
        if writer not in self._waiting:
            self._waiting[writer] = None
            self._arrived.set()
        self.waiting_bytes += size
        if self.waiting_bytes >= _BATCH_BYTES:
            self._is_full.set()

    def count_lost(self, writer: LogStreamWriter, events: int) -> None:
        self._lost[writer] = self._lost.get(writer, 0) + events
        self.lost_events += events

    async def wait_settled(self) -> None:
        """Returns when the next batch is written or given up."""
        await self._settled.wait()

    def _take_batch(self) -> tuple[dict[LogStreamWriter, list[StreamBatch]], int]:
        """Up to a batch of events, in turns, so that a flood does not keep the others waiting."""
        batch: dict[LogStreamWriter, list[StreamBatch]] = {}
        taken = 0
        while self._waiting:
            writer = next(iter(self._waiting))
            room = _BATCH_BYTES - taken
            if batch and writer.next_bytes() > room:
                break
            del self._waiting[writer]
            events, size = writer.take(min(_TURN_BYTES, room))
            batch.setdefault(writer, []).append(events)
            taken += size
            if writer.next_bytes():
                self._waiting[writer] = None
        return batch, taken

    async def _write_batch(self, retry_seconds: Sequence[float]) -> None:
        batch, size = self._take_batch()
        write = asyncio.create_task(self._write(batch, retry_seconds), name="log batch")
        try:
            # A batch is written once or given up, never cut off in the middle and written again.
            await asyncio.shield(write)
        except asyncio.CancelledError:
            await asyncio.wait([write])
            raise
        finally:
            self.waiting_bytes -= size
            if not self._waiting:
                self._arrived.clear()
            if self.waiting_bytes < _BATCH_BYTES:
                self._is_full.clear()
            self._settled.set()
            self._settled = asyncio.Event()

    async def _write(
        self,
        batch: dict[LogStreamWriter, list[StreamBatch]],
        retry_seconds: Sequence[float],
    ) -> None:
        batches = [events for parts in batch.values() for events in parts]
        for delay in (*retry_seconds, None):
            try:
                await self._logs.append(batches, now_ms=now_ms())
            except Exception as error:  # noqa: BLE001 (boundary: no batch may end the pipeline)
                if delay is None:
                    self._give_up(batch, error)
                    return
                await asyncio.sleep(delay)
            else:
                self._note_success()
                return

    def _give_up(self, batch: dict[LogStreamWriter, list[StreamBatch]], error: Exception) -> None:
        for writer, parts in batch.items():
            self.count_lost(writer, sum(len(events.events) for events in parts))
        if not self._is_failing:
            # Once, not for each batch: a full disk is no place for a long log.
            _log.error(
                "functions' logs cannot be stored, and are being dropped: %s", _reason(error)
            )
            self._is_failing = True

    def _note_success(self) -> None:
        if self._is_failing:
            _log.warning("functions' logs are being stored again")
            self._is_failing = False
        lost, self._lost = self._lost, {}
        for writer, count in lost.items():
            writer.append(
                now_ms(), f"{count} log events were lost here: they could not be stored\n"
            )
