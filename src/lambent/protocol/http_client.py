"""HTTP/1.1, the client's side, for what is passed on: one exchange on a connection of its own.

Neither body is ever held whole. A connection is not used twice: so no request has to be sent again
because the other side had just closed, and what one caller left unread is never another's answer.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httptools

from lambent.protocol.body_source import BodyCutShort
from lambent.protocol.http_head import chunk, is_without_body

if TYPE_CHECKING:
    from lambent.protocol.body_source import BodyStream

_CONNECT_SECONDS = 5
_PATIENCE_SECONDS = 60  # with a caller, for the next piece of its body
_MAX_HEAD_BYTES = 256 * 1024
_PIECE_BYTES = 256 * 1024


class NoAnswer(Exception):
    """Raised when the other side cannot be reached, or answers nothing that is HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where requests go."""

    host: str
    port: int
    is_secure: bool
    base_path: str  # before every request's own, without a slash at its end

    @classmethod
    def of(cls, url: str) -> Place:
        parts = urlsplit(url)
        is_secure = parts.scheme == "https"
        return cls(
            host=parts.hostname or "",
            port=parts.port or (443 if is_secure else 80),
            is_secure=is_secure,
            base_path=parts.path.rstrip("/"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request, its body at hand or still coming."""

    method: str
    target: str  # path and query
    headers: list[tuple[str, str]]  # without those that frame the body
    body: bytes | BodyStream

    def head(self, base_path: str) -> bytes:
        """Raises ValueError for what would end a line, and so begin another."""
        lines = [f"{self.method} {base_path}{self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *self._framing())]
        if any(c in line for line in lines for c in "\r\n\0") or lines[0].count(" ") != 2:
            raise ValueError("a line break, or a space, where none may be")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    @property
    def is_chunked(self) -> bool:
        return not isinstance(self.body, bytes) and self.body.length is None

    def _framing(self) -> list[tuple[str, str]]:
        if self.is_chunked:
            return [("connection", "close"), ("transfer-encoding", "chunked")]
        length = len(self.body) if isinstance(self.body, bytes) else self.body.length
        if not length and self.method in ("GET", "HEAD"):
            return [("connection", "close")]
        return [("connection", "close"), ("content-length", str(length))]


class Answer:
    """The head of an answer, and its body for whoever reads it; a BodySource. To be closed."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str
    ) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.length: int | None = None
        self._reader = reader
        self._writer = writer
        self._method = method
        self._head_bytes = 0
        self._has_head = False
        self._has_ended = False
        self._pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self._sending: asyncio.Task[None] | None = None

    # llhttp calls these

    def on_message_begin(self) -> None:
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < HTTPStatus.OK:
            return  # 100 Continue and the like: the answer is still to come
        self._has_head = True
        lengths = [value for name, value in self.headers if name == "content-length"]
        self.length = int(lengths[0]) if lengths else None
        self._has_ended = self._method == "HEAD" or is_without_body(self.status)

    def on_body(self, body: bytes) -> None:
        if not self._has_ended:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._has_ended = self._has_head

    # the one who asked calls these

    async def receive_head(self) -> None:
        """Raises NoAnswer."""
        while not self._has_head:
            if not await self._receive() or self._head_bytes > _MAX_HEAD_BYTES:
                raise NoAnswer("the connection ended before an answer")

    async def read(self) -> bytes:
        while not self._pieces and not self._has_ended:
            if not await self._receive():
                # Without a length and chunks this is how a body ends.
                if self.length is not None or self._is_chunked():
                    raise BodyCutShort("the neighbour ended in the middle of its answer")
                self._has_ended = True
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken

    def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
        self._writer.transport.abort()

    def send(self, outgoing: Outgoing, head: bytes) -> None:
        """Begin to send the request; ended by `close` at the latest."""
        if isinstance(outgoing.body, bytes):
            self._writer.write(head + outgoing.body)
            return
        self._writer.write(head)
        self._sending = asyncio.create_task(
            self._send_body(outgoing.body, is_chunked=outgoing.is_chunked), name="passing on"
        )

    async def _send_body(self, body: BodyStream, *, is_chunked: bool) -> None:
        """A failure of either side is seen by who waits for the answer."""
        try:
            while piece := await asyncio.wait_for(body.read(), _PATIENCE_SECONDS):
                self._writer.write(chunk(piece) if is_chunked else piece)
                await self._writer.drain()
            if is_chunked:
                self._writer.write(chunk(b""))
        except (BodyCutShort, TimeoutError):
            self._writer.transport.abort()  # what is cut short must not look whole
        except ConnectionError:
            pass  # it may have answered before it had heard all

    async def _receive(self) -> bool:
        """Whether more came."""
        try:
            data = await self._reader.read(_PIECE_BYTES)
            self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._has_head:
                raise NoAnswer(str(error) or type(error).__name__) from error
            raise BodyCutShort("the neighbour ended in the middle of its answer") from error
        return bool(data)

    def _is_chunked(self) -> bool:
        return any(name == "transfer-encoding" for name, _ in self.headers)


async def exchange(place: Place, outgoing: Outgoing) -> Answer:
    """Send a request; its answer, of which the head is here.

    Raises NoAnswer, and ValueError for a request that could be mistaken for two.
    """
    head = outgoing.head(place.base_path)
    answer = Answer(*await _connect(place), outgoing.method)
    try:
        answer.send(outgoing, head)
        await answer.receive_head()
    except BaseException:
        answer.close()
        raise
    return answer


async def _connect(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await asyncio.open_connection(
                place.host,
                place.port,
                ssl=_secure_context() if place.is_secure else None,
                limit=_PIECE_BYTES,
            )
    except TimeoutError:
        raise NoAnswer(f"no connection in {_CONNECT_SECONDS} seconds") from None
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no DNS could hold
        raise NoAnswer(str(error)) from error


@functools.cache
def _secure_context() -> ssl.SSLContext:
    return ssl.create_default_context()
