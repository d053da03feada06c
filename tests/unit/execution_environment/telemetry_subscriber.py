"""A subscriber to telemetry as an extension has one, on this host's loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import Any, Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def open_socket() -> socket.socket:
    opened = socket.socket()
    opened.setblocking(False)
    return opened


class Subscriber:
    """Takes requests and answers them in turn with `replies`, the last one again and again.

    A reply of None hangs up without a word, and one of "silence" never answers.
    """

    def __init__(self, *replies: bytes | str | None) -> None:
        self._replies = list(replies) or [OK]
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self._arrived = asyncio.Condition()
        self._connections: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.bodies for event in json.loads(body)]

    async def wait_requests(self, count: int) -> None:
        async with asyncio.timeout(30), self._arrived:
            await self._arrived.wait_for(lambda: len(self.bodies) >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
            body = await reader.readexactly(length)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            async with self._arrived:
                self.heads.append(head)
                self.bodies.append(body)
                self._arrived.notify_all()
            if reply == "silence":
                return
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
        writer.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for each in self._connections:
            each.transport.abort()
        await self._server.wait_closed()


class LineSubscriber(Subscriber):
    """The same for plain TCP: one line of JSON for each event, over whatever connections come."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.bodies]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        self.connections += 1
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                async with self._arrived:
                    self.bodies.append(line)
                    self._arrived.notify_all()
        writer.close()

    def hang_up(self) -> None:
        for each in self._connections:
            each.transport.abort()
