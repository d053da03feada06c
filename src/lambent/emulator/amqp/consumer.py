"""The function as the consumer of the queue that has its name: a request in, a reply out.

A request is acknowledged when the broker has its reply. So it is answered even if whoever has it is
lost: then another instance gets it, or this one over its next connection. It may run twice for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import ErrorType
from lambent.emulator.amqp import connection as connections
from lambent.emulator.amqp.message import (
    counted_again,
    failure_reply,
    identity,
    is_counted_by_broker,
    read_invocation,
    refusal_reply,
    result_reply,
    times_lost,
    wants_log_tail,
)
from lambent.emulator.amqp.queue_session import Outcome, open_session
from lambent.emulator.unfinished import Unfinished
from lambent.invocation.payload import event_too_large

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection

    from lambent.emulator.amqp.address import AmqpAddress
    from lambent.emulator.amqp.message import Identity, Reply
    from lambent.emulator.amqp.queue_session import Delivery, QueueSession
    from lambent.emulator.call import Engine

logger = logging.getLogger(__name__)

# All instances are at work for others, over HTTP; nobody else may be free for it, either.
_BUSY_SECONDS = 0.1
# A client of a broker that was lost needs a while to come back, and have its queue there again.
_RETURN_SECONDS = 30.0
_RETURN_PAUSE_SECONDS = 0.25
# A session that was over at once is not followed by the next at once.
_SHORT_SESSION_SECONDS = 1.0
_BACKLOG_PAUSE_SECONDS = 0.1
_MOST_ANSWERED = 1024
_NO_INSTANCE = ("TooManyRequestsException", "ServiceException")
_NOT_TAKEN = (
    ErrorType.RESPONSE_SIZE_TOO_LARGE,
    "The message broker did not take the response: it may be larger than its max_message_size.",
)
_WHY_DROPPED = {
    Outcome.NO_QUEUE: "nobody is there for it",
    Outcome.REFUSED: "the broker does not take it",
    Outcome.LOST: "the broker ends the connection over it",
}


class _Unwanted(Exception):
    """Raised for a request that is to be another instance's: this one stops."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Request:
    """A request at work, or answered but perhaps to come again."""

    delivery: Delivery  # the latest
    came_by: QueueSession  # first
    known_by: Identity | None
    is_answered: bool = False
    is_refused: bool = False  # and so it goes where the queue's policy sends dead letters


