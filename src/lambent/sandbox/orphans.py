"""Processes whose parent has ended, which a function left behind: ended with it, and buried.

Process 1 of a container inherits them anyway; elsewhere we ask for them. Our own children are not
touched: their numbers must stay taken until whoever started them is done with their process groups.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY_SECONDS = 1.0
_GENERATIONS = 100  # that are ended one after another: children come to us with their parent's end


class Children:
    """Which of this process's children were started here; used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: set[int] = set()
        self._found: set[int] = set()  # were here before anything was started

    @contextlib.contextmanager
    def adopting(self) -> Iterator[None]:
        """Be the parent of what our children leave behind; afterwards nothing of it is left."""
        self._found = set(system_calls.children())
        with system_calls.adopting_orphans():
            try:
                yield
            finally:
                self._end_orphans(lambda pid: True)

    @contextlib.contextmanager
    def starting(self) -> Iterator[Callable[[int], None]]:
        """While a child is started, and until its number is told, nobody is buried."""
        with self._lock:
            yield self._own.add

    def buried(self, pid: int) -> None:
        """Whoever started it has seen to it."""
        with self._lock:
            self._own.discard(pid)

    def end_left_behind(self, api_address: str) -> None:
        """End what the instance with this Runtime API has left behind, as its variables tell.

        Blocks for the moment until it has ended.
        """
        mark = f"AWS_LAMBDA_RUNTIME_API={api_address}".encode()
        self._end_orphans(lambda pid: mark in _variables(pid))

    def _end_orphans(self, is_to_end: Callable[[int], bool]) -> None:
        with self._lock:
            spared = self._own | self._found
            for _ in range(_GENERATIONS):
                orphans = [pid for pid in system_calls.children() if pid not in spared]
                to_end = [pid for pid in orphans if is_to_end(pid)]
                if not to_end:
                    return
                for pid in to_end:
                    _end(pid)
                spared = spared.union(to_end)  # whoever cannot be ended is not tried again

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


def _end(pid: int) -> None:
    """It is our child, so that its number is its own until we bury it."""
    process = os.pidfd_open(pid)
    try:
        system_calls.send_signal(process, signal.SIGKILL)
        system_calls.wait_for_death(process)
    except PermissionError:
        # It has become another user, who is left alone.
        return
    finally:
        os.close(process)


def _variables(pid: int) -> list[bytes]:
    """Those it was started with; none of what has ended or is another user's."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
