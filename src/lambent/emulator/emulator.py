"""`lambent rie`: one function, served by HTTP and perhaps by AMQP, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import logging
from typing import TYPE_CHECKING, Any

from lambent.domain.quotas import MIB, REQUEST_PAYLOAD_BYTES
from lambent.emulator.addresses import open_addresses
from lambent.emulator.engine import kept_descriptors, open_engine
from lambent.emulator.engine_calls import EngineCalls
from lambent.emulator.invoke_api import InvokeApi, InvokeOptions
from lambent.server.connection_bounds import public_bounds
from lambent.server.listener import Listener
from lambent.server.listening import url_of
from lambent.server.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.emulator.amqp.address import AmqpAddress
    from lambent.emulator.amqp.consumer import Consumer
    from lambent.emulator.engine import Engine
    from lambent.emulator.settings import EmulatorSettings

logger = logging.getLogger(__name__)

# Without the limits of Lambda's there is still one: what a caller sends is held in memory.
_UNLIMITED_BYTES = 512 * MIB


async def serve(settings: EmulatorSettings, on_listening: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT; `on_listening` gets the Invoke API's URL once it answers.

    The first signal lets invocations at work end; a second one ends them. Raises AddressInUse, and
    an exception group when there is no broker any more.
    """
    options = invoke_options(settings)
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        listening = stack.enter_context(open_addresses(settings.host, settings.port))
        stop = stack.enter_context(Stop(settings.drain_seconds))
        engine = await enter(open_engine(settings))
        work = _Work(engine)
        work.calls = await enter(
            EngineCalls(engine, is_ready=lambda: work.is_ready, details=work.details)
        )
        if settings.amqp is not None:
            tasks = await enter(asyncio.TaskGroup())
            work.consume(_consumer(settings.amqp, settings, engine), tasks)
        listener = Listener(
            InvokeApi(work.calls, options),
            max_body_bytes=options.max_event_bytes,
            drain_seconds=settings.drain_seconds,
            bounds=public_bounds(
                options.max_event_bytes, kept_descriptors=kept_descriptors(settings)
            ),
        )
        gc.collect()
        gc.freeze()  # what is here at the start, stays: it is not to be looked through again
        on_listening(url_of(listening[0].socket))
        await stop.serve(listener, work, work, listening)
        logger.info("no longer listening; closing the function's processes")


def invoke_options(settings: EmulatorSettings) -> InvokeOptions:
    return InvokeOptions(
        max_event_bytes=REQUEST_PAYLOAD_BYTES if settings.limits_sizes else _UNLIMITED_BYTES,
        serves_openfaas=settings.openfaas,
        time_out_answer=settings.time_out_answer,
    )


def _consumer(address: AmqpAddress, settings: EmulatorSettings, engine: Engine) -> Consumer:
    from lambent.emulator.amqp.consumer import Consumer  # its library is an extra

    return Consumer(
        address,
        settings.function_name,
        engine,
        slots=settings.max_concurrency,
        max_event_bytes=invoke_options(settings).max_event_bytes,
    )


class _Work:
    """All that is at work, and what it comes from, as `Stop` ends it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_stopping = False
        self._consumer: Consumer | None = None  # None: there is no broker
        self._consuming: asyncio.Task[None] | None = None
        self.calls: EngineCalls | None = None

    def consume(self, consumer: Consumer, tasks: asyncio.TaskGroup) -> None:
        """Take requests from a broker, too; that it is lost for good, `tasks` tell."""
        self._consumer = consumer
        self._consuming = tasks.create_task(consumer.run(), name="amqp")

    @property
    def is_ready(self) -> bool:
        has_broker = self._consumer is None or self._consumer.is_connected
        return has_broker and not self._is_stopping

    def details(self) -> dict[str, Any]:
        """For `/health`."""
        broker = {} if self._consumer is None else {"broker": self._consumer.is_connected}
        return dataclasses.asdict(self._engine.statistics()) | broker

    def pause(self) -> None:
        if not self._is_stopping and self._consuming is not None:
            self._consuming.cancel()  # it takes no more, and ends when what it has is answered
        self._is_stopping = True

    async def drain(self) -> None:
        if self.calls is not None:
            await self.calls.drain()
        if self._consuming is not None:
            await asyncio.wait([self._consuming])
        await self._engine.drain()

    def end_invocations(self) -> None:
        self._engine.end_invocations()
        if self._consuming is not None:
            self._consuming.cancel()
