"""Who is at the other end of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

_MAPPED_PREFIX = "::ffff:"  # an IPv4 client, as a socket for both families names it


def peer_address(transport: asyncio.BaseTransport) -> str:
    """The IP address, without port and zone; empty for a Unix socket."""
    name = transport.get_extra_info("peername")
    if not isinstance(name, tuple) or not name:
        return ""
    address = str(name[0]).partition("%")[0]
    if address.startswith(_MAPPED_PREFIX) and "." in address:
        return address.removeprefix(_MAPPED_PREFIX)
    return address
