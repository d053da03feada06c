"""Brings records to a subscriber inside an execution environment, over HTTP or plain TCP.

The other side is hostile code: nothing it answers is kept, no more than a small reply is read, and
whoever calls sets a limit to the time everything together may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Protocol

import httptools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambent.execution_environment.telemetry_api.subscription import Destination, HttpTarget

_LOOPBACK = "127.0.0.1"
_MAX_REPLY_BYTES = 64 * 1024
_READ_BYTES = 16 * 1024
_FIRST_FINAL_STATUS = 200  # below are interim replies
_FIRST_REFUSAL = 400


class NotDelivered(Exception):
    """Raised when the subscriber refused the records, or said something that is no reply."""


class TelemetryClient(Protocol):
    """Sends batches, one at a time."""

    async def send(self, records: Sequence[bytes]) -> None:
        """Raises NotDelivered or OSError; then some of the records may have arrived."""

    def close(self) -> None: ...


def client_for(
    destination: Destination, open_socket: Callable[[], socket.socket]
) -> TelemetryClient:
    """`open_socket` gives a non-blocking TCP socket in the environment's network; it may block."""
    if destination.http is not None:
        return HttpClient(destination.port, destination.http, open_socket)
    return TcpClient(destination.port, open_socket)


async def _connect(port: int, open_socket: Callable[[], socket.socket]) -> socket.socket:
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(None, open_socket)
    try:
        connection = await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread goes on, and its socket is nobody's then.
        opening.add_done_callback(_close_opened)
        raise
    try:
        await loop.sock_connect(connection, (_LOOPBACK, port))
    except BaseException:
        connection.close()
        raise
    return connection


def _close_opened(opening: asyncio.Future[socket.socket]) -> None:
    with contextlib.suppress(OSError):
        opening.result().close()


class HttpClient:
    """One request with a JSON array for each batch, each over a connection of its own."""

    def __init__(
        self, port: int, target: HttpTarget, open_socket: Callable[[], socket.socket]
    ) -> None:
        self._port = port
        self._target = target
        self._open_socket = open_socket

    async def send(self, records: Sequence[bytes]) -> None:
        length = sum(map(len, records)) + len(records) + 1  # with the commas and brackets
        head = (
            f"{self._target.method} {self._target.path} HTTP/1.1\r\nHost: {self._target.host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
            "Connection: close\r\n\r\n"
        )
        request = b",".join(records).join((head.encode() + b"[", b"]"))
        connection = await _connect(self._port, self._open_socket)
        try:
            await asyncio.get_running_loop().sock_sendall(connection, request)
            status = await _Reply().read(connection)
        finally:
            connection.close()
        if status >= _FIRST_REFUSAL:
            raise NotDelivered(f"the subscriber answered {status}")

    def close(self) -> None:
        """There is nothing to close: no connection outlives its request."""


class _Reply:
    """Reads one reply, for its status."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status: int | None = None
        self._is_complete = False

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._status = status if status >= _FIRST_FINAL_STATUS else None

    def on_message_complete(self) -> None:
        self._is_complete = self._status is not None

    async def read(self, connection: socket.socket) -> int:
        """Raises NotDelivered or OSError."""
        loop = asyncio.get_running_loop()
        taken = 0
        while not self._is_complete and taken < _MAX_REPLY_BYTES:
            data = await loop.sock_recv(connection, _READ_BYTES)
            if not data:
                break
            taken += len(data)
            try:
                self._parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                break
        if self._status is None:
            raise NotDelivered("the subscriber gave no proper reply")
        return self._status


class TcpClient:
    """Each record a line of JSON, all over one connection while it lasts."""

    def __init__(self, port: int, open_socket: Callable[[], socket.socket]) -> None:
        self._port = port
        self._open_socket = open_socket
        self._connection: socket.socket | None = None

    async def send(self, records: Sequence[bytes]) -> None:
        if self._connection is not None and _has_ended(self._connection):
            self.close()
        if self._connection is None:
            self._connection = await _connect(self._port, self._open_socket)
        lines = b"\n".join(records) + b"\n"
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, lines)
        except BaseException:
            # A part of a line may have been sent: what follows would be read as its rest.
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _has_ended(connection: socket.socket) -> bool:
    """Whether the other side has hung up: the kernel would take some more without a word."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
