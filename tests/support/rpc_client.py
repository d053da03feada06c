"""A client of functions behind a message broker, as people write it: with pika."""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pika

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pika.adapters.blocking_connection import BlockingChannel

DIRECT = "amq.rabbitmq.reply-to"


@dataclass(frozen=True)
class RpcReply:
    body: bytes
    properties: Any

    @property
    def headers(self) -> dict[str, Any]:
        return self.properties.headers or {}

    @property
    def error(self) -> object:
        return self.headers.get("X-Amz-Function-Error")


@dataclass
class RpcClient:
    """Sends requests to queues, and has the replies come to one of its own."""

    channel: BlockingChannel
    reply_to: str
    early: list[RpcReply] = field(default_factory=list)

    def send(self, queue: str, body: bytes, **properties: Any) -> str:
        """Returns the correlation id."""
        told = {"correlation_id": str(uuid.uuid4()), "reply_to": self.reply_to} | properties
        self.channel.basic_publish("", queue, body, pika.BasicProperties(**told))
        return str(told["correlation_id"])

    def receive(self, count: int = 1, seconds: float = 30) -> list[RpcReply]:
        """Wait for so many replies."""
        deadline = time.monotonic() + seconds
        while len(self.early) < count:
            assert time.monotonic() < deadline, f"{len(self.early)} of {count} replies"
            self.channel.connection.process_data_events(time_limit=0.2)
        received, self.early = self.early[:count], self.early[count:]
        return received

    def call(self, queue: str, body: bytes = b"{}", **properties: Any) -> RpcReply:
        sent = self.send(queue, body, **properties)
        (reply,) = self.receive()
        assert reply.properties.correlation_id == sent
        return reply


@contextlib.contextmanager
def rpc_client(uri: str, *, reply_to: str = DIRECT) -> Iterator[RpcClient]:
    """By direct reply-to, or by a queue of the name that is given; of any name for an empty one."""
    connection = pika.BlockingConnection(pika.URLParameters(uri))
    try:
        channel = connection.channel()
        if reply_to != DIRECT:
            reply_to = channel.queue_declare(reply_to, exclusive=not reply_to).method.queue
        client = RpcClient(channel, reply_to)
        channel.basic_consume(
            reply_to,
            lambda _channel, _method, properties, body: client.early.append(
                RpcReply(body, properties)
            ),
            auto_ack=True,
        )
        yield client
    finally:
        # The broker may be gone meanwhile.
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            connection.close()
