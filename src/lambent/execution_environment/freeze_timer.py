"""When an environment is frozen: once it has been idle for a while, and never in between.

AWS freezes an environment as soon as all in it are done. Here one that is invoked again soon pays
nothing for it: neither the freezing and thawing, nor a timer for each invocation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class FreezeTimer:
    """Calls `freeze` when `note_idle` was last called `after_seconds` ago.

    `is_idle` says whether the environment still is; when it becomes idle again, it notes that.
    """

    def __init__(
        self, after_seconds: float, is_idle: Callable[[], bool], freeze: Callable[[], None]
    ) -> None:
        self._after_seconds = after_seconds
        self._is_idle = is_idle
        self._freeze = freeze
        self._loop = asyncio.get_running_loop()
        self._idle_since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def note_idle(self) -> None:
        """The environment is idle from now on; cheap, as it is called after each invocation."""
        self._idle_since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._after_seconds, self._ring)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if not self._is_idle():
            return
        remaining = self._idle_since + self._after_seconds - self._loop.time()
        if remaining > 0:
            self._timer = self._loop.call_later(remaining, self._ring)
        else:
            self._freeze()
