"""What one connection to the broker gives an instance: requests of its queue, and a way to reply."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from aiormq.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed
from pamqp.commands import Basic

from lambent.emulator.amqp.connection import ChannelLost, loss, open_channel, telling_when_lost
from lambent.emulator.amqp.message import QUEUES_EXCHANGE, announcement

if TYPE_CHECKING:
    from collections.abc import Callable

    from aio_pika.abc import AbstractConnection
    from aiormq.abc import AbstractChannel, DeliveredMessage

    from lambent.emulator.amqp.address import QueueForm
    from lambent.emulator.amqp.message import Reply

logger = logging.getLogger(__name__)


class Outcome(Enum):
    """What became of a message that was sent."""

    KEPT = auto()  # the broker has it, or has handed it over
    NO_QUEUE = auto()
    REFUSED = auto()  # with the channel closed for it
    LOST = auto()  # perhaps: the connection is
    UNSENT = auto()  # the connection was lost before


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message in our hands, which the broker gives to somebody else if we are lost."""

    message: DeliveredMessage
    session: QueueSession

    @property
    def is_ours(self) -> bool:
        return not self.message.channel.is_closed

    async def acknowledge(self) -> bool:
        """The broker may forget it. False when it is not ours any more, and may come again."""
        try:
            with telling_when_lost():
                await self.message.channel.basic_ack(self._tag, wait=False)
        except ChannelLost:
            return False
        return True

    async def give_back(self) -> None:
        """Somebody else is to have it."""
        await self._reject(requeue=True)

    async def refuse(self) -> bool:
        """Nobody is: it goes where the queue's policy sends dead letters, if it has one.

        False when it is not ours any more, and may come again.
        """
        return await self._reject(requeue=False)

    async def _reject(self, *, requeue: bool) -> bool:
        try:
            with telling_when_lost():
                await self.message.channel.basic_reject(self._tag, requeue=requeue, wait=False)
        except ChannelLost:
            return False
        return True

    @property
    def _tag(self) -> int:
        return self.message.delivery_tag or 0