class Consumer:
    """Takes as many requests at a time as the function has instances: the rest is others'."""

    def __init__(
        self,
        address: AmqpAddress,
        queue: str,
        engine: Engine,
        *,
        slots: int,
        max_event_bytes: int,
    ) -> None:
        self._address = address
        self._queue = queue
        self._engine = engine
        self._slots = slots
        self._max_event_bytes = max_event_bytes
        self._work = Unfinished()
        self._requests: dict[Identity, _Request] = {}  # in the order they came
        self._session: QueueSession | None = None
        self._session_began = 0.0  # by the loop's clock
        self._has_session = asyncio.Event()
        self._alone = asyncio.Lock()  # held to send what a connection was lost over
        self._taken = 0
        self._is_draining = False

    @property
    def is_connected(self) -> bool:
        return self._has_session.is_set()

    async def run(self) -> None:
        """Answer requests until cancelled, and then what is at work.

        Cancelled once more, it ends. Raises BrokerUnreachable when it gives up on the broker.
        """
        async with self._work:
            keeping = asyncio.get_running_loop().create_task(
                self._keep_connected(), name="amqp connection"
            )
            try:
                await asyncio.wait([keeping])
                await keeping
            except asyncio.CancelledError:
                if not keeping.done():
                    await self._drain(keeping)
                raise
            finally:
                keeping.cancel()
                with contextlib.suppress(asyncio.CancelledError, connections.BrokerUnreachable):
                    await keeping

    # The connection

    async def _keep_connected(self) -> None:
        while True:
            session = await connections.connected(
                self._address, self._queue, self._begin, was_connected=self._session is not None
            )
            try:
                logger.info(
                    "%s: requests of the queue %s are taken", self._address.shown, session.queue
                )
                await session.over.wait()
                logger.warning("%s: %s", self._address.shown, session.why_over)
            finally:
                self._has_session.clear()
                await connections.close(session.connection)
            now = asyncio.get_running_loop().time()
            if now < self._session_began + _SHORT_SESSION_SECONDS:
                await asyncio.sleep(self._address.retry_delay_seconds)

    async def _begin(self, connection: AbstractConnection) -> QueueSession:
        session = await open_session(connection, self._queue, self._address.queue)
        if not self._is_draining:
            await session.begin(self._slots, self._take)
        self._session, self._session_began = session, asyncio.get_running_loop().time()
        self._has_session.set()
        return session

    async def _drain(self, keeping: asyncio.Task[None]) -> None:
        """End what is at work, and answer it, as long as there is a broker."""
        loop = asyncio.get_running_loop()
        finishing = loop.create_task(self._finish(), name="amqp drain")
        try:
            await asyncio.wait([keeping, finishing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            finishing.cancel()

    async def _finish(self) -> None:
        if self._session is not None:
            if self._address.queue.is_auto_delete:
                await self._finish_backlog(self._session)
            self._is_draining = True
            await self._session.take_no_more()
        self._is_draining = True
        await self._work.wait()

    async def _finish_backlog(self, session: QueueSession) -> None:
        """Do what waits in a queue that is deleted with us, its last consumer."""
        until = None
        while not session.over.is_set():
            waiting = await session.lost_without_us()
            until = self._taken + waiting if until is None else until
            if not waiting or self._taken >= until:
                return
            await asyncio.sleep(_BACKLOG_PAUSE_SECONDS)

    # A request

    def _take(self, delivery: Delivery) -> None:
        self._taken += 1
        known_by = identity(delivery.message)
        before = self._requests.get(known_by) if known_by is not None else None
        if before is not None and delivery.message.redelivered and not before.delivery.is_ours:
            # The connection was lost, the work was not: it is the same request.
            before.delivery = delivery
            if before.is_answered:
                self._work.create_task(self._settle(before), name="amqp settling")
            return
        request = _Request(delivery=delivery, came_by=delivery.session, known_by=known_by)
        if known_by is not None:
            self._requests[known_by] = request
        self._work.create_task(self._answer(request), name="amqp request")

    async def _answer(self, request: _Request) -> None:
        try:
            if await self._is_to_run(request):
                reply = await self._run(request)
                request.is_refused = not await self._send(request, reply)
                await self._settle(request)
        except _Unwanted:
            self._forget(request)
            await request.delivery.give_back()
        except Exception:  # a boundary: what fails for one request is no other's failure
            logger.exception("a request of the queue %s could not be answered", self._queue)
            await self._give_up(request, "Lambent failed to answer this request; its log says why.")

    async def _is_to_run(self, request: _Request) -> bool:
        """Not if it was, too often, the last that whoever had it did: it may be the reason."""
        message, session = request.delivery.message, request.delivery.session
        lost = times_lost(message, is_quorum=session.is_quorum)
        if lost > self._address.delivery_limit:
            logger.error("a request of the queue %s is refused: lost %d times", self._queue, lost)
            await self._give_up(
                request, f"The request was given up: {lost} times, an instance was lost over it."
            )
            return False
        if not message.redelivered or is_counted_by_broker(message, is_quorum=session.is_quorum):
            return True
        outcome = await session.put_back(message, counted_again(message))
        if outcome in (Outcome.NO_QUEUE, Outcome.REFUSED):
            return True  # rather uncounted than not at all
        self._forget(request)
        if outcome is Outcome.KEPT:
            await request.delivery.acknowledge()
        return False

    async def _run(self, request: _Request) -> Reply | None:
        message = request.delivery.message
        version = self._engine.version
        while True:
            try:
                if len(message.body) > self._max_event_bytes:
                    raise event_too_large(self._max_event_bytes)
                invocation = read_invocation(message, version)
                result = await self._engine.invoke(
                    invocation, wants_log_tail=wants_log_tail(message)
                )
                return result_reply(message, result, version.version)
            except ServiceError as error:
                is_busy = error.code == "TooManyRequestsException"
                if self._is_draining and error.code in _NO_INSTANCE:
                    raise _Unwanted from error
                if not is_busy:
                    return refusal_reply(message, error)
            await asyncio.sleep(_BUSY_SECONDS)

    async def _send(self, request: _Request, reply: Reply | None) -> bool:
        """Return when the broker has it, over however many connections, or never will.

        False if nothing can be sent: each time the connection was lost over it.
        """
        is_substitute, losses = False, 0
        while reply is not None:
            # Others', lost with it, are not to be taken for what the broker ended a connection over.
            async with self._alone if losses else contextlib.nullcontext():
                session = await self._open_session()
                outcome = await session.reply(reply)
            losses += outcome is Outcome.LOST
            if outcome is Outcome.KEPT:
                return True
            is_in_vain = outcome is Outcome.UNSENT or (outcome is Outcome.LOST and losses == 1)
            if is_in_vain or (outcome is Outcome.NO_QUEUE and self._may_return(request, session)):
                await asyncio.sleep(_RETURN_PAUSE_SECONDS)
            elif outcome is not Outcome.NO_QUEUE and not is_substitute:
                is_substitute = True
                reply = failure_reply(request.delivery.message, *_NOT_TAKEN)
            else:
                logger.info("a reply to %s is dropped: %s", reply.queue, _WHY_DROPPED[outcome])
                return outcome is not Outcome.LOST
        return True

    async def _open_session(self) -> QueueSession:
        while True:
            await self._has_session.wait()
            if self._session is not None and not self._session.is_gone():
                return self._session
            await asyncio.sleep(_RETURN_PAUSE_SECONDS)  # `_keep_connected` is about to know it

    def _may_return(self, request: _Request, session: QueueSession) -> bool:
        """Whether its client may have been lost with the broker as we were, and be about to return.

        Only so long after we did: replies to clients that are gone must not keep others waiting.
        """
        message, is_quorum = request.delivery.message, request.delivery.session.is_quorum
        was_lost = request.came_by is not session or times_lost(message, is_quorum=is_quorum) > 0
        now = asyncio.get_running_loop().time()
        return was_lost and now < self._session_began + _RETURN_SECONDS

    async def _give_up(self, request: _Request, text: str) -> None:
        message = request.delivery.message
        await self._send(request, failure_reply(message, ErrorType.SANDBOX_FAILURE, text))
        request.is_refused = True
        await self._settle(request)

    async def _settle(self, request: _Request) -> None:
        """It is answered. If the broker cannot be told, it may come again, and is known then."""
        request.is_answered = True
        delivery = request.delivery
        if await (delivery.refuse() if request.is_refused else delivery.acknowledge()):
            self._forget(request)
            return
        answered = [each for each in self._requests.values() if each.is_answered]
        for each in answered[:-_MOST_ANSWERED]:
            self._forget(each)

    def _forget(self, request: _Request) -> None:
        if request.known_by is not None and self._requests.get(request.known_by) is request:
            del self._requests[request.known_by]
