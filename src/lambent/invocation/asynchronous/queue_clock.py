"""The time of the asynchronous queue, which may pass faster than the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueClock:
    """Waits and ages, in the clock's milliseconds since 1970.

    With a `factor` of 60, the minute before a retry is over in a second.
    """

    now_ms: Callable[[], int]
    factor: float = 1.0

    def after(self, seconds: float) -> int:
        """The moment when that much time of the queue's will have passed."""
        return self.now_ms() + self._milliseconds(seconds)

    def end_of_age(self, accepted_ms: int, longest_seconds: float) -> int:
        """The moment when an event is that old."""
        return accepted_ms + self._milliseconds(longest_seconds)

    def _milliseconds(self, seconds: float) -> int:
        return round(seconds * 1000 / self.factor)
