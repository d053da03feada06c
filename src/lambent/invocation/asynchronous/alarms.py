"""When functions are to be looked at again for the time alone: a heap of due times, one timer."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.arn import FunctionKey


_LONGEST_SLEEP_SECONDS = 30.0  # then the time is looked at again: clocks may be set


class Alarms:
    """One for each function at most: the first."""

    def __init__(self, now_ms: Callable[[], int], wake: Callable[[], None]) -> None:
        self._now_ms = now_ms
        self._wake = wake
        self._heap: list[tuple[float, FunctionKey]] = []
        self._set: dict[FunctionKey, float] = {}
        self._armed_ms: float | None = None  # what `_timer` is for
        self._timer: asyncio.TimerHandle | None = None

    def set(self, function: FunctionKey, due_ms: float) -> None:
        """Unless there is an earlier one."""
        if due_ms < self._set.get(function, float("inf")):
            self._set[function] = due_ms
            heapq.heappush(self._heap, (due_ms, function))

    def take_due(self) -> list[FunctionKey]:
        """Those whose time has come; they have none any more."""
        now_ms = self._now_ms()
        due = []
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, function = heapq.heappop(self._heap)
            if self._set.get(function) == due_ms:  # else an earlier one took its place
                del self._set[function]
                due.append(function)
        return due

    def arm(self) -> None:
        """Have `wake` called at the time of the first, or some time before."""
        first_ms = self._heap[0][0] if self._heap else None
        if first_ms is None or first_ms == self._armed_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_ms = first_ms
        seconds = min((first_ms - self._now_ms()) / 1000, _LONGEST_SLEEP_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._ring)

    def _ring(self) -> None:
        self._armed_ms = None
        self._wake()
