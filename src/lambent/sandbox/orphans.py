"""Process 1 of a container inherits every process whose parent has ended, and has to bury it.

Our own children are not touched: their numbers must stay taken until whoever started them is done
with their process groups.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY_SECONDS = 1.0


class Children:
    """Which of this process's children were started here; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: set[int] = set()

    @contextlib.contextmanager
    def starting(self) -> Iterator[Callable[[int], None]]:
        """While a child is started, and until its number is told, nobody is buried."""
        with self._lock:
            yield self._own.add

    def buried(self, pid: int) -> None:
        """Whoever started it has seen to it."""
        with self._lock:
            self._own.discard(pid)

    def bury_orphans(self) -> int:
        """Bury those that have ended; how many. One of our own in front lets the others wait."""
        count = 0
        # A start may take a while, and this is called again.
        if not self._lock.acquire(blocking=False):
            return count
        try:
            with contextlib.suppress(ChildProcessError):
                while self._bury_one():
                    count += 1
        finally:
            self._lock.release()
        return count

    def _bury_one(self) -> bool:
        options = os.WEXITED | os.WNOHANG
        ended = os.waitid(os.P_ALL, 0, options | os.WNOWAIT)
        if ended is None or ended.si_pid in self._own:
            return False
        os.waitid(os.P_PID, ended.si_pid, options)
        return True

    async def bury_orphans_forever(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            self.bury_orphans()
