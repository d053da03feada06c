"""One subscriber's records: buffered as it asked for, sent in order, dropped when it falls behind.

What a subscriber makes the server hold is bounded, whatever it does: twice its own buffer while a
batch is on its way. A record for which there is no room is lost to this subscriber alone, who is
told so with `platform.logsDropped` as soon as it takes something again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections import deque
from typing import TYPE_CHECKING

from lambent.execution_environment.telemetry_api.client import NotDelivered, client_for
from lambent.telemetry.clock import iso_time, now_ms
from lambent.telemetry.extension_events import LogsDropped
from lambent.telemetry.telemetry_schemas import record_in

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from lambent.execution_environment.telemetry_api.subscription import Subscription
    from lambent.telemetry.platform_events import PlatformEvent

# Of one try: connecting, sending and reading the reply. A subscriber shares a fraction of a
# processor with a function, and may well take its time.
_TRY_SECONDS = 5.0
_RETRY_SECONDS = (0.1, 0.5, 2.0)
_FELL_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."  # AWS's words


_to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def encoded(event_type: str, record: object, at_ms: int) -> bytes:
    """One event as subscribers get it."""
    return f"{_head(event_type, at_ms)}{_to_json(record)}}}".encode("utf-8", "replace")


@functools.lru_cache(maxsize=16)
def _head(event_type: str, at_ms: int) -> str:
    # Lines that are read at once, which may be thousands, have one time.
    return f'{{"time":"{iso_time(at_ms)}","type":{_to_json(event_type)},"record":'


class TelemetryDelivery:
    """The way to one subscriber; `run` is its one owner, and everything else returns at once."""

    def __init__(
        self,
        subscription: Subscription,
        open_socket: Callable[[], socket.socket],
        on_dropped: Callable[[LogsDropped], None],
    ) -> None:
        self.subscription = subscription
        self._client = client_for(subscription.destination, open_socket)
        self._tell_dropped = on_dropped
        self._most_bytes = 2 * subscription.max_bytes
        self._most_items = 2 * subscription.max_items
        self._records: deque[bytes] = deque()
        self._bytes = 0
        self._first_at = 0.0  # when the oldest record came, by the event loop's clock
        self._dropped_records = 0
        self._dropped_bytes = 0
        self._dropped_reason = _FELL_BEHIND
        self._arrived = asyncio.Event()  # something is buffered, or the end has come
        self._is_due = asyncio.Event()  # the buffer is full, or nothing is to be waited for
        self._is_running = asyncio.Event()  # the environment is not frozen
        self._is_running.set()
        self._is_idle = asyncio.Event()  # nothing is buffered or on its way
        self._is_idle.set()
        self._hurries = False
        self._is_stopped = False
        self._try_limit: asyncio.Timeout | None = None  # of the try under way
        self._loop = asyncio.get_running_loop()

    # What its environment says

    def offer_platform(self, event: PlatformEvent, at_ms: int) -> None:
        if "platform" in self.subscription.types:
            record = record_in(event, self.subscription.schema)
            if record is not None:
                self.add(encoded(event.type, record, at_ms))

    def offer_line(self, kind: str, record: object, at_ms: int) -> None:
        """A line: text, the JSON object that it is, or what `encoded` has made of one."""
        if kind in self.subscription.types:
            self.add(record if isinstance(record, bytes) else encoded(kind, record, at_ms))

    def note_dropped(self, records: int, size: int, reason: str = _FELL_BEHIND) -> None:
        self._dropped_records += records
        self._dropped_bytes += size
        self._dropped_reason = reason

    def pause(self) -> None:
        """The environment is frozen: who does not answer now is not to blame."""
        self._is_running.clear()
        if self._try_limit is not None:
            self._try_limit.reschedule(None)

    def resume(self) -> None:
        self._is_running.set()
        if self._try_limit is not None:
            self._try_limit.reschedule(self._loop.time() + _TRY_SECONDS)

    async def flush(self) -> None:
        """From here on nothing waits for more; returns when all is sent or given up."""
        self._hurries = True
        self._is_due.set()
        await self._is_idle.wait()

    def stop(self) -> None:
        """Another subscription takes this one's place: `run` returns after what is on its way."""
        self._is_stopped = True
        self._records.clear()
        self._bytes = 0
        for event in (self._arrived, self._is_due, self._is_running):
            event.set()

    def add(self, record: bytes) -> None:
        """One event of a type it subscribed to, as `encoded` has made it; cheap."""
        if self._bytes + len(record) > self._most_bytes or len(self._records) >= self._most_items:
            self._dropped_records += 1
            self._dropped_bytes += len(record)
            self._dropped_reason = _FELL_BEHIND
            return
        if not self._records:
            self._first_at = self._loop.time()
            self._arrived.set()
            self._is_idle.clear()
        self._records.append(record)
        self._bytes += len(record)
        if self._is_full():
            self._is_due.set()

    def _is_full(self) -> bool:
        return (
            self._bytes >= self.subscription.max_bytes
            or len(self._records) >= self.subscription.max_items
        )

    # The owner

    async def run(self) -> None:
        """Deliver until stopped or cancelled."""
        try:
            while await self._wait_due():
                await self._send(self._take_batch())
        finally:
            self._client.close()

    async def _wait_due(self) -> bool:
        while not self._is_stopped:
            await self._arrived.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._first_at + self.subscription.timeout_ms / 1000):
                    await self._is_due.wait()
            await self._is_running.wait()
            if self._records:
                return not self._is_stopped
        return False

    def _take_batch(self) -> list[bytes]:
        """Up to one buffer of records, at least one; before them, the news of lost ones."""
        batch: list[bytes] = []
        size = 0
        limit = self.subscription
        while self._records and len(batch) < limit.max_items:
            if batch and size + len(self._records[0]) > limit.max_bytes:
                break
            batch.append(self._records.popleft())
            size += len(batch[-1])
        self._bytes -= size
        if not self._records:
            self._arrived.clear()
        if not self._hurries and not self._is_full():
            self._is_due.clear()
        return self._news_of_dropped() + batch

    def _news_of_dropped(self) -> list[bytes]:
        if self._dropped_records == 0:
            return []
        event = LogsDropped(
            reason=self._dropped_reason,
            dropped_records=self._dropped_records,
            dropped_bytes=self._dropped_bytes,
        )
        self._dropped_records = self._dropped_bytes = 0
        self._tell_dropped(event)
        if "platform" not in self.subscription.types:
            return []
        return [encoded(event.type, event.record(), now_ms())]

    async def _send(self, batch: list[bytes]) -> None:
        for delay in (*_RETRY_SECONDS, None):
            await self._is_running.wait()
            try:
                await self._try(batch)
                break
            except (NotDelivered, OSError) as error:  # a time-out is an OSError, too
                if delay is None or self._is_stopped:
                    self._give_up(batch, error)
                    break
                await asyncio.sleep(delay)
        if not self._records:
            self._is_idle.set()

    async def _try(self, batch: list[bytes]) -> None:
        async with asyncio.timeout(_TRY_SECONDS) as self._try_limit:
            try:
                await self._client.send(batch)
            finally:
                self._try_limit = None

    def _give_up(self, batch: list[bytes], error: Exception) -> None:
        reason = f"Could not send events: {str(error) or 'no reply in time'}"
        self.note_dropped(len(batch), sum(map(len, batch)), reason)
