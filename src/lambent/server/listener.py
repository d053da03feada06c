"""The public HTTP listener: on sockets bound before it serves, stopped from outside."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

from lambent.protocol.body_budget import MAX_HEAD_BYTES, BodyBudget
from lambent.protocol.body_source import BodyCutShort
from lambent.protocol.handshake import Handshake
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.protocol.http_connection import Connection
from lambent.protocol.http_head import header_lines
from lambent.protocol.refusal import Refusal
from lambent.server.listening import BACKLOG, Listening
from lambent.server.quiet_connections import QuietConnections

if TYPE_CHECKING:
    from lambent.protocol.body_source import BodySource
    from lambent.protocol.http import HeldOf
    from lambent.server.connection_bounds import ConnectionBounds

logger = logging.getLogger(__name__)

Answer = Callable[[HttpRequest], Awaitable[HttpResponse]]

_LAST_ANSWERS_SECONDS = 5
# SDKs keep connections in a pool about that long. One that is quiet is closed after once to twice
# this: a timer for each would cost every request as much as reading it.
_KEEP_ALIVE_SECONDS = 60
# A client has them before anything is known of it.
_HANDSHAKE_SECONDS = 10
# For what is still to be sent, and for the client's farewell: many end without one.
_TLS_CLOSING_SECONDS = 60
# For the farewell alone, when the server ends.
_FAREWELL_SECONDS = 1
# Of each connection: who asks whether we are well has an answer, however much others have sent.
_OWN_BYTES = 16 * 1024
_LARGE_BYTES = 256 * 1024  # of an answer; what is smaller can wait to be counted with others
_FAILURE = HttpResponse(
    status=500, headers=[("content-type", "text/plain")], body=b"Internal Server Error"
)


class Listener:
    """Answers requests until it is told to stop; then those that are at work, and no more."""

    def __init__(
        self,
        answer: Answer,
        *,
        max_body_bytes: int,
        drain_seconds: int,
        bounds: ConnectionBounds,
        held_of: HeldOf | None = None,
        may_half_close: bool = True,
    ) -> None:
        """`bounds` say how many connections there may be, and what is held for all of them.

        A client that ends its side of a connection has its answer still, if it `may_half_close`;
        else it is one that has gone.
        """
        self._loop = asyncio.get_running_loop()
        self._may_half_close = may_half_close
        self._bounds = bounds
        self._answer = answer
        self._held_of = held_of
        self._limit_bytes = max_body_bytes + MAX_HEAD_BYTES  # of what each connection may hold
        # By then every invocation has been answered; what is left is a client that does not read.
        self._patience_seconds = drain_seconds + _LAST_ANSWERS_SECONDS
        self._connections: set[Connection] = set()
        self._quiet = QuietConnections()
        self._at_work: dict[Connection, asyncio.Task[None]] = {}
        self._stopped = asyncio.Event()
        self._is_over = asyncio.Event()  # nobody is left, or nobody is waited for

    def stop(self) -> None:
        """Take no more connections and requests; `serve` returns when the last is answered."""
        self._stopped.set()

    def abandon(self) -> None:
        """Wait no longer for what is at work."""
        self._is_over.set()

    def hang_up(self) -> int:
        """Close every connection as soon as what it asked is answered; how many there are."""
        for connection in list(self._connections):
            connection.finish()
        return len(self._connections)

    async def serve(self, *addresses: Listening) -> None:
        """The owner of every connection and of what answers its requests."""
        with contextlib.ExitStack() as accepting:
            for address in addresses:
                server = await self._accept(address)
                accepting.callback(server.close)
            sweeping = asyncio.create_task(self._close_quiet_ones(), name="quiet connections")
            try:
                await self._stopped.wait()
            finally:
                sweeping.cancel()
                accepting.close()
                await self._finish()

    async def _accept(self, address: Listening) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        if address.tls is None:
            return await loop.create_server(self._connect, sock=address.socket, backlog=BACKLOG)
        return await loop.create_server(
            lambda: Handshake(self._connect_after_handshake),
            sock=address.socket,
            backlog=BACKLOG,
            ssl=address.tls,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=_TLS_CLOSING_SECONDS,
        )

    async def _finish(self) -> None:
        self._stopped.set()  # by whatever it ends: nobody else will come who could be waited for
        for connection in list(self._connections):
            connection.finish()
        leaving = asyncio.create_task(self._leave_without_farewell(), name="farewells")
        self._tell_when_over()
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._is_over.wait()
        except TimeoutError:
            logger.error("%d requests are not answered in time", len(self._at_work))
        finally:
            leaving.cancel()
            tasks = list(self._at_work.values())
            for task in tasks:
                task.cancel()
            for connection in list(self._connections):
                connection.hang_up()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _leave_without_farewell(self) -> None:
        """Of TLS: whoever keeps a connection for later does not answer its end either."""
        while True:
            await asyncio.sleep(_FAREWELL_SECONDS)
            for connection in list(self._connections):
                if connection.is_at_rest and not connection.is_open:
                    connection.hang_up()

    def _connect_after_handshake(self) -> Connection | Refusal:
        return Refusal() if self._stopped.is_set() else self._connect()

    def _connect(self) -> Connection | Refusal:
        if not self._bounds.connections.admit():
            return Refusal()
        shared = self._bounds.budget
        budget = BodyBudget(
            limit_bytes=self._limit_bytes,
            within=shared,
            own_bytes=_OWN_BYTES,
            max_head_bytes=shared.max_head_bytes,
        )
        connection = Connection(
            self._receive,
            self._lose,
            budget,
            may_half_close=self._may_half_close,
            held_of=self._held_of,
        )
        self._connections.add(connection)
        return connection

    def _lose(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            self._bounds.connections.leave()
        self._tell_when_over()

    def _receive(self, request: HttpRequest, connection: Connection) -> None:
        self._at_work[connection] = self._loop.create_task(
            self._respond(request, connection), name="request"
        )

    async def _respond(self, request: HttpRequest, connection: Connection) -> None:
        response, head = _FAILURE, ""
        try:
            response = await self._answer(request)
            head = _head(response)
            if response.source is not None:
                request.on_gone = self._at_work[connection].cancel
                await _send(response.status, head, response.source, connection)
        except Exception:  # the boundary of a request: its failure is nobody else's
            logger.exception("a request could not be answered")
            response, head = _FAILURE, _head(_FAILURE)
        finally:
            # First: the next request of this connection begins as soon as this one is answered.
            del self._at_work[connection]
            if not self._at_work:
                self._tell_when_over()
        if response.source is not None:
            connection.end_sending()
        else:
            connection.respond(response.status, response.body, head)
            if len(response.body) > _LARGE_BYTES:
                self._bound_unsent(connection)

    def _bound_unsent(self, connection: Connection) -> None:
        """Whoever asks for more and more and takes none of it is not to fill the memory."""
        unsent = sum(each.unsent_bytes for each in self._connections)
        if unsent > self._bounds.most_unsent_bytes:
            logger.warning("clients leave %d bytes of answers lying: one is hung up on", unsent)
            connection.hang_up()

    def _tell_when_over(self) -> None:
        if self._stopped.is_set() and not (self._connections or self._at_work):
            self._is_over.set()

    async def _close_quiet_ones(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_ALIVE_SECONDS)
            self.close_quiet_ones()

    def close_quiet_ones(self) -> None:
        """Close those on which nothing happened since the last time."""
        self._quiet.sweep(self._connections)


@functools.lru_cache(maxsize=1)
def _date_line(second: int) -> str:
    return f"date: {formatdate(second, usegmt=True)}\r\n"


def _head(response: HttpResponse) -> str:
    try:
        lines = header_lines(response.headers)
    except ValueError:
        if response.source is not None:
            response.source.close()
        raise
    if response.source is not None and any(name == "date" for name, _ in response.headers):
        return lines  # another server's, passed on
    return _date_line(int(time.time())) + lines


async def _send(status: int, head: str, source: BodySource, connection: Connection) -> None:
    try:
        await connection.send(status, source, head)
    except BodyCutShort as error:
        if connection.is_open:
            logger.info("an answer ended before its end: %s", error)
        connection.hang_up()
    except Exception:  # a boundary as above; but what is half sent has no other answer
        logger.exception("an answer could not be sent to its end")
        connection.hang_up()
    finally:
        source.close()
