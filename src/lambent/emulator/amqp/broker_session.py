"""What one connection to the broker gives a client of functions: a way to send, and its answers.

All answers come to one queue, which outlives the connection: what is answered while there is none,
waits in it. Its name is the same on the next connection, so that what is owed finds it. There, too,
comes word of functions' queues that are new.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from aiormq.exceptions import (
    AMQPError,
    ChannelAccessRefused,
    ChannelLockedResource,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    PublishError,
)
from pamqp.commands import Basic

from lambent.emulator.amqp.connection import loss
from lambent.emulator.amqp.message import PERSISTENT, QUEUE_HEADER, QUEUES_EXCHANGE, TRANSIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from aio_pika.abc import AbstractConnection
    from aiormq.abc import AbstractChannel, DeliveredMessage
    from pamqp.common import FieldTable

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

# A queue that nobody reads any more, such as that of a gateway that was killed, goes by itself.
_UNREAD_MS = 60 * 60 * 1000
_CONSUMER = "answers"  # one to a channel
_MOST_AT_ONCE = 100  # answers that we have, and the broker does not know that we have
REPLIES_PREFIX = "lambent.replies."
# aiormq raises RuntimeError for calls on a channel that is closed already, and what ended a socket
# as it came.
_LOST = (AMQPError, OSError, RuntimeError)


class SessionOver(Exception):
    """Raised when a channel or its connection is gone; what was being sent, may have been."""

    def __init__(self, reason: str, *, is_refusal: bool = False) -> None:
        """`is_refusal`: something on the channel was not to the broker's liking."""
        super().__init__(reason)
        self.is_refusal = is_refusal


class NoQueue(Exception):
    """Raised for a request to a function that has no queue."""


