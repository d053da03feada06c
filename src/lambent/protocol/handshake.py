"""What stands where a connection will be, until the handshake of TLS is done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

# As of a connection without TLS. The loop's own for TLS is 512 KiB: of what a client does not
# read, hundreds of them together would hold that much memory.
_HELD_BYTES = 64 * 1024


class Handshake(asyncio.Protocol):
    """Makes place for what `connect` makes, once there is a connection.

    The loop makes a protocol for every caller, but of one whose handshake fails it says nothing
    more: a connection that was there from the beginning would count for ever.
    """

    def __init__(self, connect: Callable[[], asyncio.Protocol]) -> None:
        self._connect = connect

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport by class.
        made = cast("asyncio.Transport", transport)
        made.set_write_buffer_limits(high=_HELD_BYTES)
        connection = self._connect()
        made.set_protocol(connection)
        connection.connection_made(made)
