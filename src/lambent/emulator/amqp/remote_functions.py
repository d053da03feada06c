"""Functions behind a message broker: what they are sent, and the answers they still owe.

Requests are sent at least once. One is sent again when the connection was lost before the broker
had it, when the broker has forgotten it, or when it was in a queue that is gone; the first answer
counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError, resource_not_found
from lambent.domain.identifiers import new_uuid
from lambent.emulator.amqp.broker_session import (
    REPLIES_PREFIX,
    NoQueue,
    ReplyQueue,
    RequestRefused,
    SessionOver,
    open_session,
)
from lambent.emulator.amqp.connection import close, connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiormq.abc import DeliveredMessage

    from lambent.emulator.amqp.address import AmqpAddress
    from lambent.emulator.amqp.broker_session import BrokerSession, Request

logger = logging.getLogger(__name__)

# For a broker that is started anew; callers' SDKs wait for a minute.
_BROKER_SECONDS = 45.0
# So long after a connection was lost, a function without a queue may be one that has yet to notice,
# and is about to declare it again; so long after a queue is gone with a request in it, an instance
# may be about to be started in place of the last one.
_RETURN_SECONDS = 30.0
# A queue goes with the last who reads it, if it is of the original's form, and so do its requests.
_LOOK_SECONDS = 2.0
_LEAVE_SECONDS = 2.0  # for a broker to forget us
_PAUSE_SECONDS = 0.1  # before anything is tried again
# The broker closes the channel over a message that is too large, and over what else is wrong with
# one; all that is being sent on that channel fails with it. No broker refuses one of this size.
_SURELY_TAKEN_BYTES = 64 * 1024
# What is lost more often is deleted by somebody, or ends whoever takes it.
_MOST_SENDINGS = 6


def _new_answer() -> asyncio.Future[DeliveredMessage | None]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, kw_only=True)
class _Owed:
    """A request, and what is known of it."""

    request: Request
    answer: asyncio.Future[DeliveredMessage | None] = field(default_factory=_new_answer)
    late: DeliveredMessage | None = None  # came when it was to be sent again already
    times_lost: int = 0
    is_sent: bool = False  # the broker had it
    has_waited: bool = False  # for _LOOK_SECONDS, or nearly
    has_met_no_queue: bool = False  # so the one it is in may still have to be announced

    @property
    def function(self) -> str:
        return self.request.function

    def lose(self) -> None:
        """The broker has forgotten it."""
        self.answer.set_result(None)

    def begin_again(self, why: str) -> None:
        """Raises ServiceError when it was lost too often."""
        self.times_lost += 1
        if self.times_lost == _MOST_SENDINGS:
            raise ServiceError(
                "ServiceException",
                f"This request to {self.function} was sent {_MOST_SENDINGS} times, and lost each "
                f"time. The last time: {why}.",
            )
        logger.warning(
            "request %s to %s is sent again, and may run twice: %s",
            self.request.id,
            self.function,
            why,
        )
        if self.answer.done():
            self.answer = _new_answer()
        self.is_sent = self.has_waited = self.has_met_no_queue = False


class RemoteFunctions:
    """Sends requests by whatever connection `run` has at the time."""

    def __init__(self, address: AmqpAddress, client_name: str) -> None:
        """`client_name` is what the broker shows its operators."""
        self._address = address
        self._client_name = client_name
        is_durable = address.queue.is_durable
        self._replies = ReplyQueue(
            name=f"{REPLIES_PREFIX}{new_uuid()}",
            is_durable=is_durable,
            receive=self._receive,
            hear_of_queue=self._hear_of_queue,
        )
        self._owed: dict[str, _Owed] = {}
        self._session: BrokerSession | None = None
        self._is_connected = asyncio.Event()
        self._returning_until = 0.0  # all of them; by the loop's clock
        self._each_returning_until: dict[str, float] = {}  # those whose queue is gone
        self._limits: set[asyncio.Timeout] = set()  # of what callers wait for
        self._is_abandoned = False

    @property
    def is_connected(self) -> bool:
        return self._is_connected.is_set()

    @property
    def is_blocked(self) -> bool:
        """Whether the broker takes no requests for now."""
        return self._session is not None and self._session.is_blocked

    @property
    def owed(self) -> int:
        """How many requests are not answered yet."""
        return len(self._owed)

    async def run(self) -> None:
        """Keep a connection until cancelled. Raises BrokerUnreachable."""
        set_up = functools.partial(open_session, self._replies)
        while True:
            session = await connected(
                self._address,
                self._client_name,
                set_up,
                was_connected=self._session is not None,
            )
            try:
                self._begin(session)
                await self._look_after_queues(session)
                logger.warning("%s: %s", self._address.shown, session.why_over)
            except asyncio.CancelledError:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LEAVE_SECONDS):
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
        # First: the answer may be here before we know that the broker had the request.
        owed = self._owed[request.id] = _Owed(request=request)
        try:
            async with self._limited(seconds):
                while True:
                    await self._send(owed)
                    if message := await owed.answer or owed.late:
                        return message
                    owed.begin_again("the broker forgot it, or it was in a queue that is gone")
        finally:
            del self._owed[request.id]

    async def send(self, request: Request) -> None:
        """Have the broker keep a request that nobody waits for. Raises ServiceError."""
        async with self._limited(None):
            await self._send(_Owed(request=request))

    def abandon(self) -> None:
        """Wait for the broker no longer: whatever callers wait for raises ServiceError."""
        self._is_abandoned = True
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(0)

    async def check(self, function: str) -> None:
        """Raises ServiceError for a function that has no queue."""
        async with self._limited(None):
            while True:
                session = await self._connected()
                try:
                    if await session.has_queue(function):
                        return
                except SessionOver as error:
                    if not session.over.is_set():  # the broker does not like the question
                        raise _refused(function) from error
                    continue
                await self._pause_or_refuse(function)

    @contextlib.asynccontextmanager
    async def _limited(self, seconds: float | None) -> AsyncIterator[None]:
        """Raises TimeoutError after so many, and ServiceError when it is abandoned."""
        try:
            async with asyncio.timeout(0 if self._is_abandoned else seconds) as limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
        except TimeoutError as error:
            if not self._is_abandoned:
                raise
            raise ServiceError(
                "ServiceException", "The gateway was stopped before the answer."
            ) from error

    def _begin(self, session: BrokerSession) -> None:
        self._session = session
        self._is_connected.set()
        logger.info("%s: connected; answers come to %s", self._address.shown, self._replies.name)
        if session.has_kept_replies:
            return
        for owed in self._unanswered():
            owed.lose()

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
            for function in gone:
                self._expect_back(function)
            for owed in waiting:
                if owed.has_waited:
                    owed.has_met_no_queue = False
                    if owed.function in gone and not owed.answer.done():
                        owed.lose()
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

    def _hear_of_queue(self, function: str) -> None:
        """Its queue is a new one: what was in the one before is lost."""
        for owed in self._owed.values():
            if owed.function != function:
                continue
            if owed.is_sent and not owed.has_met_no_queue and not owed.answer.done():
                owed.lose()
            owed.has_met_no_queue = False

    async def _send(self, owed: _Owed) -> None:
        """Return when the broker has it, or the answer is here. Raises ServiceError."""
        request = owed.request
        while not owed.answer.done():
            session = await self._connected()
            try:
                await session.send(request)
            except NoQueue:
                owed.has_met_no_queue = True
                await self._pause_or_refuse(request.function)
            except SessionOver as error:
                if error.is_refusal and len(request.body) > _SURELY_TAKEN_BYTES:
                    raise _refused(request.function) from error
                await session.over.wait()
                if not owed.answer.done():
                    owed.begin_again("the connection was lost over it")
            except RequestRefused as error:
                raise _refused(request.function) from error
            else:
                owed.is_sent = True
                return

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
        if not self._may_return(function):
            raise resource_not_found(
                f"Function not found: {function}. No instance of it takes requests: there is no "
                "queue of this name at the message broker."
            )
        await asyncio.sleep(_PAUSE_SECONDS)

    def _may_return(self, function: str) -> bool:
        now = asyncio.get_running_loop().time()
        if now < max(self._returning_until, self._each_returning_until.get(function, 0)):
            return True
        if any(owed.function == function for owed in self._unanswered()):
            self._expect_back(function)  # others will see it soon
            return True
        return False

    def _expect_back(self, function: str) -> None:
        now = asyncio.get_running_loop().time()
        still = {name: until for name, until in self._each_returning_until.items() if until > now}
        self._each_returning_until = still | {function: now + _RETURN_SECONDS}


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
