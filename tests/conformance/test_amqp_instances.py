"""Several instances of `lambent rie` behind one RabbitMQ, and what is lost when one goes: nothing."""

from __future__ import annotations

import contextlib
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
from tests.support.rpc_client import rpc_client
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.rabbitmq import Broker

QUEUE = "told"
_TRIES: dict[str, Any] = {"connection_attempts": 60, "retry_delay": 0.5}
WHO = b'{"do": "pid"}'


@contextlib.contextmanager
def instance(
    place: Path, uri: str, *, name: str = QUEUE, concurrency: int = 1
) -> Iterator[RunningEmulator]:
    with running_emulator(
        place,
        "told.handler",
        AMQP_URI=uri,
        AWS_LAMBDA_FUNCTION_NAME=name,
        MAX_CONCURRENCY=str(concurrency),
    ) as running:
        yield running


@contextlib.contextmanager
def two_instances(
    broker: Broker, place: Path, **parameters: str
) -> Iterator[tuple[RunningEmulator, RunningEmulator]]:
    uri = broker.uri(**_TRIES, **parameters)
    with instance(place / "one", uri) as one, instance(place / "other", uri) as other:
        broker.wait_consumers(QUEUE, 2)
        yield one, other


def test_two_share_a_thousand_requests_fairly_and_the_death_of_one_loses_none(
    rabbitmq: Broker, tmp_path: Path
) -> None:
    with (
        two_instances(rabbitmq, tmp_path) as (one, _),
        rpc_client(rabbitmq.uri(), reply_to="") as client,
    ):
        for _ in range(1000):
            client.send(QUEUE, WHO)
        by_whom = Counter(json.loads(reply.body) for reply in client.receive(1000))
        assert len(by_whom) == 2
        assert min(by_whom.values()) > 300, by_whom

        asked = {client.send(QUEUE, WHO) for _ in range(1000)}
        answered = {reply.properties.correlation_id for reply in client.receive(200)}
        one.kill()
        while answered != asked:
            (reply,) = client.receive()
            assert reply.error is None
            answered.add(reply.properties.correlation_id)


def test_a_restart_of_the_broker_loses_no_reply_that_is_owed(
    rabbitmq: Broker, tmp_path: Path
) -> None:
    """To requests in a durable queue, and to one at work in another, which is gone with it.

    Without a broker HTTP is answered all the same, also if there was none from the start.
    """
    with (
        two_instances(rabbitmq, tmp_path, queue_type="quorum") as both,
        instance(tmp_path / "passing", rabbitmq.uri(**_TRIES), name="passing") as passing,
        rabbitmq.started_again(),
    ):
        rabbitmq.wait_consumers("passing")
        with rpc_client(rabbitmq.uri(), reply_to="owed") as client:
            event = b'{"do": "sleep", "seconds": 1}'
            asked = {client.send(QUEUE, event) for _ in range(6)}
            asked.add(client.send("passing", event))
            for each in (*both, passing):
                _wait_at_work(each)
            rabbitmq.stop()
        late_uri = rabbitmq.uri(connection_attempts=0, retry_delay=0.1)
        with instance(tmp_path / "late", late_uri, name="late") as late:
            assert late.invoke(1).json == passing.invoke(1).json == 1
            assert late.request("GET", "/ready").status == 503
            rabbitmq.start()
            with rpc_client(rabbitmq.uri(), reply_to="owed") as client:
                answered: set[str] = set()
                while answered != asked:
                    answered.add(client.receive()[0].properties.correlation_id)
                for queue, consumers in ((QUEUE, 2), ("passing", 1), ("late", 1)):
                    rabbitmq.wait_consumers(queue, consumers)
                    assert client.call(queue, b"1").body == b"1"
                assert late.request("GET", "/ready").status == 200
                for queue in (QUEUE, "owed"):
                    client.channel.queue_delete(queue)


def test_ends_when_there_is_no_broker_after_all_attempts(rabbitmq: Broker, tmp_path: Path) -> None:
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
    rabbitmq: Broker, tmp_path: Path
) -> None:
    uri = rabbitmq.uri(auto_delete="false")
    with rpc_client(rabbitmq.uri()) as client:
        with instance(tmp_path / "one", uri, concurrency=2) as one:
            rabbitmq.wait_consumers(QUEUE)
            for _ in range(3):
                client.send(QUEUE, b'{"do": "sleep", "seconds": 1}')
            _wait_at_work(one, 2)
            one.signal(signal.SIGTERM)
            rabbitmq.wait_consumers(QUEUE, 0)
            client.send(QUEUE, WHO)
            assert [reply.error for reply in client.receive(2)] == [None, None]
            assert one.wait() == 0
        assert rabbitmq.count_queue(QUEUE) == (2, 0)  # it is not lost with the last consumer
        with instance(tmp_path / "next", uri):
            assert [reply.error for reply in client.receive(2)] == [None, None]
        client.channel.queue_delete(QUEUE)


def test_what_is_left_of_a_queue_that_goes_with_its_consumer_is_done_first(
    rabbitmq: Broker, tmp_path: Path
) -> None:
    with rpc_client(rabbitmq.uri()) as client, instance(tmp_path, rabbitmq.uri()) as running:
        rabbitmq.wait_consumers(QUEUE)
        for _ in range(4):
            client.send(QUEUE, b'{"do": "sleep", "seconds": 0.3}')
        _wait_at_work(running)
        running.signal(signal.SIGTERM)
        assert [reply.error for reply in client.receive(4)] == [None] * 4
        assert running.wait() == 0


def test_a_request_that_takes_instances_with_it_is_given_up(
    rabbitmq: Broker, tmp_path: Path
) -> None:
    uri = rabbitmq.uri(delivery_limit=1, durable="true")
    with rpc_client(rabbitmq.uri()) as client:
        client.channel.queue_declare(QUEUE, durable=True)
        client.send(QUEUE, b'{"do": "sleep", "seconds": 2.5}')
        for place in ("first", "second"):
            with instance(tmp_path / place, uri) as running:
                _wait_at_work(running)
                running.kill()
        with instance(tmp_path / "third", uri):
            (reply,) = client.receive()
            assert client.call(QUEUE, b"1").body == b"1"
        client.channel.queue_delete(QUEUE)
    assert reply.error == "Unhandled"
    assert json.loads(reply.body)["errorType"] == "Sandbox.Failure"


def _wait_at_work(running: RunningEmulator, count: int = 1) -> None:
    eventually(
        lambda: running.request("GET", "/health").json["calls"] == count, f"{count} calls at work"
    )
