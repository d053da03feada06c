"""The events of one function that are in memory, of however many that wait.

The database has all of them. A lane holds the next few, those that are at work, and those that
wait to be tried again soon.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.arn import FunctionKey
    from lambent.domain.asynchronous_event import AsynchronousEvent


@dataclass(slots=True, order=True)
class Postponed:
    """An event that could not be run, until its next try: that is not written down."""

    due_ms: float
    number: int  # of the event: two may be due in the same moment
    event: AsynchronousEvent = field(compare=False)
    tries: int = field(compare=False)  # in a row
    # It runs sooner when there is a place for it sooner.
    is_throttled: bool = field(compare=False)


class Lane:
    """Owned by the queue, which changes it in the event loop only."""

    __slots__ = (
        "function",
        "held",
        "is_in_line",
        "is_loading",
        "is_standing",
        "loaded",
        "postponed",
        "stored_due_ms",
        "tries",
        "waiting_for_environment",
    )

    def __init__(self, function: FunctionKey) -> None:
        self.function = function
        self.loaded: deque[AsynchronousEvent] = deque()  # due
        self.postponed: list[Postponed] = []  # a heap
        # All that must not be loaded (again): loaded, postponed, at work, or being written.
        self.held: set[int] = set()
        self.tries: dict[int, int] = {}  # of those that were postponed and are at work now
        # When the first event is due that is in the database only; None: there is none.
        self.stored_due_ms: int | None = None
        self.is_loading = False
        # A place is waited for: no event is tried before there is one, or the next is due.
        self.is_standing = False
        self.is_in_line = False  # for the places of `concurrency.py`
        self.waiting_for_environment = 0  # events that have a place, and no environment yet

    @property
    def ready(self) -> int:
        """Events in memory that are not at work."""
        return len(self.loaded) + len(self.postponed)

    @property
    def is_empty(self) -> bool:
        return not self.held and self.stored_due_ms is None and not self.is_loading

    def postpone(self, postponed: Postponed) -> None:
        self.tries.pop(postponed.number, None)
        heapq.heappush(self.postponed, postponed)

    def stored(self, due_ms: int) -> None:
        """An event is due at that time that is in the database only."""
        if self.stored_due_ms is None or due_ms < self.stored_due_ms:
            self.stored_due_ms = due_ms

    def has_next(self, now_ms: float) -> bool:
        """Whether there is an event to run, in memory."""
        return bool(self.loaded) or (bool(self.postponed) and self._is_ready(now_ms))

    def take_next(self, now_ms: float) -> AsynchronousEvent:
        """It is held until `release`."""
        if self.postponed and self._is_ready(now_ms):
            postponed = heapq.heappop(self.postponed)
            self.tries[postponed.number] = postponed.tries
            return postponed.event
        return self.loaded.popleft()

    def drop(self, is_meant: Callable[[AsynchronousEvent], bool]) -> list[AsynchronousEvent]:
        """Take these out of those that are ready; they are held until `release`."""
        dropped = [event for event in self.loaded if is_meant(event)]
        dropped += [each.event for each in self.postponed if is_meant(each.event)]
        if dropped:
            self.loaded = deque(event for event in self.loaded if not is_meant(event))
            self.postponed = [each for each in self.postponed if not is_meant(each.event)]
            heapq.heapify(self.postponed)
        return dropped

    def _is_ready(self, now_ms: float) -> bool:
        first = self.postponed[0]
        return first.due_ms <= now_ms or first.is_throttled

    def next_due_ms(self, now_ms: float) -> float | None:
        """When there is something to do for the time alone.

        What is due already and only in the database waits for room in memory, not for the time.
        """
        times: list[float] = [self.postponed[0].due_ms] if self.postponed else []
        if self.stored_due_ms is not None and self.stored_due_ms > now_ms:
            times.append(self.stored_due_ms)
        return min(times, default=None)


class Waiting:
    """An event that has a place and no environment yet, until `end`."""

    __slots__ = ("_lane", "_mark")

    def __init__(self, lane: Lane, mark: Callable[[Lane], None]) -> None:
        self._lane: Lane | None = lane
        self._mark = mark

    def end(self) -> None:
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.waiting_for_environment -= 1
            self._mark(lane)
