from __future__ import annotations

import asyncio

from lambent.protocol.handshake import Handshake


class Transport(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.protocol = None
        self.limit = None

    def set_write_buffer_limits(self, high=None, low=None):
        self.limit = high

    def set_protocol(self, protocol):
        self.protocol = protocol


class Connection(asyncio.Protocol):
    def __init__(self):
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport


def test_a_connection_is_made_when_the_handshake_is_done_and_not_before():
    made = []

    def connect():
        made.append(Connection())
        return made[-1]

    handshake, transport = Handshake(connect), Transport()
    assert made == []
    handshake.connection_made(transport)
    [connection] = made
    assert (transport.protocol, connection.transport) == (connection, transport)
    assert transport.limit == 64 * 1024
