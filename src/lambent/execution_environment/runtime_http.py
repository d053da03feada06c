"""HTTP/1.1 as runtimes speak it: small, on llhttp, one request at a time per connection.

The other side is hostile code. Everything it can make us hold is bounded: the head for each
request, heads and bodies for all connections of one environment together.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

logger = logging.getLogger(__name__)

# AWS's clients send a function error's cause for X-Ray, of up to 1 MiB, as a header.
_MAX_HEAD_BYTES = (1024 + 64) * 1024
_HEADER_OVERHEAD_BYTES = 128  # about what one takes in memory beside its text
_MAX_WAITING_REQUESTS = 16  # pipelined behind one that is not answered yet

OK_BODY = b'{"status":"OK"}\n'

_REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    431: "Request Header Fields Too Large",
}


@dataclass(slots=True, kw_only=True)
class Request:
    method: str
    path: str  # without the query
    headers: dict[str, str]  # lower-case names; trailers are added when the body has ended
    body: bytes = b""
    held_bytes: int = 0  # of the budget, until the request is answered
    is_too_large: bool = False  # the body was over the budget and has been thrown away
    is_last: bool = False  # of its connection: HTTP/1.0, or `Connection: close`


@dataclass(slots=True)
class BodyBudget:
    """What all connections of one environment may make the server hold at one time."""

    limit_bytes: int
    held_bytes: int = field(default=0)

    def take(self, count: int) -> bool:
        if self.held_bytes + count > self.limit_bytes:
            return False
        self.held_bytes += count
        return True

    def give_back(self, count: int) -> None:
        self.held_bytes -= count


Receive = Callable[[Request, "Connection"], None]


class Connection(asyncio.Protocol):
    """One connection; `receive` is called for each whole request and must lead to one `respond`."""

    def __init__(self, receive: Receive, lost: Callable[[Connection], None], budget: BodyBudget):
        self._receive = receive
        self._lost = lost
        self._budget = budget
        self._waiting: deque[Request] = deque()
        self._answering: Request | None = None
        self._transport: asyncio.Transport | None = None
        self._is_closing = False  # nothing more is read or answered
        self._has_declined_upgrade = False
        self._unread_bytes = 0  # came, and llhttp has told of nothing since
        self._held_head_bytes = 0  # of the budget, for a head that is not whole yet
        self._parser = httptools.HttpRequestParser(self)
        self._start_message()

    def _start_message(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._held = 0
        self._is_too_large = False

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport by class.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._unread_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline_upgrade(data[offer.args[0] :])
        except httptools.HttpParserCallbackError:
            logger.exception("a runtime's request could not be answered")
            self.hang_up()
        except httptools.HttpParserError:
            self.refuse(400)
        # llhttp tells of a header only when it has the whole of it, and keeps it until then.
        if self._unread_bytes > _MAX_HEAD_BYTES:
            self.refuse(431)
        self._hold_head()

    def pause_writing(self) -> None:
        """Answers are not being read: no more requests meanwhile."""
        if self._transport is not None and self.is_open:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and self.is_open:
            self._transport.resume_reading()

    def connection_lost(self, exception: Exception | None) -> None:
        self._transport = None
        waiting = sum(request.held_bytes for request in self._waiting)
        self._budget.give_back(self._held + self._held_head_bytes + waiting)
        self._held = self._held_head_bytes = 0
        self._waiting.clear()
        self._finish()
        self._lost(self)

    # llhttp calls these

    def on_message_begin(self) -> None:
        self._start_message()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + _HEADER_OVERHEAD_BYTES)
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        # curl waits a second for this before it sends a body of more than 1 MB.
        expects = self._headers.get("expect", "").lower() == "100-continue"
        if expects and self._transport is not None and not self._parser.should_upgrade():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        if self._is_too_large:
            return
        if self._budget.take(len(body)):
            self._held += len(body)
            self._body.append(body)
            return
        self._is_too_large = True
        self._budget.give_back(self._held)
        self._held = 0
        self._body.clear()

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # `_decline_upgrade` begins it again
        self._budget.give_back(self._held_head_bytes)
        self._held_head_bytes = 0
        if self._budget.take(self._head_bytes):
            self._held += self._head_bytes
        else:
            self.refuse(431)
        self._head_bytes = 0
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=self._url.partition(b"?")[0].decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
            held_bytes=self._held,
            is_too_large=self._is_too_large,
            is_last=self._parser.get_http_version() == "1.0"
            or not self._parser.should_keep_alive(),
        )
        self._body = []
        self._held = 0
        if self.is_open and self._answering is None:
            self._answer(request)
        elif self.is_open and len(self._waiting) < _MAX_WAITING_REQUESTS:
            self._waiting.append(request)
        else:
            self._budget.give_back(request.held_bytes)
            self.refuse(400)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1, as a server may: Java's client offers HTTP/2 with its first request.

        llhttp takes what follows such a request's head for another protocol, and so gets the head
        again without the offer.
        """
        if self._has_declined_upgrade:
            self.refuse(400)
            return
        self._has_declined_upgrade = True
        lines = [f"{self._parser.get_method().decode()} {self._url.decode('latin-1')} HTTP/1.1"]
        lines += [
            f"{name}: {value}"
            for name, value in self._headers.items()
            if name not in ("connection", "upgrade")
        ]
        self._parser = httptools.HttpRequestParser(self)
        self.data_received("\r\n".join([*lines, "", ""]).encode("latin-1") + rest)

    def _hold_head(self) -> None:
        more = self._head_bytes + self._unread_bytes - self._held_head_bytes
        if more <= 0:
            self._budget.give_back(-more)
        elif not self._budget.take(more):
            self.refuse(431)
            return
        self._held_head_bytes += more

    def _count_head(self, count: int) -> None:
        self._unread_bytes = 0
        self._head_bytes += count
        if self._head_bytes > _MAX_HEAD_BYTES:
            self.refuse(431)

    def _answer(self, request: Request) -> None:
        self._answering = request
        self._receive(request, self)

    def _finish(self) -> None:
        if self._answering is not None:
            self._budget.give_back(self._answering.held_bytes)
            self._answering = None

    # the Runtime API calls these

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._is_closing

    def respond(self, status: int, body: bytes, head: str = "") -> None:
        """Answer the request in hand; `head` is further header lines, each with its CRLF."""
        if self._transport is None or self._answering is None or self._is_closing:
            return
        content_type = "" if head else "Content-Type: application/json\r\n"
        is_last = self._answering.is_last
        connection = "Connection: close\r\n" if is_last else ""
        self._transport.write(
            f"HTTP/1.1 {status} {_REASONS[status]}\r\n{content_type}{head}{connection}"
            f"Content-Length: {len(body)}\r\n\r\n".encode("latin-1")
            + body
        )
        self._finish()
        if is_last:
            self._close()
        elif self._waiting:
            self._answer(self._waiting.popleft())

    def hang_up(self) -> None:
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    def refuse(self, status: int) -> None:
        """Answer what is no request of this API's at all, and hang up."""
        if self._transport is not None and not self._is_closing:
            self._transport.write(
                f"HTTP/1.1 {status} {_REASONS[status]}\r\nConnection: close\r\n"
                "Content-Length: 0\r\n\r\n".encode("latin-1")
            )
            self._close()

    def _close(self) -> None:
        """Close once everything is written."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.close()


def is_method(request: Request, method: str, connection: Connection) -> bool:
    """Whether the request has the one method its path takes; if not, it is answered so."""
    if request.method == method:
        return True
    connection.respond(405, b"", f"Allow: {method}\r\n")
    return False


def respond_not_found(connection: Connection) -> None:
    connection.respond(404, b"404 page not found\n", "Content-Type: text/plain\r\n")


def error_body(error_type: str, message: str) -> bytes:
    """An error of one of the environment's APIs, as AWS's are written."""
    return json.dumps({"errorMessage": message, "errorType": error_type}).encode()


class Refusal(asyncio.Protocol):
    """Takes the place of a connection that is not to be had."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()
