"""Whether a file system has room left."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOOK_EVERY_SECONDS = 0.2


class DiskRoom:
    """Looks now and then: what comes between two looks is small beside any sensible reserve."""

    def __init__(
        self, directory: Path, reserve_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._looked = float("-inf")
        self._has_some = True

    def has_some(self) -> bool:
        """Whether more than the reserve is free for this user."""
        now = self._clock()
        if now - self._looked >= _LOOK_EVERY_SECONDS:
            self._looked = now
            state = os.statvfs(self._directory)
            self._has_some = state.f_bavail * state.f_frsize >= self._reserve_bytes
        return self._has_some
