"""Streamed responses as they come: through InvokeWithResponseStream, and through a function URL.

Both are read from bare connections, so that a test decides when it reads, and how much.
"""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.eventstream import EventStreamBuffer
from tests.support.functions import WHOLE_CPU, Deployed, deploy
from tests.support.streaming_functions import files_for

if TYPE_CHECKING:
    from tests.support.server import RunningServer

both_ways = pytest.mark.parametrize("way", ["invoke", "url"])

_EVENTS_TYPE = "application/vnd.amazon.eventstream"
_PIECE_BYTES = 64 * 1024
_RUNTIMES = {"python": "provided.al2023", "bash": "provided.al2023"}


@dataclass(frozen=True)
class Streaming:
    """A function with a URL that streams."""

    deployed: Deployed
    url: str

    @property
    def host(self) -> str:
        """What the URL's requests are for; everybody's name for it is an address of the server."""
        return urlsplit(self.url).netloc


def deploy_streaming(
    server: RunningServer, runtime: str, handler: str = "index.streaming", **settings: Any
) -> Streaming:
    """A function of `streaming_functions` that anybody may call at its URL."""
    deployed = deploy(
        server,
        files_for(runtime),
        runtime=_RUNTIMES.get(runtime, runtime),
        handler=handler,
        **{"Timeout": 30, **WHOLE_CPU, **settings},
    )
    return Streaming(deployed, create_url(deployed))


def create_url(deployed: Deployed, mode: str = "RESPONSE_STREAM") -> str:
    created = deployed.client.create_function_url_config(
        FunctionName=deployed.name, AuthType="NONE", InvokeMode=mode
    )
    deployed.client.add_permission(
        FunctionName=deployed.name,
        StatementId="everybody",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    return str(created["FunctionUrl"])


class Stream:
    """A request whose answer is a stream, in events for InvokeWithResponseStream."""

    def __init__(
        self, connection: http.client.HTTPConnection, events: EventStreamBuffer | None
    ) -> None:
        self._connection = connection
        self._events = events
        self.completion: dict[str, Any] | None = None  # what InvokeComplete said, at the end
        self.is_cut_short = False  # at the end: the connection ended before the body

    def begin(self) -> Stream:
        """Wait for the response's head."""
        self.answer = self._connection.getresponse()
        self.content_type = self.answer.headers["Content-Type"]
        if self._events is not None:
            assert self.content_type == _EVENTS_TYPE, self.answer.read()
            self.content_type = self.answer.headers["X-Amzn-Remapped-Content-Type"]
        return self

    def give_up(self) -> None:
        """Go away before it has begun."""
        self._connection.close()

    def close(self) -> None:
        """Go away."""
        self.answer.close()
        self._connection.close()

    def read(self) -> bytes:
        """What comes next; empty at the end, when it is closed."""
        while data := self._receive():
            if self._events is None:
                return data
            self._events.add_data(data)
            if payload := self._payload(self._events):
                return payload
        self.close()
        return b""

    def _receive(self) -> bytes:
        try:
            return self.answer.read1(_PIECE_BYTES)
        except (http.client.IncompleteRead, ConnectionResetError):
            self.is_cut_short = True
            return b""

    def _payload(self, events: EventStreamBuffer) -> bytes:
        """Of all events that are here whole."""
        payload = b""
        for event in events:
            assert self.completion is None, "something follows InvokeComplete"
            if event.headers[":event-type"] == "PayloadChunk":
                payload += event.payload
            else:
                assert event.headers[":event-type"] == "InvokeComplete", event.headers
                self.completion = json.loads(event.payload)
        return payload


def ask(
    streaming: Streaming, told: object, way: str, *, receive_buffer: int | None = None
) -> Stream:
    """Send the request; `begin` waits for the response. `receive_buffer` is in bytes."""
    deployed = streaming.deployed
    connection = _connection(deployed.server, receive_buffer)
    if way == "url":
        headers = {"Host": streaming.host, "Content-Type": "application/json"}
        connection.request("POST", "/", json.dumps(told), headers)
        return Stream(connection, None)
    path = f"/2021-11-15/functions/{deployed.name}/response-streaming-invocations"
    connection.request("POST", path, json.dumps(told))
    return Stream(connection, EventStreamBuffer())


def open_stream(streaming: Streaming, steps: object, way: str, **options: Any) -> Stream:
    """A response to these steps that has begun."""
    buffer = options.pop("receive_buffer", None)
    return ask(streaming, {"steps": steps, **options}, way, receive_buffer=buffer).begin()


def read_until(stream: Stream, text: bytes) -> bytes:
    """All of it up to the piece with which `text` is there."""
    read = b""
    while text not in read:
        piece = stream.read()
        assert piece, f"it ended after {read[-200:]!r}"
        read += piece
    return read


def read_rest(stream: Stream) -> bytes:
    pieces = []
    while piece := stream.read():
        pieces.append(piece)
    return b"".join(pieces)


def _connection(server: RunningServer, receive_buffer: int | None) -> http.client.HTTPConnection:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    assert address.hostname is not None
    assert address.port is not None
    connection.sock = socket.socket()
    connection.sock.settimeout(60)
    if receive_buffer is not None:  # before it is connected, or the kernel makes it larger
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.sock.connect((address.hostname, address.port))
    return connection
