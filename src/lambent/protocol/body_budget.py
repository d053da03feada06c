"""How much of what others send may be in memory at one time."""

from __future__ import annotations

from dataclasses import dataclass, field

# AWS's clients send a function error's cause for X-Ray, of up to 1 MiB, as a header.
MAX_HEAD_BYTES = (1024 + 64) * 1024


@dataclass(slots=True)
class BodyBudget:
    """What the connections that share it may make the server hold at one time."""

    limit_bytes: int
    held_bytes: int = field(default=0)
    within: BodyBudget | None = None  # what this one is a part of, and whose limit counts too
    own_bytes: int = 0  # its first, for which that has room whatever others hold
    max_head_bytes: int = MAX_HEAD_BYTES  # of each request, and so of its trailers

    def take(self, count: int) -> bool:
        if self.held_bytes + count > self.limit_bytes:
            return False
        if self.within is not None:
            shared = self._shared(self.held_bytes + count) - self._shared(self.held_bytes)
            if shared and not self.within.take(shared):
                return False
        self.held_bytes += count
        return True

    def may_ever_hold(self, count: int) -> bool:
        """Whether there would be room for so much more, did all others hold nothing."""
        held = self.held_bytes + count
        return held <= self.limit_bytes and (
            self.within is None or self._shared(held) <= self.within.limit_bytes
        )

    def give_back(self, count: int) -> None:
        if self.within is not None:
            shared = self._shared(self.held_bytes) - self._shared(self.held_bytes - count)
            if shared:
                self.within.give_back(shared)
        self.held_bytes -= count

    def _shared(self, held_bytes: int) -> int:
        """How much of it counts with others'."""
        return max(held_bytes - self.own_bytes, 0)


@dataclass(slots=True)
class Share:
    """What one connection holds of a budget for what changes in size."""

    budget: BodyBudget
    held_bytes: int = 0

    def hold(self, count: int) -> bool:
        """Whether there is room for so much in place of what it held."""
        more = count - self.held_bytes
        if more > 0 and not self.budget.take(more):
            return False
        if more < 0:
            self.budget.give_back(-more)
        self.held_bytes = count
        return True

    def hand_over(self) -> int:
        """What it held, for which somebody else answers now."""
        handed_over, self.held_bytes = self.held_bytes, 0
        return handed_over
