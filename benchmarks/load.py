"""Closed-loop load from a process of its own: each connection sends when it has its answer.

    python -m benchmarks.load PORT PATH OPTIONS

where OPTIONS is a JSON object, prints another: requests per second, seconds in all, how many
throttled requests were sent again, and how long each request took, in microseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from typing import Any, cast

import httptools
import uvloop

_OK = 200
_ACCEPTED = 202
_THROTTLED = 429


class Turns:
    """Lets so many requests be on their way at once; the others wait in order."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: deque[Client] = deque()

    def take(self, client: Client) -> None:
        if self._free == 0:
            self._waiting.append(client)
            return
        self._free -= 1
        client.send()

    def give_back(self) -> None:
        self._free += 1
        if self._waiting:
            self.take(self._waiting.popleft())


class Client(asyncio.Protocol):
    def __init__(
        self, path: str, event: bytes, count: int, turns: Turns, *, is_queued: bool = False
    ) -> None:
        kind = "X-Amz-Invocation-Type: Event\r\n" if is_queued else ""
        self.request = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{kind}"
            f"Content-Length: {len(event)}\r\n\r\n"
        ).encode() + event
        self.expected = (_ACCEPTED, None) if is_queued else (_OK, json.loads(event))
        self.left = count
        self.turns = turns
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.times: list[float] = []
        self.retries = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))

    def send(self) -> None:
        self.started = time.perf_counter()
        self.send_again()

    def send_again(self) -> None:
        self.body = b""
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if status == _THROTTLED:
            self.retries += 1
            self.send_again()  # its time goes on
            return
        self.times.append(time.perf_counter() - self.started)
        if (status, json.loads(self.body) if self.body else None) != self.expected:
            self.done.set_exception(AssertionError(f"wrong answer: {self.body!r}"))
            return
        self.left -= 1
        if self.left > 0:
            self.turns.give_back()
            self.turns.take(self)
        else:
            self.done.set_result(None)
            self.transport.close()
            self.turns.give_back()


async def run(port: int, path: str, options: dict[str, Any]) -> dict[str, Any]:
    """`options`: connections, requests, at_once (of these), event, is_queued (not waited for)."""
    loop = asyncio.get_running_loop()
    connections = options["connections"]
    turns = Turns(options["at_once"])
    event = json.dumps(options["event"]).encode()
    clients: list[Client] = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(
                path,
                event,
                options["requests"] // connections,
                turns,
                is_queued=options.get("is_queued", False),
            ),
            "127.0.0.1",
            port,
        )
        clients.append(client)
    started = time.perf_counter()
    for client in clients:
        turns.take(client)
    await asyncio.gather(*(client.done for client in clients))
    seconds = time.perf_counter() - started
    times = [each for client in clients for each in client.times]
    return {
        "per_second": len(times) / seconds,
        "seconds": seconds,
        "retries": sum(client.retries for client in clients),
        "times_us": [round(each * 1e6) for each in times],
    }


if __name__ == "__main__":
    port, path, options = sys.argv[1:]
    print(json.dumps(uvloop.run(run(int(port), path, json.loads(options)))))
