"""A function behind a real broker, with an engine whose answers the tests say."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from pika import BasicProperties
from pika.frame import Header
from tests.integration.emulator.consumers import call, consuming
from tests.unit.emulator.engines import FakeEngine

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult

if TYPE_CHECKING:
    from tests.support.rabbitmq import Broker
    from tests.support.rpc_client import RpcClient

FRAME_BYTES = 131_072  # the most that a frame may have


async def test_answers_with_what_the_request_says_of_itself(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    async with consuming(rabbitmq, queue, engine):
        reply = await call(
            client,
            queue,
            b'{"a":1}',
            content_type="text/plain",
            headers={"mine": "yes", "number": 3, "CC": ["elsewhere"], "X-Amz-Function-Error": "x"},
        )
    assert reply.body == b'{"a":1}'
    assert reply.properties.content_type == "text/plain"
    assert reply.headers == {"mine": "yes", "number": 3, "X-Amz-Executed-Version": "$LATEST"}
    assert engine.invocations[0].request_id == reply.properties.correlation_id
    assert rabbitmq.count_queue(queue) is None  # it goes with the last consumer


async def test_does_not_reply_with_the_requests_expiration_or_user(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    async with consuming(rabbitmq, queue, FakeEngine()):
        reply = await call(client, queue, expiration="60000", user_id="guest", message_id="mine")
    assert reply.properties.expiration is None
    assert reply.properties.user_id is None
    assert reply.properties.message_id != "mine"


async def test_passes_on_what_the_headers_say(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    context = base64.b64encode(b'{"custom":{"foo":"bar"}}').decode()
    headers = {
        "x-amz-client-context": context,
        "X-Amzn-Trace-Id": "Root=1-2-3;Sampled=1",
        "X-Amz-Tenant-Id": "blue",
        "X-Amz-Qualifier": "live",
        "X-Amz-Log-Type": "Tail",
    }
    async with consuming(rabbitmq, queue, engine):
        reply = await call(client, queue, headers=headers)
    (invocation,) = engine.invocations
    assert json.loads(invocation.client_context or "") == {"custom": {"foo": "bar"}}
    assert invocation.trace_header == "Root=1-2-3;Sampled=1"
    assert invocation.tenant_id == "blue"
    assert invocation.invoked_arn.endswith(":function:own-name:live")
    assert base64.b64decode(reply.headers["X-Amz-Log-Result"]) == b"REPORT"
    assert "X-Amz-Client-Context" not in reply.headers


async def test_marks_an_error_of_the_functions(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    engine.outcomes = [InvocationResult(payload=b'{"errorType":"E"}', is_function_error=True)]
    async with consuming(rabbitmq, queue, engine):
        failed, fine = await call(client, queue), await call(client, queue)
    assert (failed.body, failed.error) == (b'{"errorType":"E"}', "Unhandled")
    assert fine.error is None


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Amz-Client-Context": 7},
        {"X-Amz-Client-Context": "!!!"},
        {"X-Amzn-Trace-Id": {"a": 1}},
        {"X-Amz-Tenant-Id": "two\r\nlines"},
    ],
)
async def test_refuses_headers_that_mean_nothing(
    rabbitmq: Broker, queue: str, client: RpcClient, headers: dict[str, Any]
) -> None:
    engine = FakeEngine()
    async with consuming(rabbitmq, queue, engine):
        reply = await call(client, queue, headers=headers)
        assert (await call(client, queue)).body == b"{}"
    assert reply.headers["X-Amzn-ErrorType"] == "InvalidRequestContentException"
    assert json.loads(reply.body)["errorType"] == "InvalidRequestContentException"
    assert len(engine.invocations) == 1


async def test_survives_properties_that_cannot_be_read(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    async with consuming(rabbitmq, queue, engine):
        # Nanoseconds where seconds belong; text in no UTF-8.
        for properties in (
            {"timestamp": 1_700_000_000_000_000_000},
            {"headers": {"raw": b"\xff\xfe"}, "priority": 255},
            {"app_id": b"\xff\xfe", "type": b"\xff"},
        ):
            assert (await call(client, queue, **properties)).body == b"{}", properties


async def test_runs_and_forgets_what_nobody_waits_for(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    async with consuming(rabbitmq, queue, engine):
        client.send(queue, b'"event"', reply_to=None, correlation_id=None)
        client.send(queue, b'"gone"', reply_to="nobody-reads-this", correlation_id="not\nan id")
        assert (await call(client, queue)).body == b"{}"
    assert [each.payload for each in engine.invocations] == [b'"event"', b'"gone"', b"{}"]
    assert len({each.request_id for each in engine.invocations}) == 3


@pytest.mark.parametrize("name", ["a/b", "a;b", "with space", "ünï"])
async def test_takes_names_that_were_syntax_to_the_original(
    rabbitmq: Broker, client: RpcClient, name: str
) -> None:
    async with consuming(rabbitmq, name, FakeEngine()):
        assert (await call(client, name, b"1")).body == b"1"


async def test_holds_as_many_requests_as_there_are_instances(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    engine.may_answer.clear()
    async with consuming(rabbitmq, queue, engine, slots=2):
        for _ in range(5):
            client.send(queue, b"{}")
        await engine.wait_begun(2)
        assert rabbitmq.count_queue(queue) == (3, 1)
        engine.may_answer.set()
        await asyncio.to_thread(client.receive, 5)


async def test_waits_for_an_instance_as_long_as_it_takes(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    engine.outcomes = [ServiceError("TooManyRequestsException", "Rate Exceeded.")] * 2
    async with consuming(rabbitmq, queue, engine):
        assert (await call(client, queue, b"1")).body == b"1"
    assert len(engine.invocations) == 3


async def test_answers_a_request_that_fails_inside(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    engine.outcomes = [RuntimeError("a bug")]
    async with consuming(rabbitmq, queue, engine):
        reply = await call(client, queue)
        assert (await call(client, queue)).body == b"{}"
    assert json.loads(reply.body)["errorType"] == "Sandbox.Failure"
    assert reply.error == "Unhandled"


async def test_uses_a_queue_that_is_there_with_other_properties(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    client.channel.queue_declare(queue, durable=True, arguments={"x-max-length": 9})
    async with consuming(rabbitmq, queue, FakeEngine()):
        assert (await call(client, queue, b"1")).body == b"1"
    client.channel.queue_delete(queue)


@pytest.mark.parametrize(
    ("parameters", "declared"),
    [
        ({"durable": "true"}, {"durable": True}),
        (
            {"queue_type": "quorum"},
            {"durable": True, "arguments": {"x-queue-type": "quorum"}},
        ),
        ({"auto_delete": "false"}, {}),
    ],
)
async def test_declares_the_queue_as_asked(
    rabbitmq: Broker,
    queue: str,
    client: RpcClient,
    parameters: dict[str, Any],
    declared: dict[str, Any],
) -> None:
    async with consuming(rabbitmq, queue, FakeEngine(), **parameters):
        assert (await call(client, queue, b"1")).body == b"1"
    client.channel.queue_declare(queue, **declared)  # refused if it were otherwise
    client.channel.queue_delete(queue)


async def test_declares_a_queue_anew_that_somebody_deletes(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    async with consuming(rabbitmq, queue, FakeEngine()):
        client.channel.queue_delete(queue)
        await asyncio.to_thread(rabbitmq.wait_consumers, queue)
        assert (await call(client, queue, b"1")).body == b"1"


async def test_refuses_events_of_more_than_six_megabytes_unless_told_otherwise(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    engine = FakeEngine()
    async with consuming(rabbitmq, queue, engine, max_event_bytes=1000):
        refused = await call(client, queue, b"1" * 1001)
        assert (await call(client, queue, b"1" * 1000)).body == b"1" * 1000
    assert refused.headers["X-Amzn-ErrorType"] == "RequestTooLargeException"
    assert "smaller than 1000 bytes" in json.loads(refused.body)["errorMessage"]
    assert len(engine.invocations) == 1


async def test_answers_a_request_whose_headers_fill_their_frame(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    """What is said beside them would be too much for the broker, which ends the connection then."""
    asked = {"reply_to": client.reply_to, "correlation_id": "7"}
    empty = Header(1, 1, BasicProperties(headers={"h": "", "small": "kept"}, **asked)).marshal()
    headers = {"h": "x" * (FRAME_BYTES - len(empty)), "small": "kept"}
    async with consuming(rabbitmq, queue, FakeEngine()):
        reply = await call(client, queue, b"1", headers=headers, **asked)
    assert reply.body == b"1"
    assert reply.headers == {"small": "kept", "X-Amz-Executed-Version": "$LATEST"}


async def test_tells_whoever_wants_to_know_of_a_queue_that_is_new(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    async with consuming(rabbitmq, queue, FakeEngine()):  # nobody does
        assert (await call(client, queue, b"1")).body == b"1"
    client.channel.exchange_declare("lambent.queues", "fanout", auto_delete=True)
    told = client.channel.queue_declare("", exclusive=True).method.queue
    client.channel.queue_bind(told, "lambent.queues")
    async with consuming(rabbitmq, queue, FakeEngine()):
        async with consuming(rabbitmq, queue, FakeEngine(), others=1):  # not new any more
            assert (await call(client, queue, b"1")).body == b"1"
        _, properties, body = client.channel.basic_get(told, auto_ack=True)
        assert (properties.headers, body) == ({"X-Lambent-Queue": queue}, b"")
        assert client.channel.basic_get(told) == (None, None, None)


async def test_takes_its_queue_back_from_who_had_it_alone_meanwhile(
    rabbitmq: Broker, queue: str, client: RpcClient
) -> None:
    async with consuming(rabbitmq, queue, FakeEngine()) as consumer:
        with rabbitmq.channel() as others:
            others.queue_delete(queue)
            others.queue_declare(queue, exclusive=True)
            await asyncio.wait([consumer], timeout=0.5)
            assert not consumer.done()
        await asyncio.to_thread(rabbitmq.wait_consumers, queue)
        assert (await call(client, queue, b"1")).body == b"1"
