"""Connections to the broker, by the rules pika has for its parameters of the same names."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, TypeVar

import aio_pika
from aiormq.exceptions import AMQPError

from lambent.emulator.amqp.tolerance import accept_what_the_broker_does

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from aio_pika.abc import AbstractConnection
    from aiormq.abc import AbstractChannel

    from lambent.emulator.amqp.address import AmqpAddress

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_CONNECT_SECONDS = 15  # as pika
_CLOSE_SECONDS = 5
# What the library raises when a broker is not there, does not want us, or goes meanwhile.
_ERRORS = (AMQPError, OSError, TimeoutError, RuntimeError, ValueError)


class ChannelLost(Exception):
    """Raised when a channel, or its connection, is gone; what was being sent, may have been."""


class BrokerUnreachable(Exception):
    """Raised when all attempts to connect have failed; the text is a sentence."""


async def connected(
    address: AmqpAddress,
    name: str,
    set_up: Callable[[AbstractConnection], Awaitable[_T]],
) -> _T:
    """What `set_up` makes of a connection, which the broker shows as `name`.

    An attempt fails where `set_up` does. Raises BrokerUnreachable after the last.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return await _attempt(address, name, set_up)
        except (*_ERRORS, ChannelLost) as error:
            said = _words(error)
            of_how_many = (
                f" of {address.connection_attempts}" if address.connection_attempts else ""
            )
            logger.warning(
                "%s: no connection (attempt %d%s): %s", address.shown, attempt, of_how_many, said
            )
        if attempt == address.connection_attempts:
            raise BrokerUnreachable(
                f"There is no connection to {address.shown} after {attempt} "
                f"attempt{'s' if attempt > 1 else ''}: {said}. How many are made, and how many "
                "seconds apart, AMQP_URI says: ?connection_attempts=20&retry_delay=10; "
                "0 attempts are tries without end."
            )
        await asyncio.sleep(address.retry_delay_seconds)


async def open_channel(connection: AbstractConnection) -> AbstractChannel:
    """One on which the broker confirms what it is sent, and says what it had no queue for."""
    with telling_when_lost():
        channel = connection.channel(publisher_confirms=True, on_return_raises=False)
        await channel.initialize()
        return await channel.get_underlay_channel()


@contextlib.contextmanager
def telling_when_lost() -> Iterator[None]:
    """Whatever the library raises for a channel that is gone, becomes ChannelLost."""
    try:
        yield
    except _ERRORS as error:
        raise ChannelLost(_words(error)) from error
    except asyncio.CancelledError as error:
        # With this, too, it ends what waits, when it gives up a channel.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ChannelLost("the channel is closed") from error


async def close(connection: AbstractConnection) -> None:
    """End it in order, if the broker still cares."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.close()
    except _ERRORS as error:
        logger.debug("the connection did not close in order: %s", error)


async def _attempt(
    address: AmqpAddress,
    name: str,
    set_up: Callable[[AbstractConnection], Awaitable[_T]],
) -> _T:
    accept_what_the_broker_does()
    async with asyncio.timeout(_CONNECT_SECONDS):
        connection = await aio_pika.connect(
            address.uri, client_properties={"connection_name": name, "product": "Lambent"}
        )
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await set_up(connection)
    except BaseException:
        await close(connection)
        raise


def _words(error: BaseException) -> str:
    """What it says, for people."""
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {_CONNECT_SECONDS} seconds"
    return str(error) or type(error).__name__
