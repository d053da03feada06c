"""Brokers that do not take us, or are none."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import pytest
from pamqp import commands, frame
from tests.integration.emulator.consumers import consuming
from tests.support.waiting import eventually
from tests.unit.emulator.engines import FakeEngine

from lambent.emulator.amqp.connection import BrokerUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.rabbitmq import Broker


@pytest.mark.parametrize(
    ("credentials", "path", "complaint"),
    [
        ("guest:secret", "", "amqp://guest@127.0.0.1:[0-9]+/: ACCESS_REFUSED"),
        ("nobody:secret", "", "amqp://nobody@127.0.0.1:[0-9]+/: ACCESS_REFUSED"),
        ("guest:guest", "nowhere", "NOT_ALLOWED - vhost nowhere not found"),
        ("guest:guest", "private", "access to vhost 'private' refused for user 'guest'"),
    ],
)
async def test_who_is_refused_from_the_start_does_not_try_again(
    rabbitmq: Broker, queue: str, credentials: str, path: str, complaint: str
) -> None:
    if path == "private":
        rabbitmq.evaluate('rabbit_vhost:add(<<"private">>, <<"a test">>)')
    uri = f"amqp://{credentials}@127.0.0.1:{rabbitmq.port}/{path}?connection_attempts=0"
    async with consuming(rabbitmq, queue, FakeEngine(), uri=uri) as consumer:
        with pytest.raises(BrokerUnreachable, match=complaint) as raised:
            await consumer
    assert "secret" not in str(raised.value)
    assert "object" not in str(raised.value)


async def test_who_was_let_in_once_tries_again(
    rabbitmq: Broker, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    rabbitmq.add_user("fickle", "one")
    async with consuming(rabbitmq, queue, FakeEngine(), credentials="fickle:one"):
        rabbitmq.change_password("fickle", "other")
        rabbitmq.evaluate('rabbit_networking:close_all_user_connections(<<"fickle">>, "a test")')
        await asyncio.to_thread(eventually, lambda: "ACCESS_REFUSED" in caplog.text, "a refusal")
        rabbitmq.change_password("fickle", "one")
        await asyncio.to_thread(rabbitmq.wait_consumers, queue)


@contextlib.asynccontextmanager
async def saying(*parts: bytes) -> AsyncIterator[str]:
    """Where these are the answers to whatever is sent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            for part in parts:
                await reader.read(4096)
                writer.write(part)
            await reader.read(4096)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"amqp://127.0.0.1:{port}/?connection_attempts=3&retry_delay=0"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([b"\0" * 100], "Could not unmarshal"),
        (
            [
                frame.marshal(commands.Connection.Start(server_properties={}), 0),
                frame.marshal(commands.Connection.Tune(2047, 131072, 60), 0),
                frame.marshal(commands.Connection.OpenOk(), 0),
            ],
            "KeyError: 'capabilities'",
        ),
        (
            [
                frame.marshal(commands.Connection.Start(server_properties={}), 0),
                frame.marshal(commands.Connection.OpenOk(), 0),
            ],
            "Expected Connection.Tune, got Connection.OpenOk",
        ),
    ],
)
async def test_what_is_no_broker_is_an_attempt_that_failed_and_a_line_in_the_log(
    rabbitmq: Broker, queue: str, caplog: pytest.LogCaptureFixture, parts: list[bytes], said: str
) -> None:
    async with (
        saying(*parts) as uri,
        consuming(rabbitmq, queue, FakeEngine(), uri=uri) as consumer,
    ):
        with pytest.raises(BrokerUnreachable, match="after 3 attempts"):
            await consumer
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.exc_info for record in lines] == [None] * 3
    assert all(said in record.getMessage() for record in lines)
