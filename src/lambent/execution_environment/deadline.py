"""A time by which something must have happened, for what is set anew all the time.

Setting and lifting one costs next to nothing: the event loop's timer is not moved, but looks, when
it rings, for how long it still has to wait. Nearly every deadline is lifted in time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAST_SECONDS = 0.001  # what event loops' clocks can tell


class Deadline:
    """Calls `passed` so many seconds after it was last `set`, unless it was lifted since."""

    def __init__(self, passed: Callable[[], None]) -> None:
        self._passed = passed
        self._loop = asyncio.get_running_loop()
        self._at: float | None = None
        self._rings_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Replaces what was set before."""
        self._at = at = self._loop.time() + seconds
        if self._timer is None or at < self._rings_at:
            self._arm(seconds)

    def lift(self) -> None:
        self._at = None

    def cancel(self) -> None:
        """Lift it, and leave nothing in the event loop."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._at is None:
            return
        remaining = self._at - self._loop.time()
        if remaining > 0:
            self._arm(max(remaining, _LEAST_SECONDS))
        else:
            self._at = None
            self._passed()
