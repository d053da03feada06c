"""Requests that are lost behind `lambent gateway`, with a queue or with the answer, are sent again."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pika
import pytest
from tests.support.emulator import running_emulator
from tests.support.gateway import running_gateway, serving
from tests.support.waiting import eventually

from lambent.emulator.amqp.message import QUEUE_HEADER, QUEUES_EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pika.adapters.blocking_connection import BlockingChannel
    from tests.support.emulator import RunningEmulator
    from tests.support.gateway import Gateway
    from tests.support.rabbitmq import Broker

_TRIES = {"connection_attempts": 60, "retry_delay": 0.5}
_AGAIN = " is sent again"


@pytest.fixture
def gateway(rabbitmq: Broker, tmp_path: Path) -> Iterator[Gateway]:
    with running_gateway(tmp_path / "gateway", rabbitmq.uri("guest:guest", **_TRIES)) as running:
        running.wait_connected()
        yield running


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def _instance(broker: Broker, place: Path, name: str) -> AbstractContextManager[RunningEmulator]:
    return running_emulator(
        place,
        "function.sleeper",
        AMQP_URI=broker.uri("guest:guest", **_TRIES),
        AWS_LAMBDA_FUNCTION_NAME=name,
        AWS_LAMBDA_FUNCTION_TIMEOUT="60",
    )


def _wait_messages(broker: Broker, queue: str, count: int) -> None:
    eventually(lambda: (broker.count_queue(queue) or (0, 0))[0] == count, f"{count} in {queue}")


def _answer_next(channel: BlockingChannel, queue: str, body: bytes) -> None:
    _, request, _ = channel.basic_get(queue, auto_ack=True)
    answer = pika.BasicProperties(correlation_id=request.correlation_id)
    channel.basic_publish("", request.reply_to, body, answer)


class _Relay:
    """Connections to the broker, which need not learn of the end of one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def uri(self, **parameters: object) -> str:
        port = self._listening.getsockname()[1]
        return f"amqp://guest:guest@127.0.0.1:{port}/?{urlencode(parameters)}"

    def cut(self) -> None:
        """The client sees the end of its first connection."""
        self._pairs[0][0].shutdown(socket.SHUT_RDWR)

    def tell_broker(self) -> None:
        self._pairs[0][1].shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for each in (self._listening, *itertools.chain(*self._pairs)):
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                broker = socket.create_connection(("127.0.0.1", self._port))
                self._pairs.append((client, broker))
                for one, other in ((client, broker), (broker, client)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)


def test_a_call_is_answered_by_an_instance_that_comes_after_the_last_one_was_killed(
    gateway: Gateway, rabbitmq: Broker, tmp_path: Path, callers: ThreadPoolExecutor
) -> None:
    """The queue goes with its last reader; who asks meanwhile waits, too."""
    with _instance(rabbitmq, tmp_path / "one", "killed") as one:
        rabbitmq.wait_consumers("killed")
        asked = callers.submit(gateway.invoke, {"seconds": 60}, name="killed")
        one.wait_printed("asleep")
        one.kill()
    eventually(lambda: rabbitmq.count_queue("killed") is None, "the queue to go")
    meanwhile = callers.submit(gateway.invoke, "meanwhile", name="killed")
    said = gateway.wait_said(_AGAIN)
    with serving(rabbitmq, "killed"):
        answered = asked.result(60)
        assert answered.json == {"seconds": 60}
        assert meanwhile.result(60).json == "meanwhile"

    [line] = [each for each in said.splitlines() if _AGAIN in each]
    assert "WARNING" in line
    assert "may run twice" in line
    assert f"request {answered.headers['x-amzn-requestid']} " in line


def test_what_waited_in_a_queue_that_was_back_at_once_is_sent_again(
    gateway: Gateway, rabbitmq: Broker, tmp_path: Path, callers: ThreadPoolExecutor
) -> None:
    """The instance says that its queue is a new one: nobody would see it otherwise."""
    with _instance(rabbitmq, tmp_path / "one", "renewed") as one:
        rabbitmq.wait_consumers("renewed")
        at_work = callers.submit(gateway.invoke, {"seconds": 6}, name="renewed")
        one.wait_printed("asleep")
        waiting = callers.submit(gateway.invoke, {"seconds": 0}, name="renewed")
        _wait_messages(rabbitmq, "renewed", 1)
        with rabbitmq.channel() as channel:
            channel.queue_delete("renewed")

        assert isinstance(at_work.result(60).json, int)
        assert isinstance(waiting.result(60).json, int)


