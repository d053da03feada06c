"""What the function and its extensions print, straight through to our own standard output.

Who reads that may be slow, or stopped. So a thread of its own writes, and who prints more than is
written waits, as the function itself would if the output were its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from lambent.domain.quotas import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONGESTED_BYTES = MIB
_LAST_WORDS_SECONDS = 2.0
_REPORTS = frozenset({"platform.start", "platform.end", "platform.report"})
# What went wrong is always told; of an init on demand, that is all there is to tell.
_FAILURES = frozenset({"platform.fault", "platform.initReport"})


class Console:
    """Every instance's log. Used as a context: what was printed before its end is written."""

    def __init__(self, descriptor: int, *, prints_reports: bool) -> None:
        self._descriptor = descriptor
        self._shown = _FAILURES | _REPORTS if prints_reports else _FAILURES
        self._loop = asyncio.get_running_loop()
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._is_over = False
        self._is_awaited = False
        self._written = asyncio.Event()
        self._thread = threading.Thread(target=self._write_all, name="console", daemon=True)

    @contextlib.contextmanager
    def open(self) -> Iterator[Console]:
        self._thread.start()
        try:
            yield self
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify()
            # Whoever does not read by then is waited for no longer.
            self._thread.join(_LAST_WORDS_SECONDS)

    # As `environment_log.Logs`, and the stream of each environment

    def open_stream(self, *, account_id: str, region: str, group: str, stream: str) -> Console:
        return self

    def wants(self, event_type: str) -> bool:
        return event_type in self._shown

    def append(self, timestamp_ms: int, message: str) -> None:
        line = message.encode("utf-8", "replace")
        if not line.endswith(b"\n"):
            line += b"\n"
        with self._changed:
            self._lines.append(line)
            self._waiting_bytes += len(line)
            self._changed.notify()

    def is_congested(self) -> bool:
        return self._waiting_bytes > _CONGESTED_BYTES

    async def wait_writable(self) -> None:
        while self.is_congested():
            self._written.clear()
            self._is_awaited = True
            if self.is_congested():  # still, now that whoever writes would tell
                await self._written.wait()

    # The thread

    def _write_all(self) -> None:
        while text := self._take():
            # With nobody there to read it is lost, as it would be for the function.
            with contextlib.suppress(OSError):
                _write(self._descriptor, text)
            with self._changed:
                self._waiting_bytes -= len(text)
            if self._is_awaited:
                self._is_awaited = False
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                    self._loop.call_soon_threadsafe(self._written.set)

    def _take(self) -> bytes:
        with self._changed:
            while not (self._lines or self._is_over):
                self._changed.wait()
            text = b"".join(self._lines)
            self._lines.clear()
            return text


def _write(descriptor: int, text: bytes) -> None:
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]
