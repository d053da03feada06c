"""`lambent rie` behind a real RabbitMQ: requests, replies, and what other clients may send."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import aio_pika
import pika
import pytest
from tests.support.emulator import RunningEmulator, running_emulator
from tests.support.rpc_client import RpcClient, RpcReply, rpc_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.rabbitmq import Broker

QUEUE = "told"


@pytest.fixture(scope="module")
def emulator(
    rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEmulator]:
    uri = rabbitmq.uri("", connection_attempts=20, retry_delay=1, heartbeat=0)
    with running_emulator(
        tmp_path_factory.mktemp("amqp"),
        "told.handler",
        AWS_LAMBDA_FUNCTION_TIMEOUT="2",
        AMQP_URI=uri,
        AMQP_USERNAME="guest",
        AMQP_PASSWORD="guest",
    ) as running:
        rabbitmq.wait_consumers(QUEUE)
        yield running


@pytest.fixture
def client(emulator: RunningEmulator, rabbitmq: Broker) -> Iterator[RpcClient]:
    with rpc_client(rabbitmq.uri()) as opened:
        yield opened


def call(client: RpcClient, event: Any, **properties: Any) -> Any:
    """What a function returns that does not fail."""
    reply = client.call(QUEUE, json.dumps(event).encode(), **properties)
    assert reply.error is None, reply.body
    return json.loads(reply.body)


def test_replies_to_whoever_asked_with_the_same_correlation_id(client: RpcClient) -> None:
    reply = client.call(
        QUEUE, b'{"a": 1}', correlation_id="my-call-1", content_type="application/json"
    )
    assert json.loads(reply.body) == {"a": 1}
    assert reply.properties.correlation_id == "my-call-1"
    assert reply.properties.content_type == "application/json"
    assert reply.headers["X-Amz-Executed-Version"] == "$LATEST"
    assert call(client, {"do": "ctx"}, correlation_id="my-call-2")["request_id"] == "my-call-2"


def test_replies_to_a_queue_of_the_clients(emulator: RunningEmulator, rabbitmq: Broker) -> None:
    with rpc_client(rabbitmq.uri(), reply_to="") as client:
        assert client.reply_to.startswith("amq.gen-")
        assert call(client, "hello") == "hello"


def test_consumes_a_queue_that_has_the_functions_name(
    emulator: RunningEmulator, rabbitmq: Broker
) -> None:
    form = rabbitmq.queue_settings(QUEUE, "durable", "auto_delete", "arguments")
    assert form == "[{durable, false}, {auto_delete, true}, {arguments, []}]"
    taking = rabbitmq.consumer_settings(QUEUE, "ack_required", "prefetch_count")
    assert taking == "[{ack_required, true}, {prefetch_count, 1}]"  # as many as there are instances


def test_runs_a_request_that_nobody_waits_for(client: RpcClient) -> None:
    before = call(client, {"do": "pid"})
    client.send(QUEUE, b'{"do": "crash", "code": 3}', reply_to=None, correlation_id=None)
    assert call(client, {"do": "pid"}) != before  # it was run, and is done with


def test_the_function_sees_client_context_and_trace(client: RpcClient) -> None:
    context = base64.b64encode(b'{"custom": {"foo": "bar"}}').decode()
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"
    seen = call(
        client,
        {"do": "ctx"},
        headers={"X-Amz-Client-Context": context, "X-Amzn-Trace-Id": trace},
    )
    assert seen["client_context"]["custom"] == {"foo": "bar"}
    assert seen["trace"] == trace


@pytest.mark.parametrize(
    ("body", "properties"),
    [
        (b"{}", {"headers": {"X-Amz-Client-Context": 7}}),
        (b"{}", {"headers": {"X-Amzn-Trace-Id": True}}),
        (b"{}", {"headers": {"X-Amz-Client-Context": "!!!"}}),
        (b"\xff\x00 garbage", {}),
        (b"not JSON", {"content_type": "text/plain"}),
    ],
)
def test_what_kills_the_original_gets_an_error_for_reply(
    client: RpcClient, body: bytes, properties: dict[str, Any]
) -> None:
    reply = client.call(QUEUE, body, **properties)
    is_refused = reply.headers.get("X-Amzn-ErrorType") == "InvalidRequestContentException"
    assert is_refused or reply.error == "Unhandled"
    assert "errorType" in json.loads(reply.body)
    assert call(client, 1) == 1


def test_other_headers_may_be_anything(client: RpcClient) -> None:
    headers = {"number": 1, "list": [1, {"a": None}], "raw": b"\xff"}
    # And the time in nanoseconds.
    assert call(client, 1, headers=headers, timestamp=time.time_ns(), priority=9) == 1


def test_marks_errors_of_the_functions(client: RpcClient) -> None:
    failed = client.call(QUEUE, b'{"do": "boom"}')
    assert json.loads(failed.body)["errorType"] == "ValueError"
    assert failed.error == "Unhandled"
    crashed = client.call(QUEUE, b'{"do": "crash", "code": 3}')
    assert json.loads(crashed.body)["errorType"] == "Runtime.ExitError"
    assert crashed.error == "Unhandled"


def test_a_function_that_takes_too_long_does_not_hold_up_the_next(client: RpcClient) -> None:
    client.send(QUEUE, b'{"do": "sleep", "seconds": 30}', correlation_id="long")
    client.send(QUEUE, b'"next"', correlation_id="next")
    late, following = client.receive(2)
    assert late.properties.correlation_id == "long"
    assert "Task timed out after 2.00 seconds" in json.loads(late.body)["errorMessage"]
    assert late.error == "Unhandled"
    assert (following.body, following.error) == (b'"next"', None)


def test_waiting_in_line_is_not_the_functions_time(client: RpcClient) -> None:
    for _ in range(4):
        client.send(QUEUE, b'{"do": "sleep", "seconds": 0.7}')  # 2.8 s together, of 2 s for each
    assert [reply.error for reply in client.receive(4)] == [None] * 4


def test_a_timestamp_does_not_shorten_the_functions_time(client: RpcClient) -> None:
    """AMQP's has whole seconds; the original counted from it."""
    event = {"do": "ctx"}
    remaining = call(client, event, timestamp=int(time.time()) - 3600)["remaining_ms"]
    assert 0 < remaining <= 2000