def test_a_call_that_waited_for_the_queue_is_sent_once_to_the_new_one(
    gateway: Gateway, rabbitmq: Broker, callers: ThreadPoolExecutor
) -> None:
    """Although the queue is announced after the request is in it."""
    with rabbitmq.channel() as channel, serving(rabbitmq, "elsewhere"):

        def announce() -> None:
            announced = pika.BasicProperties(headers={QUEUE_HEADER: "awaited"})
            channel.basic_publish(QUEUES_EXCHANGE, "", b"", announced)
            assert gateway.invoke("heard", name="elsewhere").json == "heard"

        channel.queue_declare("awaited")
        asked = callers.submit(gateway.invoke, {}, name="awaited")
        _wait_messages(rabbitmq, "awaited", 1)
        channel.queue_delete("awaited")
        gateway.wait_said(_AGAIN)
        channel.queue_declare("awaited")
        _wait_messages(rabbitmq, "awaited", 1)
        announce()
        assert gateway.said.count(_AGAIN) == 1
        announce()
        _wait_messages(rabbitmq, "awaited", 2)

        _answer_next(channel, "awaited", b'"once"')
        assert asked.result(60).json == "once"
        channel.queue_delete("awaited")


def test_a_request_that_is_lost_again_and_again_is_refused(
    gateway: Gateway, rabbitmq: Broker, callers: ThreadPoolExecutor
) -> None:
    """Whoever can delete the queue for answers does not have functions run without end."""
    with rabbitmq.channel() as channel:
        channel.queue_declare("abused")
        asked = callers.submit(gateway.invoke, {}, name="abused")
        for times in range(1, 7):
            _wait_messages(rabbitmq, "abused", times)
            channel.queue_delete(gateway.reply_queue)
            gateway.wait_connected(times + 1)
        answer = asked.result(60)
        assert rabbitmq.count_queue("abused") == (6, 0)
        channel.queue_delete("abused")

    assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")
    assert "6 times" in answer.json["Message"]


def test_nobody_else_reads_the_queue_for_answers(gateway: Gateway, rabbitmq: Broker) -> None:
    with (
        rabbitmq.channel() as channel,
        pytest.raises(pika.exceptions.ChannelClosedByBroker, match="exclusive"),
    ):
        channel.basic_consume(gateway.reply_queue, lambda *_: None)


def test_an_answer_is_had_when_the_broker_learns_late_that_a_connection_is_gone(
    rabbitmq: Broker, tmp_path: Path, callers: ThreadPoolExecutor
) -> None:
    """Until then the connection that is gone is the one that reads answers."""
    with (
        contextlib.closing(_Relay(rabbitmq.port)) as relay,
        running_gateway(tmp_path, relay.uri(**_TRIES)) as gateway,
        rabbitmq.channel() as channel,
    ):
        gateway.wait_connected()
        channel.queue_declare("late")
        asked = callers.submit(gateway.invoke, {}, name="late")
        _wait_messages(rabbitmq, "late", 1)
        relay.cut()
        gateway.wait_said("in exclusive use")
        _answer_next(channel, "late", b'"had"')
        relay.tell_broker()

        assert asked.result(60).json == "had"
        assert rabbitmq.count_queue("late") == (0, 0), "it was sent again"
        channel.queue_delete("late")


def test_a_gateway_that_may_not_hear_of_queues_works_without(
    rabbitmq: Broker, tmp_path: Path
) -> None:
    with rabbitmq.channel() as channel:
        channel.exchange_delete(QUEUES_EXCHANGE)
        channel.exchange_declare(QUEUES_EXCHANGE, "direct")
        with running_gateway(tmp_path, rabbitmq.uri()) as gateway, serving(rabbitmq, "unheard"):
            gateway.wait_connected()
            assert gateway.invoke("all the same", name="unheard").json == "all the same"
        channel.exchange_delete(QUEUES_EXCHANGE)

    assert "WARNING" in gateway.said
    assert "are not sent again" in gateway.said
