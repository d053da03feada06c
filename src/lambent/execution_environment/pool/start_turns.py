"""Whose turn it is to start an environment.

Too many starts at once would only make each of them slower, and what runs already with them. So
there are turns, and functions take them in turn: a burst of one function keeps no other waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(slots=True)
class _Lane:
    """The starts of one function."""

    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    starting: int = 0


class StartTurns:
    """At most `parallel` starts at one time, and as many more that are the only one of their lane."""

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._starting = 0
        self._lanes: dict[str, _Lane] = {}  # whose last turn was longest ago is first

    @contextlib.asynccontextmanager
    async def turn(self, lane_name: str) -> AsyncIterator[None]:
        """Wait for a turn of the lane, and hold it meanwhile."""
        lane = self._lanes.setdefault(lane_name, _Lane())
        mine = asyncio.get_running_loop().create_future()
        lane.waiting.append(mine)
        self._grant()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.cancelled():
                self._give_up(lane_name, mine)
            else:
                self._end(lane_name)  # the turn came, too late
            raise
        try:
            yield
        finally:
            self._end(lane_name)

    def _give_up(self, lane_name: str, mine: asyncio.Future[None]) -> None:
        lane = self._lanes.get(lane_name)
        if lane is not None and mine in lane.waiting:
            lane.waiting.remove(mine)
            self._forget_empty(lane_name)

    def _end(self, lane_name: str) -> None:
        self._lanes[lane_name].starting -= 1
        self._starting -= 1
        self._forget_empty(lane_name)
        self._grant()

    def _forget_empty(self, lane_name: str) -> None:
        lane = self._lanes[lane_name]
        if not lane.waiting and not lane.starting:
            del self._lanes[lane_name]

    def _grant(self) -> None:
        while (name := self._next()) is not None:
            lane = self._lanes.pop(name)
            self._lanes[name] = lane  # last in line from now on
            mine = lane.waiting.popleft()
            if not mine.done():
                lane.starting += 1
                self._starting += 1
                mine.set_result(None)
            self._forget_empty(name)

    def _next(self) -> str | None:
        """The waiting lane with the fewest starts; of several, whose last turn was longest ago."""
        waiting = [name for name, lane in self._lanes.items() if lane.waiting]
        name = min(waiting, key=lambda each: self._lanes[each].starting, default=None)
        if name is None:
            return None
        most = self._parallel if self._lanes[name].starting else 2 * self._parallel
        return name if self._starting < most else None
