"""Consumers with engines of the tests' own, and calls of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from lambent.emulator.amqp.address import amqp_address
from lambent.emulator.amqp.connection import BrokerUnreachable
from lambent.emulator.amqp.consumer import Consumer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.rabbitmq import Broker
    from tests.support.rpc_client import RpcClient, RpcReply
    from tests.unit.emulator.engines import FakeEngine

TRIES = {"connection_attempts": 1000, "retry_delay": 0.1}


@contextlib.asynccontextmanager
async def consuming(
    broker: Broker,
    queue: str,
    engine: FakeEngine,
    *,
    slots: int = 1,
    others: int = 0,
    credentials: str = "guest:guest",
    uri: str = "",
    max_event_bytes: int = 6 * 1024 * 1024,
    **parameters: object,
) -> AsyncIterator[asyncio.Task[None]]:
    """A consumer, beside so many others of its queue; cancelled, it answers what it has.

    With a `uri`, which may lead nowhere, it need not have begun.
    """
    told = uri or broker.uri(credentials, **(TRIES | parameters))
    address = amqp_address({"AMQP_URI": told})
    assert address is not None
    consumer = Consumer(address, queue, engine, slots=slots, max_event_bytes=max_event_bytes)
    running = asyncio.create_task(consumer.run())
    try:
        if not uri:
            await asyncio.to_thread(broker.wait_consumers, queue, others + 1)
        yield running
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, BrokerUnreachable):
            await running


async def call(client: RpcClient, queue: str, body: bytes = b"{}", **properties: Any) -> RpcReply:
    return await asyncio.to_thread(client.call, queue, body, **properties)
