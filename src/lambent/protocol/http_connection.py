"""HTTP/1.1, the server's side: small, on llhttp, one request at a time per connection.

All listeners speak it, public ones and those inside execution environments. The other side may be
hostile: whatever it makes us hold is bounded, for each connection and those that share a budget.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import httptools

from lambent.protocol.body_budget import Share
from lambent.protocol.body_source import BodyStream, send_pieces
from lambent.protocol.http_head import (
    has_long_body,
    head_without_upgrade,
    is_interim,
    is_without_body,
    refusal,
    source_head,
    whole_head,
)
from lambent.protocol.incoming_request import IncomingRequest
from lambent.protocol.peer_address import peer_address

if TYPE_CHECKING:
    from lambent.protocol.body_budget import BodyBudget
    from lambent.protocol.body_source import BodySource
    from lambent.protocol.http import HeldOf, HttpRequest
    from lambent.protocol.incoming_request import ReceivedRequest

logger = logging.getLogger(__name__)

_MAX_WAITING_REQUESTS = 16  # pipelined behind one that is not answered yet
_LINGER_SECONDS = 2  # for who is refused to read why

Receive = Callable[["HttpRequest", "Connection"], None]


class Connection(asyncio.Protocol):
    """One connection; `receive` is called for each whole request and must lead to one `respond`.

    A client that `may_half_close` has its answer after its own end of the stream, too.
    """

    def __init__(
        self,
        receive: Receive,
        lost: Callable[[Connection], None],
        budget: BodyBudget,
        *,
        may_half_close: bool = False,
        held_of: HeldOf | None = None,
    ) -> None:
        self._receive = receive
        self._lost = lost
        self._budget = budget
        self._may_half_close = may_half_close
        self._held_of = held_of
        self._stream: BodyStream | None = None  # of the message that is coming
        self.is_quiet = False  # nothing came or went since somebody set this
        self._may_write = asyncio.Event()  # the other side takes what is written, or has gone
        self._may_write.set()
        self._waiting: deque[ReceivedRequest] = deque()
        self._answering: ReceivedRequest | None = None
        self._is_finishing = False  # the request in hand is the last one to be answered
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._is_tls = False
        self._sending: BodySource | None = None  # of the answer that is on its way
        self._is_closing = False  # nothing more is read or answered
        self._has_declined_upgrade = False
        self._unread_bytes = 0  # came, and llhttp has told of nothing since
        self._head_share = Share(budget)  # for a head that is not whole yet
        self._parser = httptools.HttpRequestParser(self)
        self._message = IncomingRequest()

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no asyncio.Transport by class.
        self._transport = cast("asyncio.Transport", transport)
        self._peer = peer_address(transport)
        self._is_tls = transport.get_extra_info("sslcontext") is not None

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return
        self.is_quiet = False
        self._unread_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline_upgrade(data[offer.args[0] :])
        except httptools.HttpParserCallbackError:
            logger.exception("a request could not be answered")
            self.hang_up()
        except httptools.HttpParserError:
            self.refuse(400)
        # llhttp tells of a header only when it has the whole of it, and keeps it until then.
        if max(self._unread_bytes, self._message.head_bytes) > self._budget.max_head_bytes:
            self.refuse(431)
        if not self._head_share.hold(self._message.head_bytes + self._unread_bytes):
            self.refuse(503)

    def eof_received(self) -> bool:
        """Whether the connection stays open for the answer to the request in hand."""
        self._cut_short()
        if self._sending is not None and self._sending.length is None:
            # It may have nothing to say for long, and only a write would tell that nobody waits.
            self.hang_up()
        # TLS has no connection that is half closed.
        if self._is_closing or self._is_tls or not self._may_half_close or self._answering is None:
            return False
        self.finish()
        return True

    def pause_writing(self) -> None:
        """Answers are not being read: no more requests meanwhile."""
        self._may_write.clear()
        self._pace_reading()

    def resume_writing(self) -> None:
        self._may_write.set()
        self._pace_reading()

    def _pace_reading(self) -> None:
        if self._transport is None or not self.is_open:
            return
        if self._may_write.is_set() and not (self._stream is not None and self._stream.is_full):
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def connection_lost(self, exception: Exception | None) -> None:
        self._transport = None
        self._may_write.set()
        self._cut_short()
        if self._answering is not None and self._answering.request.on_gone is not None:
            self._answering.request.on_gone()
        waiting = sum(received.held_bytes for received in self._waiting)
        self._budget.give_back(self._message.held_bytes + self._head_share.hand_over() + waiting)
        self._message.held_bytes = 0
        self._waiting.clear()
        self._give_back_answering()
        self._lost(self)

    # llhttp calls these

    def on_message_begin(self) -> None:
        self._message = IncomingRequest()

    def on_url(self, url: bytes) -> None:
        self._unread_bytes = 0
        self._message.add_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._unread_bytes = 0
        if self._message.add_field(name, value) > self._budget.max_head_bytes:
            self.refuse(431)

    def on_headers_complete(self) -> None:
        message = self._message
        version = self._parser.get_http_version()
        if not message.end_head(self._parser.get_method(), version, time.monotonic()):
            self.refuse(400)
        if self._is_closing or self._transport is None or self._parser.should_upgrade():
            return  # an offer to upgrade: `_decline_upgrade` begins it again
        # curl waits a second for this before it sends a body of more than 1 MB.
        if message.headers.get("expect", "").lower() == "100-continue" and not message.is_old:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Behind another request nobody reads yet, and what comes is held as any body is.
        if self._held_of is not None and not self._answering and has_long_body(message.headers):
            self._begin_long_body(self._held_of)

    def _begin_long_body(self, held_of: HeldOf) -> None:
        received = self._received()
        self._message.most_bytes = held_of(received.request)
        if self._message.most_bytes == 0:
            length = received.request.headers.get("content-length")
            self._stream = BodyStream(None if length is None else int(length), self._pace_reading)
            received.request.stream = self._stream
            self._hold_whole_head()
            self._take(received._replace(held_bytes=self._message.held_bytes))

    def _cut_short(self) -> None:
        if self._stream is not None:
            self._stream.cut_short()

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        message = self._message
        if self._stream is not None:
            self._stream.feed(body)
        elif message.has_room_for(len(body)) and self._budget.take(len(body)):
            message.held_bytes += len(body)
            message.body.append(body)
        else:
            if message.has_room_for(len(body)) and self._budget.may_ever_hold(len(body)):
                self.refuse(503)  # it is others who hold too much
            message.is_too_large = True
            self._budget.give_back(message.held_bytes)
            message.held_bytes = 0
            message.body.clear()

    def on_message_complete(self) -> None:
        self._message.join_repeated()
        if self._stream is not None:
            self._end_stream(self._stream)
        elif not self._parser.should_upgrade():  # otherwise `_decline_upgrade` begins it again
            self._hold_whole_head()
            self._take(self._received())

    def _received(self) -> ReceivedRequest:
        keeps_alive = self._parser.should_keep_alive()
        return self._message.received(self._peer, is_tls=self._is_tls, keeps_alive=keeps_alive)

    def _take(self, received: ReceivedRequest) -> None:
        self._message.body = []
        self._message.held_bytes = 0
        if self.is_open and self._answering is None:
            self._answer(received)
        elif self.is_open and len(self._waiting) < _MAX_WAITING_REQUESTS:
            self._waiting.append(received)
        else:
            self._budget.give_back(received.held_bytes)
            self.refuse(400)

    def _end_stream(self, stream: BodyStream) -> None:
        self._stream = None
        message = self._message
        answering = self._answering
        if (
            answering is not None
            and answering.request.stream is stream
            and self._head_share.hold(message.head_bytes)
        ):
            # From here on the trailers count with their request.
            held = answering.held_bytes + self._head_share.hand_over()
            self._answering = answering._replace(held_bytes=held)
        else:
            message.fields.clear()
            self._head_share.hold(0)
        message.head_bytes = 0
        stream.end(message.fields)
        self._pace_reading()
        if self._answering is None:  # it was answered before its end
            self._go_on()

    def _hold_whole_head(self) -> None:
        """From here on the head counts with its request."""
        message = self._message
        if not self._head_share.hold(message.head_bytes):
            self.refuse(503)
        message.held_bytes += self._head_share.hand_over()
        message.head_bytes = 0

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1, as a server may: Java's client offers HTTP/2 with its first request.

        llhttp takes what follows for another protocol, and gets the head again without the offer.
        """
        if self._has_declined_upgrade:
            self.refuse(400)
            return
        self._has_declined_upgrade = True
        message = self._message
        head = head_without_upgrade(message.method, message.url, message.headers, message.version)
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def _answer(self, received: ReceivedRequest) -> None:
        self._answering = received
        self._receive(received.request, self)

    def _give_back_answering(self) -> None:
        if self._answering is not None:
            self._budget.give_back(self._answering.held_bytes)
            self._answering = None

    # whoever answers calls these

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._is_closing

    @property
    def is_at_rest(self) -> bool:
        """Nothing is to be answered, and every answer has been taken."""
        return self._answering is None and self.unsent_bytes == 0

    @property
    def unsent_bytes(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def unfinished_head(self) -> IncomingRequest | None:
        return self._message if self._head_share.held_bytes and not self._message.method else None

    def respond(self, status: int, body: bytes, head: str = "") -> None:
        """Answer the request in hand; `head` is further header lines, each with its CRLF."""
        answering = self._answering
        if self._transport is None or answering is None or self._is_closing:
            return
        self.is_quiet = False
        is_empty = is_without_body(status)
        # An interim answer ends nothing: the end of the connection does.
        is_last = answering.is_last or self._is_finishing or (is_empty and is_interim(status))
        whole = whole_head(status, head, None if is_empty else len(body), is_last=is_last)
        has_body = not is_empty and answering.request.method != "HEAD"
        # One write: each is a system call, and wakes the other side.
        self._transport.write(whole + body if has_body else whole)
        self._end_answer(is_last=is_last)

    async def send(self, status: int, source: BodySource, head: str = "") -> None:
        """As `respond`, but for the end: `end_sending` is to be called when this has returned.

        Holds one piece at a time; the next is read when the other side has taken it.
        """
        answering = self._answering
        if self._transport is None or answering is None or self._is_closing:
            return
        has_body = answering.request.method != "HEAD" and not is_without_body(status)
        is_chunked = source.length is None and has_body and answering.takes_chunks
        # What the head says is kept to.
        self._is_finishing = self._is_finishing or answering.is_last or is_interim(status)
        self._sending = source
        self._transport.write(
            source_head(
                status, head, source.length, is_chunked=is_chunked, is_last=self._is_finishing
            )
        )
        if has_body and not await send_pieces(source, self._write, is_chunked=is_chunked):
            self.hang_up()  # what is cut short must not look whole

    async def _write(self, piece: bytes) -> bool:
        """Whether it could be; returns when the next may be."""
        if self._transport is None or not self.is_open:
            return False
        self._transport.write(piece)
        self.is_quiet = False
        await self._may_write.wait()
        return True

    def end_sending(self) -> None:
        """Go on to the next request after `send`."""
        self._sending = None
        if self._transport is not None and not self._is_closing:
            self._end_answer(is_last=self._is_finishing)

    def _end_answer(self, *, is_last: bool) -> None:
        stream = self._answering.request.stream if self._answering is not None else None
        self._is_finishing = self._is_finishing or is_last
        self._give_back_answering()
        if stream is not None:
            stream.close()
        # To close while a body comes would destroy the answer on its way: first its end.
        if stream is None or stream is not self._stream:
            self._go_on()

    def _go_on(self) -> None:
        if self._is_finishing:
            self._close()
        elif self._waiting:
            self._answer(self._waiting.popleft())

    def finish(self) -> None:
        """Close when the request in hand, if there is one, is answered."""
        self._is_finishing = True
        if self._answering is None:
            self._close()

    def hang_up(self) -> None:
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    def refuse(self, status: int) -> None:
        """Answer what is no request of this API's at all, and hang up."""
        if self._transport is None or self._is_closing:
            return
        if self._sending is not None:
            self.hang_up()  # whoever reads that answer would take this for a part of it
            return
        self._transport.write(refusal(status))
        if self._transport.can_write_eof():
            # To close it with something unread would take back what is written.
            self._is_closing = True
            self._transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self.hang_up)
        else:
            self._close()

    def _close(self) -> None:
        """Close once everything is written."""
        self._is_closing = True
        if self._transport is not None:
            self._transport.close()
