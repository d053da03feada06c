"""Closed-loop load from a process of its own: each connection sends when it has its answer.

    python -m benchmarks.load PORT PATH CONNECTIONS REQUESTS

prints one line of JSON: requests per second, and the median and 99th percentile in microseconds.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from typing import cast

import httptools
import uvloop

EVENT = b'{"key":"value"}'


class Client(asyncio.Protocol):
    def __init__(self, path: str, count: int, done: asyncio.Future[None]) -> None:
        self.request = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(EVENT)}\r\n\r\n"
        ).encode() + EVENT
        self.left = count
        self.done = done
        self.times: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass
        self.send()

    def send(self) -> None:
        self.body = b""
        self.parser = httptools.HttpResponseParser(self)
        self.started = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.times.append(time.perf_counter() - self.started)
        if self.parser.get_status_code() != 200 or json.loads(self.body) != json.loads(EVENT):
            self.done.set_exception(AssertionError(f"wrong answer: {self.body!r}"))
            return
        self.left -= 1
        if self.left > 0:
            self.send()
        elif not self.done.done():
            self.transport.close()
            self.done.set_result(None)


async def run(port: int, path: str, connections: int, requests: int) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    started = time.perf_counter()

    def connect() -> Client:
        clients.append(Client(path, requests // connections, loop.create_future()))
        return clients[-1]

    for _ in range(connections):
        await loop.create_connection(connect, "127.0.0.1", port)
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - started
    times = sorted(each for client in clients for each in client.times)
    return {
        "per_second": round(len(times) / elapsed),
        "p50_us": round(statistics.median(times) * 1e6),
        "p99_us": round(times[int(len(times) * 0.99)] * 1e6),
    }


if __name__ == "__main__":
    port, path, connections, requests = sys.argv[1:]
    print(json.dumps(uvloop.run(run(int(port), path, int(connections), int(requests)))))
