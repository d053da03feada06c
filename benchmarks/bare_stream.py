"""The least program that streams a function's response: each piece goes on as it comes.

One client and one runtime, one exchange after the other; no limits, no pace, nobody slow. What
Lambent's streams cost is measured against this.

    python -m benchmarks.bare_stream INVOKE_PORT RUNTIME_PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import httptools
import uvloop


class Exchange:
    """Who waits for what."""

    def __init__(self) -> None:
        self.client: Connection | None = None
        self.runtime: Connection | None = None  # that has asked for an event
        self.event: bytes | None = None

    def match(self) -> None:
        if self.event is not None and self.runtime is not None:
            self.runtime.write(
                b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: bare\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(self.event), self.event)
            )
            self.event = self.runtime = None


class Connection(asyncio.Protocol):
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.parser = httptools.HttpRequestParser(self)
        self.is_response = False
        self.path = b""
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url
        self.body = b""
        self.is_response = url.endswith(b"/response")

    def on_headers_complete(self) -> None:
        if self.is_response:
            self.to_client(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if self.is_response:
            self.to_client(b"%x\r\n%b\r\n" % (len(body), body))
        else:
            self.body += body

    def to_client(self, data: bytes) -> None:
        assert self.exchange.client is not None
        self.exchange.client.write(data)

    def on_message_complete(self) -> None:
        exchange = self.exchange
        if self.is_response:
            self.to_client(b"0\r\n\r\n")
            self.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        elif self.path.endswith(b"/next"):
            exchange.runtime = self
        else:
            exchange.client, exchange.event = self, self.body
        exchange.match()


async def main(invoke_port: int, runtime_port: int) -> None:
    exchange = Exchange()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Connection(exchange), "127.0.0.1", runtime_port)
    server = await loop.create_server(lambda: Connection(exchange), "127.0.0.1", invoke_port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
