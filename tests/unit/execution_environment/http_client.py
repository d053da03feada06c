"""A runtime's side of the Runtime API, for tests: over a real socket, or without any."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PREFIX = "/2018-06-01/runtime"
NEXT = f"{PREFIX}/invocation/next"
INIT_ERROR = f"{PREFIX}/init/error"


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Client:
    """One connection; it reads exactly one response for each it is asked for."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def send_request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1:9001"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def receive(self) -> Response:
        status_line, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        return Response(
            status=int(status_line.split()[1]),
            headers=headers,
            body=await self.reader.readexactly(length),
        )

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        self.send_request(method, path, body, headers)
        return await self.receive()

    async def next(self) -> Response:
        return await self.request("GET", NEXT)

    async def post(
        self, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        return await self.request("POST", PREFIX + path, body, headers)

    async def is_hung_up(self) -> bool:
        """Wait for the server to close the connection, with nothing more to say."""
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class Address:
    host: str
    port: int
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection(self.host, self.port))
        self.clients.append(client)
        return client


@contextlib.asynccontextmanager
async def listening(protocol: Callable[[], asyncio.BaseProtocol]) -> AsyncIterator[Address]:
    """A real listener on a free port of the loopback."""
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    address = Address(*server.sockets[0].getsockname())
    try:
        yield address
    finally:
        server.close()
        for client in address.clients:
            await client.close()


class MemoryTransport(asyncio.Transport):
    """Keeps what is written; the test plays the network."""

    def __init__(self, extra: dict[str, object] | None = None) -> None:
        super().__init__(extra)
        self.written = b""
        self.is_closed = False
        self.is_reading_paused = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        assert not self.is_closed
        self.written += data

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False


def feed(protocol: asyncio.Protocol, transport: MemoryTransport, *pieces: bytes) -> None:
    """Give the pieces to the protocol as the loop would: none after the connection is closed."""
    for piece in pieces:
        if transport.is_closed:
            return
        protocol.data_received(piece)
