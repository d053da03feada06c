"""`lambent gateway` as a process, and functions behind the broker that are threads of the test."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pika
from tests.support.emulator import RunningEmulator, emulator_environment
from tests.support.server import LAMBENT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pika.adapters.blocking_connection import BlockingChannel
    from tests.support.rabbitmq import Broker

    Answer = Callable[["Seen"], tuple[bytes, dict[str, str]]]

_LISTENING = "Invoke API listening on "
_CONNECTED = ": connected; answers come to "


class Gateway(RunningEmulator):
    """A running one, which is called as an emulator is."""

    def wait_connected(self, times: int = 1) -> None:
        """Until it has had so many connections to the broker."""
        eventually(lambda: self.said.count(_CONNECTED) >= times, lambda: self.said, 60)

    @property
    def reply_queue(self) -> str:
        return self.said.partition(_CONNECTED)[2].split()[0]


@contextlib.contextmanager
def running_gateway(place: Path, uri: str, **environment: str) -> Iterator[Gateway]:
    """One on a free port, once it listens; it need not have reached the broker yet."""
    place.mkdir(parents=True, exist_ok=True)
    log, output = place / "log", place / "output"
    with log.open("wb") as stderr, output.open("wb") as stdout:
        process = subprocess.Popen(
            [LAMBENT, "gateway"],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=emulator_environment(AMQP_URI=uri, **environment),
        )
    gateway = Gateway(url="", process=process, log=log, output=output)
    try:
        eventually(lambda: _LISTENING in gateway.said, lambda: gateway.said, 60)
        gateway.url = gateway.said.partition(_LISTENING)[2].split()[0].rstrip('",}')
        yield gateway
    finally:
        gateway.kill()


@dataclass
class Seen:
    """A request as it came to a function."""

    body: bytes
    properties: pika.BasicProperties


@dataclass
class Function:
    """What takes a function's requests, one after the other, as any client of the broker could."""

    name: str
    answer: Answer
    seen: list[Seen] = field(default_factory=list)
    error: BaseException | None = None

    def _take(
        self, channel: BlockingChannel, method: Any, properties: pika.BasicProperties, body: bytes
    ) -> None:
        seen = Seen(body, properties)
        self.seen.append(seen)
        answered, headers = self.answer(seen)
        if properties.reply_to:
            replied = pika.BasicProperties(
                correlation_id=properties.correlation_id, headers=dict(headers)
            )
            channel.basic_publish("", properties.reply_to, answered, replied)
        channel.basic_ack(method.delivery_tag)

    def _serve(self, uri: str, is_ready: threading.Event, stopping: threading.Event) -> None:
        try:
            with contextlib.closing(pika.BlockingConnection(pika.URLParameters(uri))) as client:
                channel = client.channel()
                channel.queue_declare(self.name, auto_delete=True)
                channel.basic_consume(self.name, self._take)
                is_ready.set()
                while not stopping.is_set():
                    client.process_data_events(0.05)
        except pika.exceptions.AMQPError as error:  # the broker is gone
            self.error = error
        finally:
            is_ready.set()


def echo(seen: Seen) -> tuple[bytes, dict[str, str]]:
    return seen.body, {}


@contextlib.contextmanager
def serving(
    broker: Broker,
    name: str,
    answer: Answer = echo,
) -> Iterator[Function]:
    """A function of that name, there as long as the context is."""
    function = Function(name, answer)
    is_ready, stopping = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=function._serve, args=(broker.uri(), is_ready, stopping), name=name
    )
    thread.start()
    try:
        assert is_ready.wait(30)
        yield function
    finally:
        stopping.set()
        thread.join()
