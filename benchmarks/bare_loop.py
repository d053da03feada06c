"""The least program that invokes a function: three HTTP exchanges and nothing else.

A client posts an event, a runtime's `next` takes it, the runtime posts the response, the client
gets it. No parsing of what is asked, no limits, no logs, no isolation. What Lambent costs is
measured against this.

    python -m benchmarks.bare_loop INVOKE_PORT RUNTIME_PORT
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections import deque
from typing import cast

import httptools
import uvloop


class Exchange:
    """Who waits for what."""

    def __init__(self) -> None:
        self.events: deque[tuple[Connection, bytes]] = deque()
        self.runtimes: deque[Connection] = deque()
        self.clients: dict[str, Connection] = {}

    def match(self) -> None:
        while self.events and self.runtimes:
            client, event = self.events.popleft()
            request_id = str(uuid.uuid4())
            self.clients[request_id] = client
            self.runtimes.popleft().answer(
                event,
                f"Lambda-Runtime-Aws-Request-Id: {request_id}\r\n"
                "Lambda-Runtime-Deadline-Ms: 9999999999999\r\n"
                "Lambda-Runtime-Invoked-Function-Arn: "
                "arn:aws:lambda:us-east-1:000000000000:function:bare\r\n"
                "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n",
            )


class Connection(asyncio.Protocol):
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.parser = httptools.HttpRequestParser(self)
        self.path = b""
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url
        self.body = b""

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        exchange = self.exchange
        if self.path.endswith(b"/next"):
            exchange.runtimes.append(self)
        elif self.path.endswith(b"/response"):
            request_id = self.path.split(b"/")[-2].decode()
            exchange.clients.pop(request_id).answer(self.body)
            self.answer(b'{"status":"OK"}\n')
        else:
            exchange.events.append((self, self.body))
        exchange.match()

    def answer(self, body: bytes, head: str = "") -> None:
        self.transport.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )


async def main(invoke_port: int, runtime_port: int) -> None:
    exchange = Exchange()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Connection(exchange), "127.0.0.1", runtime_port)
    server = await loop.create_server(lambda: Connection(exchange), "127.0.0.1", invoke_port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
