"""What this host has for execution environments: so much memory, and so many of them.

What environments are restored from has its share of the same memory.

Whoever wants room is given it, waits in line until what is closing has gone, or is refused. The
host is never promised twice: what is closing counts until nothing of it is left.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

# An environment with extensions has two seconds to shut down, and its sandbox is put away after
# that. Whoever waits for it longer is better off being told to come again.
_PATIENCE_SECONDS = 3.0


class NoRoom(Exception):
    """Raised when the host has no room left, and none is about to be."""


@dataclass(frozen=True, slots=True)
class Room:
    memory_bytes: int
    environments: int

    def __add__(self, other: Room) -> Room:
        return Room(self.memory_bytes + other.memory_bytes, self.environments + other.environments)

    def __sub__(self, other: Room) -> Room:
        return Room(self.memory_bytes - other.memory_bytes, self.environments - other.environments)

    def fits(self, whole: Room) -> bool:
        return self.memory_bytes <= whole.memory_bytes and self.environments <= whole.environments


NOTHING = Room(0, 0)


@dataclass(slots=True, eq=False)
class _Request:
    room: Room
    granted: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Holder(Protocol):
    """Some of whose room can be had back."""

    def coming(self) -> Room:
        """What is on its way back already."""

    def closable(self) -> Room:
        """What can be had back beside that."""

    def close_oldest(self, shortage: Room) -> Room:
        """Have back what was unused for longest, until that is enough; what is still short then."""


class HostBudget:
    """Who holds how much of the host, and who waits for it, first come first served."""

    def __init__(self, limit: Room) -> None:
        self.limit = limit
        self.held = NOTHING
        self._holders: list[Holder] = []
        self._requests: deque[_Request] = deque()
        self._is_settling = False

    def add_holder(self, holder: Holder, *, is_first: bool = False) -> None:
        """Have `holder` asked for room when there is none; who is first has all it can closed."""
        self._holders.insert(0 if is_first else len(self._holders), holder)

    @property
    def is_short(self) -> bool:
        """Somebody waits for room."""
        return bool(self._requests)

    def take(self, room: Room) -> bool:
        """Take `room` if it is there for the asking."""
        taken = self.held + room
        if self._requests or not taken.fits(self.limit):
            return False
        self.held = taken
        return True

    async def reserve(self, room: Room) -> None:
        """Take `room`, waiting a few seconds for it if it is on its way. Raises NoRoom."""
        if self.take(room):
            return
        request = _Request(room)
        self._requests.append(request)
        self.settle()
        timer = asyncio.get_running_loop().call_later(
            _PATIENCE_SECONDS, self._lose_patience, request
        )
        try:
            await request.granted
        except asyncio.CancelledError:
            self._withdraw(request)
            raise
        finally:
            timer.cancel()

    def _lose_patience(self, request: _Request) -> None:
        self._refuse(request)
        self.settle()  # somebody behind may want less

    def _withdraw(self, request: _Request) -> None:
        """Its owner has been cancelled, possibly after room was given to it."""
        if request in self._requests:
            self._requests.remove(request)
            self.settle()
        elif not request.granted.cancelled() and request.granted.exception() is None:
            self.release(request.room)

    def release(self, room: Room) -> None:
        """Give `room` back."""
        self.held -= room
        self.settle()

    def settle(self) -> None:
        """Give room to those it is enough for, in turn; have it made for the rest, or refuse them."""
        if self._is_settling:
            return
        self._is_settling = True
        try:
            self._grant()
            while self._requests and not self._make_room(self._shortage()):
                # The last to come is the first to go, as it would be had the others been served.
                self._refuse(self._requests[-1])
            self._grant()
        finally:
            self._is_settling = False

    def refuse_all(self) -> None:
        while self._requests:
            self._refuse(self._requests[-1])

    def _grant(self) -> None:
        while self._requests and (self.held + self._requests[0].room).fits(self.limit):
            request = self._requests.popleft()
            if not request.granted.done():
                self.held += request.room
                request.granted.set_result(None)

    def _make_room(self, shortage: Room) -> bool:
        """Have back what is unused, if that is enough together with what is coming anyway."""
        shortage -= sum((holder.coming() for holder in self._holders), NOTHING)
        if not shortage.fits(sum((holder.closable() for holder in self._holders), NOTHING)):
            return False
        for holder in self._holders:
            shortage = holder.close_oldest(shortage)
        return True

    def _shortage(self) -> Room:
        return sum((each.room for each in self._requests), self.held) - self.limit

    def _refuse(self, request: _Request) -> None:
        if request in self._requests:
            self._requests.remove(request)
        if not request.granted.done():
            request.granted.set_exception(NoRoom())
