"""Functions behind a message broker: what they are sent, and the answers they still owe.

Requests are sent at least once. One is sent again when the connection was lost before the broker
had it, or when the broker has forgotten it; the first answer counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError, resource_not_found
from lambent.domain.identifiers import new_uuid
from lambent.emulator.amqp.broker_session import (
    NoQueue,
    ReplyQueue,
    RequestRefused,
    SessionOver,
    open_session,
)
from lambent.emulator.amqp.connection import close, connected

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage

    from lambent.emulator.amqp.address import AmqpAddress
    from lambent.emulator.amqp.broker_session import BrokerSession, Request

logger = logging.getLogger(__name__)

# For a broker that is started anew; callers' SDKs wait for a minute.
_BROKER_SECONDS = 45.0
# So long after a connection was lost, a function without a queue may be one that has yet to notice,
# and is about to declare it again.
_RETURN_SECONDS = 30.0
# A queue goes with the last who reads it, if it is of the original's form, and so do its requests.
_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 0.1  # before anything is tried again
# The broker closes the channel over a message that is too large, and over what else is wrong with
# one; all that is being sent on that channel fails with it. No broker refuses one of this size.
_SURELY_TAKEN_BYTES = 64 * 1024
_MOST_SENDINGS = 20


@dataclass(slots=True, kw_only=True)
class _Owed:
    """A request that somebody waits to have answered."""

    function: str
    answer: asyncio.Future[DeliveredMessage | None]  # None: the broker has forgotten the request
    late: DeliveredMessage | None = None  # came when it was to be sent again already
    is_sent: bool = False  # the broker had it
    has_waited: bool = False  # for _LOOK_SECONDS, or nearly


class RemoteFunctions:
    """Sends requests by whatever connection `run` has at the time."""

    def __init__(self, address: AmqpAddress, client_name: str) -> None:
        """`client_name` is what the broker shows its operators."""
        self._address = address
        self._client_name = client_name
        is_durable = address.queue.is_durable
        self._replies = ReplyQueue(
            name=f"lambent.replies.{new_uuid()}", is_durable=is_durable, receive=self._receive
        )
        self._owed: dict[str, _Owed] = {}
        self._session: BrokerSession | None = None
        self._is_connected = asyncio.Event()
        self._returning_until = 0.0  # by the loop's clock

    @property
    def is_connected(self) -> bool:
        return self._is_connected.is_set()

    @property
    def owed(self) -> int:
        """How many requests are not answered yet."""
        return len(self._owed)

    async def run(self) -> None:
        """Keep a connection until cancelled. Raises BrokerUnreachable."""
        set_up = functools.partial(open_session, self._replies)
        while True:
            session = await connected(self._address, self._client_name, set_up)
            try:
                self._begin(session)
                await self._look_after_queues(session)
                logger.warning("%s: the connection is lost", self._address.shown)
            except asyncio.CancelledError:
                await session.leave()
                raise
            finally:
                self._is_connected.clear()
                self._returning_until = asyncio.get_running_loop().time() + _RETURN_SECONDS
                await close(session.connection)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def call(self, request: Request, seconds: float) -> DeliveredMessage:
        """The answer to a request whose id no other has.

        Raises TimeoutError when there is none in time, and ServiceError when there will be none.
        """
        async with asyncio.timeout(seconds):
            try:
                while True:
                    # First: the answer may be here before we know that the broker had the request.
                    answer = asyncio.get_running_loop().create_future()
                    owed = _Owed(function=request.function, answer=answer)
                    self._owed[request.id] = owed
                    await self._send(request, owed)
                    if message := await owed.answer or owed.late:
                        return message
                    logger.info("request %s is sent again: the broker forgot it", request.id)
            finally:
                del self._owed[request.id]

    async def send(self, request: Request) -> None:
        """Have the broker keep a request that nobody waits for. Raises ServiceError."""
        await self._send(request, None)

    def abandon(self) -> None:
        """Wait for no answer any longer: each call raises ServiceError."""
        for owed in self._owed.values():
            if not owed.answer.done():
                owed.answer.set_exception(
                    ServiceError("ServiceException", "The gateway was stopped before the answer.")
                )

    async def check(self, function: str) -> None:
        """Raises ServiceError for a function that has no queue."""
        while True:
            session = await self._connected()
            try:
                if await session.has_queue(function):
                    return
            except SessionOver as error:
                if not session.over.is_set():  # it is the question that the broker does not like
                    raise _refused(function) from error
                continue
            await self._pause_or_refuse(function)

    def _begin(self, session: BrokerSession) -> None:
        self._session = session
        self._is_connected.set()
        logger.info("%s: connected; answers come to %s", self._address.shown, self._replies.name)
        if session.has_kept_replies:
            return
        for owed in self._unanswered():
            owed.answer.set_result(None)

    async def _look_after_queues(self, session: BrokerSession) -> None:
        """Until the session is over, see to it that nobody waits for what was lost with a queue."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await session.over.wait()
                    return
            waiting = self._unanswered()
            functions = {owed.function for owed in waiting if owed.has_waited}
            gone = [each for each in functions if not await _has_queue(session, each)]
            for owed in waiting:
                if owed.has_waited and owed.function in gone and not owed.answer.done():
                    owed.answer.set_result(None)
                owed.has_waited = True

    def _unanswered(self) -> list[_Owed]:
        """What the broker had."""
        return [each for each in self._owed.values() if each.is_sent and not each.answer.done()]

    def _receive(self, message: DeliveredMessage) -> None:
        owed = self._owed.get(message.header.properties.correlation_id or "")
        if owed is None:
            logger.debug("an answer that nobody waits for")
        elif owed.answer.done():
            owed.late = message
        else:
            owed.answer.set_result(message)

    async def _send(self, request: Request, owed: _Owed | None) -> None:
        """Return when the broker has it, or the answer is here. Raises ServiceError."""
        for _ in range(_MOST_SENDINGS):
            session = await self._connected()
            try:
                await self._send_by(session, request)
                if owed is not None:
                    owed.is_sent = True
                return
            except SessionOver as error:
                if error.is_refusal and len(request.body) > _SURELY_TAKEN_BYTES:
                    raise _refused(request.function) from error
                await session.over.wait()
            except RequestRefused as error:
                raise _refused(request.function) from error
            if owed is not None and owed.answer.done():
                return
        raise _refused(request.function)

    async def _send_by(self, session: BrokerSession, request: Request) -> None:
        while True:
            try:
                return await session.send(request)
            except NoQueue:
                await self._pause_or_refuse(request.function)

    async def _connected(self) -> BrokerSession:
        """Raises ServiceError when there is no connection for long."""
        if self._session is not None and self._session.over.is_set():
            self._is_connected.clear()  # whoever comes here may know it before `run` does
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BROKER_SECONDS):
                await self._is_connected.wait()
        if self._session is None or not self._is_connected.is_set():
            raise ServiceError(
                "ServiceException",
                "There is no connection to the message broker, behind which the functions are. "
                "AMQP_URI says where it is, and the gateway's log why it cannot be reached.",
            )
        return self._session

    async def _pause_or_refuse(self, function: str) -> None:
        """For a function that has no queue. Raises ServiceError if it need not be back soon."""
        if asyncio.get_running_loop().time() >= self._returning_until:
            raise resource_not_found(
                f"Function not found: {function}. No instance of it takes requests: there is no "
                "queue of this name at the message broker."
            )
        await asyncio.sleep(_PAUSE_SECONDS)


async def _has_queue(session: BrokerSession, function: str) -> bool:
    """Also where it cannot be told."""
    try:
        return await session.has_queue(function)
    except SessionOver:
        return True


def _refused(function: str) -> ServiceError:
    return ServiceError(
        "ServiceException",
        f"The message broker did not take this request to {function}: it may be larger than its "
        "max_message_size allows, or the function's queue full.",
    )