# Not frozen: `replies` is opened anew when the broker closes it over a message.
@dataclass(slots=True, kw_only=True, eq=False)
class QueueSession:
    """Until it is `over`."""

    connection: AbstractConnection
    queue: str  # as the broker calls it
    is_quorum: bool  # as far as is known
    is_new: bool  # it was not there before
    requests: AbstractChannel
    replies: AbstractChannel
    over: asyncio.Event = field(default_factory=asyncio.Event)
    why_over: str = ""  # for people
    _consumer: str = ""
    _reopening: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.requests.closing.add_done_callback(lambda closing: self._end(loss(closing)))

    def is_gone(self) -> bool:
        """Also when `over` is only about to be set."""
        requests = self.requests
        return self.over.is_set() or requests.is_closed or not requests.connection.is_opened

    async def begin(self, slots: int, take: Callable[[Delivery], None]) -> None:
        """Take up to so many requests at a time. Raises ChannelLost."""

        async def taking(message: DeliveredMessage) -> None:
            take(Delivery(message=message, session=self))

        self.requests.on_consumer_cancel_callbacks.add(
            lambda _: self._end(f"the queue {self.queue} was deleted")
        )
        with telling_when_lost():
            await self.requests.basic_qos(prefetch_count=slots)
            consuming = await self.requests.basic_consume(self.queue, taking)
        self._consumer = consuming.consumer_tag or ""
        if self.is_new:
            await self._announce()

    async def lost_without_us(self) -> int:
        """How many requests wait that nobody else would take."""
        try:
            channel = await open_channel(self.connection)
            with telling_when_lost():
                found = await channel.queue_declare(self.queue, passive=True)
                await channel.close()
        except ChannelLost:
            return 0
        return (found.message_count or 0) if found.consumer_count == 1 else 0

    async def take_no_more(self) -> None:
        """What is at work stays ours."""
        with contextlib.suppress(ChannelLost), telling_when_lost():
            await self.requests.basic_cancel(self._consumer)

    async def reply(self, reply: Reply) -> Outcome:
        """Send it, and return when the broker has it."""
        # The broker tells of a direct one that there is no queue, and hands it over all the same.
        return await self._publish(
            reply.queue, reply.body, reply.properties, is_mandatory=not reply.is_direct
        )

    async def put_back(self, message: DeliveredMessage, properties: Basic.Properties) -> Outcome:
        """Send the same request again, with other properties."""
        return await self._publish(self.queue, message.body, properties, is_mandatory=True)

    async def _announce(self) -> None:
        """Tell of the queue in a channel of its own, which ends where nobody wants to know."""
        with contextlib.suppress(ChannelLost):
            channel = await open_channel(self.connection)
            with telling_when_lost():
                await channel.basic_publish(
                    b"",
                    exchange=QUEUES_EXCHANGE,
                    routing_key="",
                    properties=announcement(self.queue),
                )
                await channel.close()

    def _end(self, why: str) -> None:
        self.why_over = self.why_over or why
        self.over.set()

    async def _publish(
        self, queue: str, body: bytes, properties: Basic.Properties, *, is_mandatory: bool
    ) -> Outcome:
        try:
            channel = await self._reply_channel()
        except ChannelLost:
            return Outcome.UNSENT
        try:
            return await _send(channel, queue, body, properties, is_mandatory=is_mandatory)
        except ChannelLost:
            if self.is_gone():
                return Outcome.LOST
        # The broker closes a channel over one message. Alone in one, it is seen which.
        try:
            channel = await open_channel(self.connection)
        except ChannelLost:
            return Outcome.LOST
        try:
            return await _send(channel, queue, body, properties, is_mandatory=is_mandatory)
        except ChannelLost:
            return Outcome.LOST if self.is_gone() else Outcome.REFUSED
        finally:
            with contextlib.suppress(ChannelLost), telling_when_lost():
                await channel.close()

    async def _reply_channel(self) -> AbstractChannel:
        async with self._reopening:
            if self.replies.is_closed:
                self.replies = await open_channel(self.connection)
            return self.replies


async def open_session(connection: AbstractConnection, queue: str, form: QueueForm) -> QueueSession:
    """With the queue there. Raises ChannelLost."""
    is_new = not await _is_there(connection, queue)
    queue, is_as_asked = await _declare(connection, queue, form)
    return QueueSession(
        connection=connection,
        queue=queue,
        is_quorum=form.is_quorum and is_as_asked,
        is_new=is_new,
        requests=await open_channel(connection),
        replies=await open_channel(connection),
    )


async def _is_there(connection: AbstractConnection, queue: str) -> bool:
    channel = await open_channel(connection)
    try:
        with telling_when_lost():
            await channel.queue_declare(queue, passive=True)
            await channel.close()
    except ChannelLost as error:
        if not isinstance(error.__cause__, ChannelNotFoundEntity):
            raise
        return False
    return True


async def _declare(connection: AbstractConnection, queue: str, form: QueueForm) -> tuple[str, bool]:
    """The queue's name, and whether it is of that form; one that is there stays as it is."""
    channel = await open_channel(connection)
    try:
        with telling_when_lost():
            declared = await channel.queue_declare(
                queue,
                durable=form.is_durable,
                auto_delete=form.is_auto_delete,
                arguments={"x-queue-type": "quorum"} if form.is_quorum else None,
            )
            await channel.close()
            return declared.queue or queue, True
    except ChannelLost as error:
        if not isinstance(error.__cause__, ChannelPreconditionFailed):
            raise
        logger.info("the queue %s is there already, and used as it is: %s", queue, error)
        return queue, False


async def _send(
    channel: AbstractChannel,
    queue: str,
    body: bytes,
    properties: Basic.Properties,
    *,
    is_mandatory: bool,
) -> Outcome:
    with telling_when_lost():
        answer = await channel.basic_publish(
            body, routing_key=queue, properties=properties, mandatory=is_mandatory
        )
    return Outcome.KEPT if isinstance(answer, Basic.Ack) else Outcome.NO_QUEUE