def test_does_not_reply_with_what_only_the_requests_sender_may_say(client: RpcClient) -> None:
    reply = client.call(QUEUE, b"1", expiration="30000", user_id="guest", message_id="mine")
    assert reply.properties.expiration is None
    assert reply.properties.user_id is None


def test_the_log_tail_comes_with_the_reply_if_asked_for(client: RpcClient) -> None:
    headers = {"X-Amz-Log-Type": "Tail"}
    reply: RpcReply = client.call(QUEUE, b"1", correlation_id="tailed", headers=headers)
    assert b"REPORT RequestId: tailed" in base64.b64decode(reply.headers["X-Amz-Log-Result"])


def test_the_function_does_not_see_the_brokers_secrets(client: RpcClient) -> None:
    variables = call(client, {"do": "env"})
    assert not [name for name in variables if name.startswith("AMQP_")]
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == QUEUE


def test_answers_http_and_tells_of_the_broker(emulator: RunningEmulator) -> None:
    assert emulator.invoke({"a": 1}).json == {"a": 1}
    assert emulator.request("GET", "/health").json["broker"] is True
    assert emulator.request("GET", "/ready").status == 200
    assert "guest:guest" not in emulator.said


async def test_aio_pika_calls_it(emulator: RunningEmulator, rabbitmq: Broker) -> None:
    async with await aio_pika.connect_robust(rabbitmq.uri()) as connection:
        rpc = await connection.channel()
        replies = await rpc.declare_queue(exclusive=True)
        await rpc.default_exchange.publish(
            aio_pika.Message(b"1", reply_to=replies.name, correlation_id="7"), QUEUE
        )
        async with replies.iterator(no_ack=True, arguments={"x-priority": 10}) as iterator:
            reply = await anext(iterator)
    assert (reply.body, reply.correlation_id) == (b"1", "7")


def test_credentials_without_an_address_are_no_broker(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path, "told.handler", AMQP_USERNAME="guest", AMQP_PASSWORD="guest"
    ) as emulator:
        assert emulator.invoke(1).json == 1
        assert "broker" not in emulator.request("GET", "/health").json


def test_an_address_with_credentials_wants_no_others(rabbitmq: Broker, tmp_path: Path) -> None:
    with running_emulator(
        tmp_path,
        "told.handler",
        AWS_LAMBDA_FUNCTION_NAME="named/so;and",
        AMQP_URI=rabbitmq.uri(),
        AMQP_USERNAME="nobody",
        AMQP_PASSWORD="wrong",
    ):
        rabbitmq.wait_consumers("named/so;and")
        with rpc_client(rabbitmq.uri()) as client:
            assert client.call("named/so;and", b"1").body == b"1"
        with pytest.raises(pika.exceptions.AMQPError), rabbitmq.channel() as channel:
            channel.queue_declare("named/so;and", durable=True)
