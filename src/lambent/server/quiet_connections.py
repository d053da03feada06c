"""Connections on which nothing happens are closed: whoever keeps many costs memory and descriptors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.protocol.http_connection import Connection
    from lambent.protocol.incoming_request import IncomingRequest

logger = logging.getLogger(__name__)


class _Seen(NamedTuple):
    unsent_bytes: int
    unfinished_head: IncomingRequest | None


class QuietConnections:
    """What was seen of each the last time. A timer for each would cost every request as much as
    reading it.
    """

    def __init__(self) -> None:
        self._seen: dict[Connection, _Seen] = {}

    def sweep(self, connections: Iterable[Connection]) -> None:
        """Close those on which nothing happened since the last time; to be called in between.

        Also those whose answers are not being taken, and those that take longer than that for the
        head of a request.
        """
        before, self._seen = self._seen, {}
        for connection in list(connections):
            seen = _Seen(connection.unsent_bytes, connection.unfinished_head)
            earlier = before.get(connection)
            if connection.is_quiet and connection.is_at_rest:
                connection.finish()
            elif connection.is_quiet and earlier and 0 < earlier.unsent_bytes <= seen.unsent_bytes:
                logger.info("a client does not take its answer, and is hung up on")
                connection.hang_up()
            elif (
                earlier and seen.unfinished_head and seen.unfinished_head is earlier.unfinished_head
            ):
                connection.refuse(408)
            else:
                self._seen[connection] = seen
            connection.is_quiet = True
