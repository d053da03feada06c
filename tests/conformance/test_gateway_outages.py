"""`lambent gateway` when the broker goes, answers do not come, or it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pika
import pytest
from tests.support.gateway import echo, running_gateway, serving
from tests.support.rabbitmq import running_broker
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.emulator import Answer
    from tests.support.gateway import Seen
    from tests.support.rabbitmq import Broker


@pytest.fixture
def caller() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def _uri(broker: Broker, **parameters: str) -> str:
    """One by which it tries for long enough, and notices early."""
    tries = {"connection_attempts": 240, "retry_delay": 0.5}
    return broker.uri("guest:guest", **tries, **parameters)


def _take(broker: Broker, queue: str) -> tuple[pika.BasicProperties, bytes]:
    """Take a request out of a queue, as a function that is about to answer it."""

    taken: list[tuple[pika.BasicProperties, bytes]] = []

    def take() -> bool:
        with broker.channel() as channel:
            _, properties, body = channel.basic_get(queue, auto_ack=True)
            if properties is not None:
                taken.append((properties, body))
        return bool(taken)

    eventually(take, f"a request in {queue}")
    return taken[0]


def _answer(broker: Broker, request: pika.BasicProperties, body: bytes) -> None:
    with broker.channel() as channel:
        answer = pika.BasicProperties(correlation_id=request.correlation_id, delivery_mode=2)
        channel.basic_publish("", request.reply_to, body, answer)


def test_a_brokers_restart_loses_no_call_and_no_answer(rabbitmq: Broker, tmp_path: Path) -> None:
    """What the broker has forgotten is sent again, and what it keeps is not.

    Calls that are made while it is away wait, also in a gateway that is started meanwhile, and so do
    those to a function that has yet to declare its queue again.
    """
    with (
        running_gateway(tmp_path / "transient", _uri(rabbitmq)) as transient,
        running_gateway(tmp_path / "durable", _uri(rabbitmq, durable="true")) as durable,
        ThreadPoolExecutor(4) as callers,
        rabbitmq.started_again(),
        contextlib.ExitStack() as stack,
    ):
        for gateway in (transient, durable):
            gateway.wait_connected()
        with rabbitmq.channel() as channel:
            channel.queue_declare("forgotten")
            channel.queue_declare("kept", durable=True)
        forgotten = callers.submit(transient.invoke, "forgotten", name="forgotten")
        kept = callers.submit(durable.invoke, "kept", name="kept")
        _take(rabbitmq, "forgotten")
        properties, body = _take(rabbitmq, "kept")
        assert properties.delivery_mode == 2
        rabbitmq.stop()
        meanwhile = callers.submit(transient.invoke, "meanwhile", name="forgotten")
        started = stack.enter_context(running_gateway(tmp_path / "started", _uri(rabbitmq)))
        early = callers.submit(started.invoke, "early", name="kept")
        eventually(
            lambda: started.request("GET", "/health").json["unanswered"] == 1, "the early call"
        )
        rabbitmq.start()
        for gateway in (transient, durable):
            gateway.wait_connected(2)

        _answer(rabbitmq, properties, body)
        assert kept.result(60).json == "kept"
        _answer(rabbitmq, *_take(rabbitmq, "kept"))
        assert early.result(60).json == "early"
        with serving(rabbitmq, "forgotten"):
            assert forgotten.result(60).json == "forgotten"
            assert meanwhile.result(60).json == "meanwhile"
            assert transient.invoke("after", name="forgotten").json == "after"
        assert rabbitmq.count_queue("kept") == (0, 0), "it was sent again"
        with rabbitmq.channel() as channel:
            channel.queue_delete("kept")


def test_a_connection_that_breaks_loses_nothing_and_repeats_nothing(
    rabbitmq: Broker, tmp_path: Path, caller: ThreadPoolExecutor
) -> None:
    with running_gateway(tmp_path, _uri(rabbitmq)) as gateway:
        gateway.wait_connected()
        with rabbitmq.channel() as channel:
            channel.queue_declare("unbroken")
        answered = caller.submit(gateway.invoke, "once", name="unbroken")
        properties, body = _take(rabbitmq, "unbroken")
        rabbitmq.close_connections()
        gateway.wait_connected(2)
        _answer(rabbitmq, properties, body)
        assert answered.result(60).json == "once"
        assert rabbitmq.count_queue("unbroken") == (0, 0), "it was sent again"
        with rabbitmq.channel() as channel:
            channel.queue_delete("unbroken")


def test_the_queue_for_answers_is_made_again_when_somebody_deletes_it(
    rabbitmq: Broker, tmp_path: Path
) -> None:
    with running_gateway(tmp_path, _uri(rabbitmq)) as gateway, serving(rabbitmq, "undeleted"):
        gateway.wait_connected()
        with rabbitmq.channel() as channel:
            channel.queue_delete(gateway.reply_queue)
        gateway.wait_connected(2)
        gateway.wait_said(f"the queue {gateway.reply_queue} was deleted")

        assert gateway.invoke("there", name="undeleted").json == "there"


def test_it_listens_before_there_is_a_broker_and_says_that_it_is_not_ready(tmp_path: Path) -> None:
    uri = "amqp://127.0.0.1:1/?connection_attempts=0&retry_delay=60"
    with running_gateway(tmp_path, uri, ENABLE_OPENFAAS="true") as gateway:
        assert gateway.request("GET", "/_/health").status == 200
        assert gateway.request("GET", "/_/ready").status == 503
        assert gateway.request("GET", "/ready").status == 503
        assert gateway.request("GET", "/health").json["broker"] == "not connected"
        assert gateway.stop() == 0


def test_a_broker_that_stays_away_ends_it_with_a_sentence(tmp_path: Path) -> None:
    uri = "amqp://me:secret@127.0.0.1:1/?connection_attempts=2&retry_delay=0.1"
    with running_gateway(tmp_path, uri) as gateway:
        assert gateway.wait() == 1

    assert "after 2 attempts" in gateway.said
    assert "Traceback" not in gateway.said
    assert "secret" not in gateway.said


def test_an_answer_that_does_not_come_is_a_time_out_of_the_function(
    rabbitmq: Broker, tmp_path: Path
) -> None:
    with (
        running_gateway(tmp_path, _uri(rabbitmq), AWS_LAMBDA_FUNCTION_TIMEOUT="1") as gateway,
        rabbitmq.channel() as channel,
    ):
        gateway.wait_connected()
        channel.queue_declare("silent")
        answer = gateway.invoke({}, name="silent")

        assert (answer.status, answer.function_error) == (200, "Unhandled")
        assert answer.json["errorType"] == "Sandbox.Timedout"
        number = answer.headers["x-amzn-requestid"]
        assert answer.json["errorMessage"] == (
            f"RequestId: {number} Error: Task timed out after 1.00 seconds"
        )
        eventually(
            lambda: channel.queue_declare("silent", passive=True).method.message_count == 0,
            "the request, which nobody waits for, to expire",
        )
        channel.queue_delete("silent")


def test_a_caller_that_goes_leaves_nothing_behind(rabbitmq: Broker, tmp_path: Path) -> None:
    with running_gateway(tmp_path, _uri(rabbitmq)) as gateway, rabbitmq.channel() as channel:
        gateway.wait_connected()
        channel.queue_declare("left")
        with contextlib.closing(HTTPConnection(urlsplit(gateway.url).netloc)) as connection:
            connection.request("POST", "/2015-03-31/functions/left/invocations", b"{}")
            _take(rabbitmq, "left")
            assert gateway.request("GET", "/health").json["unanswered"] == 1
        eventually(
            lambda: gateway.request("GET", "/health").json["unanswered"] == 0,
            "the gateway to notice",
        )
        channel.queue_delete("left")
        assert "Traceback" not in gateway.said


def test_it_stops_when_what_is_owed_has_come(
    rabbitmq: Broker, tmp_path: Path, caller: ThreadPoolExecutor
) -> None:
    is_open = threading.Event()

    def wait(seen: Seen) -> tuple[bytes, dict[str, str]]:
        is_open.wait(30)
        return echo(seen)

    with (
        running_gateway(tmp_path, _uri(rabbitmq)) as gateway,
        serving(rabbitmq, "owed", wait) as function,
    ):
        gateway.wait_connected()
        answered = caller.submit(gateway.invoke, "owed", name="owed")
        eventually(lambda: function.seen, "the request")
        gateway.signal(signal.SIGTERM)
        gateway.wait_said("stopping")
        is_open.set()

        assert answered.result(30).json == "owed"
        assert gateway.wait() == 0
        assert rabbitmq.count_queue(gateway.reply_queue) is None


def test_a_second_signal_ends_calls_that_wait(
    rabbitmq: Broker, tmp_path: Path, caller: ThreadPoolExecutor
) -> None:
    with running_gateway(tmp_path, _uri(rabbitmq)) as gateway, rabbitmq.channel() as channel:
        gateway.wait_connected()
        channel.queue_declare("endless")
        answered = caller.submit(gateway.invoke, {}, name="endless")
        _take(rabbitmq, "endless")
        gateway.signal(signal.SIGTERM)
        gateway.wait_said("stopping")
        gateway.signal(signal.SIGTERM)

        assert answered.result(30).status == 500
        assert gateway.wait() == 0
        channel.queue_delete("endless")


def test_what_the_broker_does_not_take_is_refused(rabbitmq: Broker, tmp_path: Path) -> None:
    with running_gateway(tmp_path, _uri(rabbitmq)) as gateway, rabbitmq.channel() as channel:
        gateway.wait_connected()
        channel.queue_declare("full", arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
        answer = gateway.invoke({}, name="full")

        assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")
        channel.queue_delete("full")


def test_a_broker_that_hangs_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    """Nor does what waits to be sent to it, and what it was asked."""
    with (
        running_broker(tmp_path / "broker") as broker,
        running_gateway(tmp_path / "gateway", _uri(broker), DRAIN_SECONDS="1") as gateway,
        broker.channel() as channel,
        ThreadPoolExecutor(25) as callers,
    ):

        def call() -> Answer:
            return gateway.invoke("x" * 500_000, name="hung")

        def check() -> Answer:
            return gateway.invoke({}, name="hung", X_Amz_Invocation_Type="DryRun")

        gateway.wait_connected()
        channel.queue_declare("hung")
        answers = [callers.submit(call)]
        eventually(lambda: broker.count_queue("hung") == (1, 0), "the first")
        assert broker.process is not None
        broker.process.send_signal(signal.SIGSTOP)
        try:
            answers += [callers.submit(ask) for ask in (call, call, check) * 8]
            eventually(lambda: gateway.request("GET", "/health").json["unanswered"] == 17, "them")
            gateway.signal(signal.SIGTERM)
            assert gateway.process.wait(20) == 0
        finally:
            broker.process.send_signal(signal.SIGCONT)
        assert [each.result(30).status for each in answers] == [500] * len(answers)
        for complaint in ("not answered in time", "Traceback"):
            assert complaint not in gateway.said


def test_it_is_not_ready_while_the_broker_takes_nothing(
    tmp_path: Path, caller: ThreadPoolExecutor
) -> None:
    """As one that runs out of memory says; calls wait until it is over."""
    with (
        running_broker(tmp_path / "broker") as broker,
        running_gateway(tmp_path / "gateway", _uri(broker)) as gateway,
        serving(broker, "blocked"),
    ):
        gateway.wait_connected()
        broker.evaluate("vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1000000})")
        answered = caller.submit(gateway.invoke, "later", name="blocked")
        eventually(lambda: gateway.request("GET", "/ready").status == 503, "it not to be ready")
        assert gateway.request("GET", "/health").json["broker"] == "takes nothing for now"
        broker.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.8)")

        assert answered.result(60).json == "later"
        assert gateway.request("GET", "/ready").status == 200
