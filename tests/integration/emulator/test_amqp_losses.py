"""Instances and brokers that vanish, while requests are at work."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.emulator.consumers import call, consuming
from tests.support.rpc_client import RpcClient, rpc_client
from tests.support.waiting import eventually
from tests.unit.emulator.engines import FakeEngine

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult
from lambent.emulator.amqp.connection import BrokerUnreachable, close
from lambent.emulator.amqp.queue_session import Outcome, QueueSession

if TYPE_CHECKING:
    from tests.support.rabbitmq import Broker

FRAME_BYTES = 8192  # the least that a broker may have for the most


def stuck_engine() -> FakeEngine:
    engine = FakeEngine()
    engine.may_answer.clear()
    return engine


async def lose(consumer: asyncio.Task[None]) -> None:
    """As if it were killed: what it has, the broker gives to others."""
    consumer.cancel()
    await asyncio.sleep(0)
    while not consumer.done():
        consumer.cancel()
        await asyncio.wait([consumer], timeout=0.05)


def declare_with_dead_letters(client: RpcClient, queue: str, kind: str = "classic") -> str:
    """The name of the queue that gets them."""
    dead = f"{queue}.dead"
    arguments: dict[str, Any] = {
        "x-queue-type": kind,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
    }
    client.channel.queue_declare(dead, exclusive=True)
    client.channel.queue_declare(queue, durable=True, arguments=arguments)
    return dead


@pytest.mark.parametrize(
    ("kind", "headers"),
    [("classic", {}), ("classic", {"x-delivery-count": 1}), ("quorum", {})],
)
async def test_gives_up_a_request_over_which_instances_are_lost(
    rabbitmq: Broker, queue: str, client: RpcClient, kind: str, headers: dict[str, Any]
) -> None:
    dead_letters = declare_with_dead_letters(client, queue, kind)
    client.send(queue, b'"poison"', content_type="text/plain", headers=headers)
    for _ in range(3):
        engine = stuck_engine()
        async with consuming(rabbitmq, queue, engine, delivery_limit=2) as consumer:
            await engine.wait_begun(1)
            await lose(consumer)
    engine = FakeEngine()
    async with consuming(rabbitmq, queue, engine, delivery_limit=2):
        (reply,) = await asyncio.to_thread(client.receive)
        assert (await call(client, queue, b"1")).body == b"1"
    assert [each.payload for each in engine.invocations] == [b"1"]
    assert json.loads(reply.body)["errorType"] == "Sandbox.Failure"
    assert reply.error == "Unhandled"
    _, _, dead = client.channel.basic_get(dead_letters, auto_ack=True)
    assert dead == b'"poison"'
    client.channel.queue_delete(queue)


async def test_gives_up_a_request_as_a_quorum_queue_has_counted(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    counted: dict[str, Any] = {"queue_type": "quorum", "delivery_limit": 1}
    client.channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    client.send(queue, b"{}")
    for _ in range(2):
        engine = stuck_engine()
        async with consuming(rabbitmq, queue, engine, **counted) as consumer:
            await engine.wait_begun(1)
            await lose(consumer)
    async with consuming(rabbitmq, queue, FakeEngine(), **counted):
        (reply,) = await asyncio.to_thread(client.receive)
    assert json.loads(reply.body)["errorType"] == "Sandbox.Failure"
    client.channel.queue_delete(queue)


async def test_a_reply_that_the_broker_ends_the_connection_over_is_replaced(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    """And others that are lost with it are sent again."""
    engine = stuck_engine()
    engine.outcomes = [InvocationResult(payload=b"1", log_tail=b"x" * FRAME_BYTES)]
    rabbitmq.evaluate(f"application:set_env(rabbit, frame_max, {FRAME_BYTES})")
    try:
        async with consuming(rabbitmq, queue, engine, slots=3):
            poison = client.send(queue, b"1", headers={"X-Amz-Log-Type": "Tail"})
            await engine.wait_begun(1)
            for number in (2, 3):
                client.send(queue, b"%d" % number)
            await engine.wait_begun(2)
            engine.may_answer.set()
            replies = await asyncio.to_thread(client.receive, 3)
            assert (await call(client, queue, b"4")).body == b"4"
    finally:
        rabbitmq.evaluate("application:set_env(rabbit, frame_max, 131072)")
    by_error = {reply.error: reply for reply in replies}
    assert sorted(reply.body for reply in replies if reply.error is None) == [b"2", b"3"]
    assert by_error["Unhandled"].properties.correlation_id == poison
    assert b"did not take the response" in by_error["Unhandled"].body
    assert len(engine.invocations) == 4


async def test_a_request_that_nothing_can_be_replied_to_is_a_dead_letter(
    rabbitmq: Broker, queue: str, client: RpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose_connection(session: QueueSession, _reply: object) -> Outcome:
        await close(session.connection)
        return Outcome.LOST

    monkeypatch.setattr(QueueSession, "reply", lose_connection)
    dead_letters = declare_with_dead_letters(client, queue)
    engine = FakeEngine()
    async with consuming(rabbitmq, queue, engine):
        client.send(queue, b"1")
        await asyncio.to_thread(
            eventually, lambda: client.channel.basic_get(dead_letters)[2] == b"1", "a dead letter"
        )
        await asyncio.to_thread(rabbitmq.wait_consumers, queue)
        client.send(queue, b"2", reply_to=None)
        await engine.wait_begun(2)
    assert [each.payload for each in engine.invocations] == [b"1", b"2"]
    client.channel.queue_delete(queue)


async def test_another_instance_answers_what_a_lost_one_had(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    stuck, other = stuck_engine(), FakeEngine()
    async with consuming(rabbitmq, queue, stuck, slots=3) as lost:
        for number in range(3):
            client.send(queue, b"%d" % number, headers={"kept": "yes"})
        await stuck.wait_begun(3)
        async with consuming(rabbitmq, queue, other, others=1):
            await lose(lost)
            replies = await asyncio.to_thread(client.receive, 3)
    assert sorted(reply.body for reply in replies) == [b"0", b"1", b"2"]
    assert {reply.headers["kept"] for reply in replies} == {"yes"}


async def test_answers_what_is_at_work_before_it_stops(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    client.channel.queue_declare(queue, durable=True)
    engine = stuck_engine()
    async with consuming(rabbitmq, queue, engine, slots=2, durable="true") as consumer:
        for number in range(3):
            client.send(queue, b"%d" % number)
        await engine.wait_begun(2)
        consumer.cancel()
        await asyncio.to_thread(rabbitmq.wait_consumers, queue, 0)
        engine.may_answer.set()
        await asyncio.wait([consumer])
    replies = await asyncio.to_thread(client.receive, 2)
    assert sorted(reply.body for reply in replies) == [b"0", b"1"]
    assert rabbitmq.count_queue(queue) == (1, 0)
    client.channel.queue_delete(queue)


async def test_leaves_to_others_what_has_no_instance_when_it_stops(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    client.channel.queue_declare(queue, durable=True)
    engine = stuck_engine()
    engine.outcomes = [ServiceError("ServiceException", "The server is being stopped.")]
    async with consuming(rabbitmq, queue, engine, durable="true") as consumer:
        client.send(queue, b"1")
        await engine.wait_begun(1)
        consumer.cancel()
        await asyncio.to_thread(rabbitmq.wait_consumers, queue, 0)
        engine.may_answer.set()
    async with consuming(rabbitmq, queue, FakeEngine(), durable="true"):
        (reply,) = await asyncio.to_thread(client.receive)
    assert reply.body == b"1"
    client.channel.queue_delete(queue)


async def test_the_last_one_does_what_would_be_lost_with_its_queue(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = stuck_engine()
    async with consuming(rabbitmq, queue, engine) as consumer:
        for number in range(4):
            client.send(queue, b"%d" % number)
        await engine.wait_begun(1)
        consumer.cancel()
        engine.may_answer.set()
        await asyncio.wait([consumer])
    replies = await asyncio.to_thread(client.receive, 4)
    assert [reply.body for reply in replies] == [b"0", b"1", b"2", b"3"]


async def test_stops_over_a_reply_that_the_broker_refuses(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    # May not send anything.
    rabbitmq.add_user("mute", "secret", may_write="^$")
    engine = FakeEngine()
    async with consuming(rabbitmq, queue, engine, credentials="mute:secret"):
        for _ in range(2):
            client.send(queue, b"{}")
            await engine.wait_begun(1)
    assert len(engine.invocations) == 2
    assert client.early == []


async def test_replies_are_not_lost_with_the_broker(rabbitmq: Broker, queue: str) -> None:
    """What is at work goes on without it, and is answered when it is back: once."""
    kept, forgotten = stuck_engine(), stuck_engine()
    durable = f"{queue}-durable"
    async with (
        consuming(rabbitmq, durable, kept, durable="true") as keeper,
        consuming(rabbitmq, queue, forgotten) as forgetter,
        consuming(rabbitmq, f"{queue}-poor", FakeEngine(), connection_attempts=2) as poor,
    ):
        with rpc_client(rabbitmq.uri(), reply_to=f"{queue}-replies") as client:
            client.send(durable, b"1", delivery_mode=2)
            client.send(queue, b"2")
            await kept.wait_begun(1)
            await forgotten.wait_begun(1)
            await asyncio.to_thread(rabbitmq.stop)
        await asyncio.wait([poor])
        assert isinstance(poor.exception(), BrokerUnreachable)
        await asyncio.to_thread(rabbitmq.start)
        # Before the client is: there is nowhere to reply to yet.
        await asyncio.to_thread(rabbitmq.wait_consumers, durable)
        await asyncio.to_thread(rabbitmq.wait_consumers, queue)
        kept.may_answer.set()
        forgotten.may_answer.set()
        with rpc_client(rabbitmq.uri(), reply_to=f"{queue}-replies") as client:
            replies = await asyncio.to_thread(client.receive, 2)
            assert sorted(reply.body for reply in replies) == [b"1", b"2"]
            await asyncio.to_thread(rabbitmq.wait_consumers, durable)
            assert (await call(client, durable, b"3")).body == b"3"
            assert (await call(client, queue, b"4")).body == b"4"
            assert client.early == []
            client.channel.queue_delete(f"{queue}-replies")
        assert not keeper.done()
        assert not forgetter.done()
    assert [each.payload for each in kept.invocations] == [b"1", b"3"]
    with rabbitmq.channel() as channel:
        channel.queue_delete(durable)


async def test_tries_without_end_for_zero_attempts(rabbitmq: Broker, queue: str) -> None:
    nowhere = rabbitmq.uri(connection_attempts=0, retry_delay=0.001)
    address = nowhere.replace(str(rabbitmq.port), "1")
    async with consuming(rabbitmq, queue, FakeEngine(), uri=address) as consumer:
        await asyncio.wait([consumer], timeout=0.2)
        assert not consumer.done()
        consumer.cancel()
        await asyncio.wait([consumer])
