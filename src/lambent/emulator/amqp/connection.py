"""Connections to the broker, by the rules pika has for its parameters of the same names."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from typing import TYPE_CHECKING, Any, TypeVar

from aio_pika.connection import make_url
from aiormq.exceptions import AMQPError, ConnectionClosed, ProbableAuthenticationError

from lambent.emulator.amqp.closable_connection import ClosableConnection
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
# There is no such virtual host, or it is not for this user; that one is full or down, may change.
_NO_VIRTUAL_HOST = re.compile("(vhost .* not found|access to vhost .* refused for user '[^']*')$")
_PYTHON_OBJECT = re.compile(r"<([\w.]+) object at 0x[0-9a-f]+>")
# What the library logs of a connection that is lost or has not come about, with tracebacks: it is
# logged here, in a line. What else it has to say, such as that it is blocked, it may.
_LOGGERS = ("aiormq.connection", "aiormq.channel")
_SAID_HERE = (
    *("error when creating transport", "Unexpected connection close", "Cancelling cause reader"),
    *("Closing channel", "Got frame for closed channel", "Consumer %r cancelled by the broker"),
)


class ChannelLost(Exception):
    """Raised when a channel, or its connection, is gone; what was being sent, may have been."""


class BrokerUnreachable(Exception):
    """Raised when all attempts to connect have failed, or will; the text is a sentence."""


async def connected(
    address: AmqpAddress,
    name: str,
    set_up: Callable[[AbstractConnection], Awaitable[_T]],
    *,
    was_connected: bool,
) -> _T:
    """What `set_up` makes of a connection, which the broker shows as `name`.

    An attempt fails where `set_up` does. Raises BrokerUnreachable after the last, or when the first
    connection ever is refused for what time does not change.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return await _attempt(address, name, set_up)
        except Exception as error:  # a boundary: what is there may be no broker, and say anything
            said = _words(error)
            if not was_connected and _is_for_good(error):
                raise BrokerUnreachable(
                    f"The broker refuses {address.shown}: {said}. The user, the password and, "
                    "behind the last slash, the virtual host are what AMQP_URI says."
                ) from error
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
    except Exception:
        logger.debug("the connection did not close in order", exc_info=True)


def loss(closing: asyncio.Future[Any]) -> str:
    """Why a channel is gone, for people."""
    error = None if closing.cancelled() else closing.exception()
    return "the connection is lost" + (f": {_words(error)}" if error is not None else "")


async def _attempt(
    address: AmqpAddress,
    name: str,
    set_up: Callable[[AbstractConnection], Awaitable[_T]],
) -> _T:
    accept_what_the_broker_does()
    for each in _LOGGERS:
        logging.getLogger(each).addFilter(_is_not_said_here)
    connection = ClosableConnection(
        make_url(address.uri),
        client_properties={"connection_name": name, "product": "Lambent"},
    )
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await connection.connect()
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await set_up(connection)
    except BaseException:
        await close(connection)
        raise


def _is_not_said_here(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_SAID_HERE)


def _is_for_good(error: BaseException) -> bool:
    """Whether the broker refuses who we are, or the virtual host."""
    is_closed = isinstance(error, ConnectionClosed)
    return isinstance(error, ProbableAuthenticationError) or (
        is_closed and _NO_VIRTUAL_HOST.search(_words(error)) is not None
    )


def _words(error: BaseException) -> str:
    """What it says, for people."""
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {_CONNECT_SECONDS} seconds"
    if isinstance(error, ConnectionClosed) and error.args:
        return str(error.args[-1]).rstrip(".")  # before it stands the reply's code
    said = _PYTHON_OBJECT.sub(r"\1", str(error)).rstrip(".")
    kind = type(error).__name__
    if not isinstance(error, (*_ERRORS, ChannelLost)):
        return f"{kind}: {said}"  # the library did not expect it, either
    return said or kind
