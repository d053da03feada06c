from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from tests.unit.execution_environment.telemetry_subscriber import (
    LineSubscriber,
    Subscriber,
    open_socket,
)

from lambent.execution_environment.telemetry_api.client import NotDelivered, client_for
from lambent.execution_environment.telemetry_api.subscription import Destination, HttpTarget

RECORDS = [b'{"a":1}', b'{"b":"\xc3\xa4"}']


def http_client(port, open_one=open_socket):
    target = HttpTarget(method="POST", host=f"sandbox.localdomain:{port}", path="/logs?x=1")
    return client_for(Destination(port=port, http=target), open_one)


def tcp_client(port):
    return client_for(Destination(port=port), open_socket)


async def test_a_batch_is_one_request_with_an_array():
    async with Subscriber() as subscriber:
        await http_client(subscriber.port).send(RECORDS)
    [head] = subscriber.heads
    assert head.startswith("POST /logs?x=1 HTTP/1.1\r\n")
    assert f"\r\nHost: sandbox.localdomain:{subscriber.port}\r\n" in head
    assert "\r\nContent-Type: application/json\r\n" in head
    assert subscriber.events == [{"a": 1}, {"b": "ä"}]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + b"x" * 99_999,
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_any_reply_that_is_no_refusal_will_do(reply):
    async with Subscriber(reply) as subscriber:
        await http_client(subscriber.port).send(RECORDS)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "the subscriber answered 503"),
        (b"HTTP/1.1 400 No\r\n\r\n", "the subscriber answered 400"),
        (b"no HTTP at all\r\n\r\n", "no proper reply"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_999, "no proper reply"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "no proper reply"),
        (None, "no proper reply"),
    ],
)
async def test_a_refusal_is_told(reply, said):
    async with Subscriber(reply) as subscriber:
        with pytest.raises(NotDelivered, match=said):
            await http_client(subscriber.port).send(RECORDS)


@pytest.mark.parametrize("make_client", [http_client, tcp_client])
async def test_nobody_listening_is_an_error(make_client):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await make_client(unused.getsockname()[1]).send(RECORDS)


async def test_a_socket_that_comes_too_late_is_closed():
    may_open = threading.Event()
    closed = asyncio.Event()

    class LateSocket(socket.socket):
        def close(self):
            super().close()
            closed.set()

    def open_slowly():
        may_open.wait()
        return LateSocket()

    sending = asyncio.ensure_future(http_client(1, open_slowly).send(RECORDS))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    may_open.set()
    async with asyncio.timeout(30):
        await closed.wait()


async def test_over_tcp_each_record_is_a_line_of_one_connection():
    async with LineSubscriber() as subscriber:
        client = tcp_client(subscriber.port)
        await client.send(RECORDS)
        await client.send([b'{"c":3}'])
        await subscriber.wait_requests(3)
        client.close()
    assert subscriber.events == [{"a": 1}, {"b": "ä"}, {"c": 3}]
    assert subscriber.connections == 1


async def test_over_tcp_a_lost_connection_is_replaced():
    async with LineSubscriber() as subscriber:
        client = tcp_client(subscriber.port)
        await client.send(RECORDS)
        await subscriber.wait_requests(2)
        subscriber.hang_up()
        async with asyncio.timeout(30):
            while subscriber.connections < 2:
                await client.send(RECORDS)
                await asyncio.sleep(0)
        client.close()
        client.close()
