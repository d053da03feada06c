"""Several instances of `lambent rie` behind one RabbitMQ, and what is lost when one goes: nothing."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.emulator import (
    RunningEmulator,
    python_command,
    running_emulator,
    starting_emulator,
)
from tests.support.rpc_client import RpcClient, rpc_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.rabbitmq import Broker

_numbers = itertools.count()
_TRIES: dict[str, Any] = {"connection_attempts": 240, "retry_delay": 0.5}
WHO = b'{"do": "pid"}'


@pytest.fixture
def queue(rabbitmq: Broker) -> Iterator[str]:
    """A name that no other test has; what is there of that name goes with the last instance."""
    name = f"shared-{next(_numbers)}"
    yield name
    with rabbitmq.channel() as channel:
        channel.queue_delete(name)


@contextlib.contextmanager
def instance(
    place: Path, uri: str, name: str = "told", *, concurrency: int = 1
) -> Iterator[RunningEmulator]:
    with running_emulator(
        place,
        "told.handler",
        AMQP_URI=uri,
        AWS_LAMBDA_FUNCTION_NAME=name,
        AWS_LAMBDA_FUNCTION_TIMEOUT="60",
        MAX_CONCURRENCY=str(concurrency),
    ) as running:
        yield running


@contextlib.contextmanager
def two_instances(
    broker: Broker, queue: str, place: Path, **parameters: str
) -> Iterator[tuple[RunningEmulator, RunningEmulator]]:
    uri = broker.uri(**_TRIES, **parameters)
    with (
        instance(place / "one", uri, queue) as one,
        instance(place / "other", uri, queue) as other,
    ):
        broker.wait_consumers(queue, 2)
        yield one, other


def holding(gate: Path) -> bytes:
    """A request that is at work until the gate is there."""
    return json.dumps({"do": "hold", "until": str(gate)}).encode()


def test_two_share_a_thousand_requests_fairly_and_the_death_of_one_loses_none(
    rabbitmq: Broker, queue: str, tmp_path: Path
) -> None:
    with (
        # There as long as the instances are: what is run twice is replied to twice.
        rpc_client(rabbitmq.uri(), reply_to="") as client,
        two_instances(rabbitmq, queue, tmp_path) as (one, _),
    ):
        for _ in range(1000):
            client.send(queue, WHO)
        by_whom = Counter(json.loads(reply.body) for reply in client.receive(1000))
        assert len(by_whom) == 2
        assert min(by_whom.values()) > 300, by_whom

        asked = {client.send(queue, WHO) for _ in range(1000)}
        answered = {reply.properties.correlation_id for reply in client.receive(200)}
        one.kill()
        _receive_all(client, asked - answered)


def test_a_restart_of_the_broker_loses_no_reply_that_is_owed(
    rabbitmq: Broker, queue: str, tmp_path: Path
) -> None:
    """To requests in a durable queue, and to one at work in another, which is gone with it.

    Without a broker HTTP is answered all the same, also if there was none from the start.
    """
    with (
        two_instances(rabbitmq, queue, tmp_path, queue_type="quorum") as both,
        instance(tmp_path / "passing", rabbitmq.uri(**_TRIES), "passing") as passing,
        rabbitmq.started_again(),
    ):
        rabbitmq.wait_consumers("passing")
        with rpc_client(rabbitmq.uri(), reply_to="owed") as client:
            event = b'{"do": "sleep", "seconds": 1}'
            asked = {client.send(queue, event) for _ in range(6)}
            asked.add(client.send("passing", event))
            for each in (*both, passing):
                each.wait_at_work()
            rabbitmq.stop()
        late_uri = rabbitmq.uri(connection_attempts=0, retry_delay=0.1)
        with instance(tmp_path / "late", late_uri, "late") as late:
            assert late.invoke(1).json == passing.invoke(1).json == 1
            assert late.request("GET", "/ready").status == 503
            rabbitmq.start()
            with rpc_client(rabbitmq.uri(), reply_to="owed") as client:
                _receive_all(client, asked)
                for name, consumers in ((queue, 2), ("passing", 1), ("late", 1)):
                    rabbitmq.wait_consumers(name, consumers)
                    _receive_all(client, {client.send(name, b"1")})
                assert late.request("GET", "/ready").status == 200
    with rabbitmq.channel() as channel:
        channel.queue_delete("owed")  # not before: what was run twice is replied to twice


def test_ends_when_there_is_no_broker_after_all_attempts(tmp_path: Path) -> None:
    uri = "amqp://me:secret@127.0.0.1:1/?connection_attempts=2&retry_delay=0.1"
    command = python_command("told.handler")
    with starting_emulator(tmp_path, command, AMQP_URI=uri) as running:
        assert running.wait() == 1
        said = running.said
    assert "no connection to amqp://me@127.0.0.1:1/ after 2 attempts" in said
    assert "secret" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("address", ["http://127.0.0.1", "amqp://127.0.0.1/?retry_delay=soon"])
def test_says_what_is_wrong_with_an_address(tmp_path: Path, address: str) -> None:
    command = python_command("told.handler")
    with starting_emulator(tmp_path, command, AMQP_URI=address) as running:
        assert running.wait() != 0
        assert "AMQP_URI" in running.said
        assert "Traceback" not in running.said


def test_told_to_stop_it_answers_what_it_has_and_leaves_the_rest(
    rabbitmq: Broker, queue: str, tmp_path: Path
) -> None:
    uri = rabbitmq.uri(auto_delete="false")
    with rpc_client(rabbitmq.uri()) as client:
        with instance(tmp_path / "one", uri, queue, concurrency=2) as one:
            rabbitmq.wait_consumers(queue)
            gate = tmp_path / "gate"
            for _ in range(3):
                client.send(queue, holding(gate))
            one.wait_at_work(2)
            one.signal(signal.SIGTERM)
            rabbitmq.wait_consumers(queue, 0)
            client.send(queue, WHO)
            gate.touch()
            assert [reply.error for reply in client.receive(2)] == [None, None]
            assert one.wait() == 0
        assert rabbitmq.count_queue(queue) == (2, 0)  # it is not lost with the last consumer
        with instance(tmp_path / "next", uri, queue):
            assert [reply.error for reply in client.receive(2)] == [None, None]


def test_what_is_left_of_a_queue_that_goes_with_its_consumer_is_done_first(
    rabbitmq: Broker, queue: str, tmp_path: Path
) -> None:
    with (
        rpc_client(rabbitmq.uri()) as client,
        instance(tmp_path, rabbitmq.uri(), queue) as running,
    ):
        rabbitmq.wait_consumers(queue)
        gate = tmp_path / "gate"
        for _ in range(4):
            client.send(queue, holding(gate))
        running.wait_at_work()
        running.signal(signal.SIGTERM)
        running.wait_said("stopping")
        gate.touch()
        assert [reply.error for reply in client.receive(4)] == [None] * 4
        assert running.wait() == 0


def test_a_request_that_takes_instances_with_it_is_given_up(
    rabbitmq: Broker, queue: str, tmp_path: Path
) -> None:
    uri = rabbitmq.uri(delivery_limit=1, durable="true")
    with rpc_client(rabbitmq.uri()) as client:
        client.channel.queue_declare(queue, durable=True)
        client.send(queue, holding(tmp_path / "never"))
        for place in ("first", "second"):
            with instance(tmp_path / place, uri, queue) as running:
                running.wait_at_work()
                running.kill()
        with instance(tmp_path / "third", uri, queue):
            (reply,) = client.receive()
            assert client.call(queue, b"1").body == b"1"
    assert reply.error == "Unhandled"
    assert json.loads(reply.body)["errorType"] == "Sandbox.Failure"


def _receive_all(client: RpcClient, asked: set[str]) -> None:
    """Wait for a reply to each; what was run twice may have more."""
    missing = set(asked)
    while missing:
        (reply,) = client.receive()
        assert reply.error is None
        missing.discard(reply.properties.correlation_id)
