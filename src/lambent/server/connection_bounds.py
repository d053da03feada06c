"""Bounds for clients that may be hostile: of what those of one socket, and all, make us hold."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.protocol.body_budget import BodyBudget


@dataclass(slots=True, kw_only=True)
class AllConnections:
    """What several sockets share."""

    limit: int
    budget: BodyBudget
    count: int = 0


class ConnectionBounds:
    """What is connected to one socket, and how much of it there may be."""

    def __init__(self, *, connections: int, body_bytes: int, within: AllConnections) -> None:
        self.budget = BodyBudget(limit_bytes=body_bytes, within=within.budget)
        self._limit = connections
        self._count = 0
        self._all = within

    def admit(self) -> bool:
        """Whether there may be one connection more, which then there is until `leave`."""
        if self._count >= self._limit or self._all.count >= self._all.limit:
            return False
        self._count += 1
        self._all.count += 1
        return True

    def leave(self) -> None:
        self._count -= 1
        self._all.count -= 1