class RequestRefused(Exception):
    """Raised for a request that the broker does not take: the queue is full, or it is not for us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyQueue:
    """Where answers are sent to."""

    name: str
    # As functions' queues are. Where these do not survive the broker's restart, this one's end
    # tells that requests are lost.
    is_durable: bool
    receive: Callable[[DeliveredMessage], None]
    hear_of_queue: Callable[[str], None]  # by its name


# Not frozen, as Caller is not.
@dataclass(slots=True, kw_only=True)
class Request:
    """One request to a function."""

    function: str  # which is the name of its queue, too
    id: str
    body: bytes
    headers: FieldTable
    expects_answer: bool
    is_persistent: bool
    expires_ms: int | None = None  # from when it is sent: then nobody wants it answered any more


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSession:
    """An open channel, until it is `over`. Its methods raise SessionOver from then on."""

    connection: AbstractConnection
    channel: AbstractChannel
    replies: ReplyQueue
    has_kept_replies: bool  # our queue was there already, and so is what was in others
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_blocked(self) -> bool:
        """Whether the broker has said that it takes nothing for now, such as without memory."""
        ready = self.channel.connection.ready()
        try:
            ready.send(None)
        except StopIteration:
            return False
        ready.close()  # it would wait
        return True

    @property
    def why_over(self) -> str:
        """For people."""
        closing = self.channel.closing
        return loss(closing) if closing.done() else f"the queue {self.replies.name} was deleted"

    async def send(self, request: Request) -> None:
        """Return when the broker has it. Raises NoQueue and RequestRefused."""
        properties = Basic.Properties(
            content_type="application/json",
            headers=request.headers,
            delivery_mode=PERSISTENT if request.is_persistent else TRANSIENT,
            correlation_id=request.id,
            reply_to=self.replies.name if request.expects_answer else None,
            expiration=None if request.expires_ms is None else str(request.expires_ms),
        )
        with _telling_when_over():
            try:
                await self.channel.basic_publish(
                    request.body,
                    routing_key=request.function,
                    properties=properties,
                    mandatory=True,
                )
            except PublishError as error:
                raise NoQueue(request.function) from error
            except (DeliveryError, ChannelAccessRefused) as error:
                raise RequestRefused(request.function) from error

    async def has_queue(self, name: str) -> bool:
        return await _cancellable(self._has_queue(name))

    async def _has_queue(self, name: str) -> bool:
        """Asked on a channel of its own: a "no" closes it."""
        with _telling_when_over():
            async with self.connection.channel() as channel:
                try:
                    await channel.get_queue(name)
                except ChannelNotFoundEntity:
                    return False
                except ChannelLockedResource:
                    return True  # another client's alone, but there
                return True

    async def receive(self, message: DeliveredMessage) -> None:
        try:
            if message.exchange != QUEUES_EXCHANGE:
                self.replies.receive(message)
            elif isinstance(queue := _headers(message).get(QUEUE_HEADER), str):
                self.replies.hear_of_queue(queue)
        finally:
            # Also what nobody waits for any more: there is nobody else whom it could be for.
            with contextlib.suppress(SessionOver), _telling_when_over():
                await self.channel.basic_ack(message.delivery_tag or 0, wait=False)

    async def leave(self) -> None:
        """Delete the queue: nothing is owed any more."""
        await _cancellable(self._leave())

    async def _leave(self) -> None:
        with contextlib.suppress(SessionOver), _telling_when_over():
            await self.channel.basic_cancel(_CONSUMER)
            await self.channel.queue_delete(self.replies.name)


async def open_session(replies: ReplyQueue, connection: AbstractConnection) -> BrokerSession:
    """With the queue for answers there, and read. Raises what the client library does."""
    opened = connection.channel(on_return_raises=True)
    await opened.initialize()
    channel = await opened.get_underlay_channel()
    session = BrokerSession(
        connection=connection,
        channel=channel,
        replies=replies,
        has_kept_replies=await _is_there(connection, replies.name),
    )
    channel.closing.add_done_callback(lambda _: session.over.set())
    # The broker says so when somebody has deleted the queue.
    channel.on_consumer_cancel_callbacks.add(lambda _: session.over.set())
    await channel.queue_declare(
        replies.name, durable=replies.is_durable, arguments={"x-expires": _UNREAD_MS}
    )
    await _hear_of_queues(connection, replies.name)
    await channel.basic_qos(prefetch_count=_MOST_AT_ONCE)
    # Alone, or others could take answers. The broker refuses as long as it believes in a connection
    # of ours that is gone, and would give that one answers: so this has to be tried again.
    await channel.basic_consume(
        replies.name, session.receive, consumer_tag=_CONSUMER, exclusive=True
    )
    return session


async def _hear_of_queues(connection: AbstractConnection, name: str) -> None:
    """Have instances tell that queue of theirs that are new."""
    try:
        async with connection.channel() as opened:
            channel = await opened.get_underlay_channel()
            await channel.exchange_declare(
                exchange=QUEUES_EXCHANGE, exchange_type="fanout", auto_delete=True
            )
            await channel.queue_bind(name, QUEUES_EXCHANGE)
    except (ChannelAccessRefused, ChannelPreconditionFailed) as error:
        logger.warning(
            "requests that are lost with a queue that is back at once are not sent again: %s", error
        )


def _headers(message: DeliveredMessage) -> FieldTable:
    return message.header.properties.headers or {}


async def _is_there(connection: AbstractConnection, queue: str) -> bool:
    async with connection.channel() as channel:
        try:
            await channel.get_queue(queue)
        except ChannelNotFoundEntity:
            return False
        return True


async def _cancellable(work: Coroutine[Any, Any, _T]) -> _T:
    """The library, cancelled, waits until it can tell the broker so; we do not."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        # Nobody else asks how it ended, which would be complained about.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        raise


@contextlib.contextmanager
def _telling_when_over() -> Iterator[None]:
    """Whatever the library raises for a channel that is gone, becomes SessionOver."""
    try:
        yield
    except _LOST as error:
        is_refusal = isinstance(error, ChannelPreconditionFailed)
        raise SessionOver(str(error), is_refusal=is_refusal) from error
    except asyncio.CancelledError as error:
        # With this it ends what waits, too, when its own reader is cancelled.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise SessionOver("the connection is closed") from error
