"""Bounds for clients that may be hostile: of what those of one socket, and all, make us hold."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.protocol.body_budget import MAX_HEAD_BYTES, BodyBudget
from lambent.server.open_files import allowed_descriptors

MOST_PUBLIC_CONNECTIONS = 10_000


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
    most_unsent_bytes: int  # of answers that are not taken


def public_bounds(
    max_request_bytes: int, *, kept_descriptors: int | None = None
) -> ConnectionBounds:
    """Of all who use the public listeners: room for a thousand calls of 1 MB, or 16 largest uploads.

    `kept_descriptors` are for all that is no connection of theirs; half, unless it is known.
    """
    connections = _most_connections(kept_descriptors)
    return ConnectionBounds(
        connections=Places(limit=connections),
        streams=Places(limit=connections),
        budget=BodyBudget(limit_bytes=16 * max_request_bytes, max_head_bytes=MAX_HEAD_BYTES),
        most_unsent_bytes=16 * max_request_bytes,
    )


def _most_connections(kept_descriptors: int | None) -> int:
    """With more than there are descriptors, functions would have none to be started with."""
    allowed = allowed_descriptors()
    if allowed is None:
        return MOST_PUBLIC_CONNECTIONS
    kept = allowed // 2 if kept_descriptors is None else kept_descriptors
    return min(MOST_PUBLIC_CONNECTIONS, max(allowed - kept, allowed // 4))
