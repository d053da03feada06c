"""Bounds for clients that may be hostile: of what those of one socket, and all, make us hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.protocol.body_budget import BodyBudget


@dataclass(slots=True, kw_only=True)
class Places:
    """How many of something there may be at once."""

    limit: int
    within: Places | None = None  # what these are a part of, and whose limit counts too
    count: int = 0

    def admit(self) -> bool:
        """Whether there may be one more, which then there is until `leave`."""
        if self.count >= self.limit or (self.within is not None and not self.within.admit()):
            return False
        self.count += 1
        return True

    def leave(self) -> None:
        self.count -= 1
        if self.within is not None:
            self.within.leave()


# Weakly referred to by whoever finds it again for the next of the same clients.
@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class ConnectionBounds:
    """Of the clients of one socket, or of several that share them."""

    connections: Places
    streams: Places  # bodies that are passed on while they come
    budget: BodyBudget
