"""What goes back over a connection, whoever made it up, and what can come in between."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.execution_environment.fakes import settle
from tests.unit.execution_environment.http_client import MemoryTransport
from tests.unit.protocol.recording_http_server import Server, serving

from lambent.protocol import http_connection
from lambent.protocol.body_source import BodyCutShort
from lambent.protocol.http_connection import Connection

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n"
GARBAGE = b"no colon\r\n\r\n"


class Endless:
    """An answer that goes on as long as its reader, and has nothing to say for long."""

    def __init__(self, *, length=None, trailers=None):
        self.length = length
        self.trailers = trailers or {}
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self):
        return await self.pieces.get()

    def close(self):
        pass


def asked(request=GET, *, extra=None, may_half_close=True):
    server = Server(answers=False)
    connection = Connection(
        server.receive, server.lost.put_nowait, server.budget, may_half_close=may_half_close
    )
    transport = MemoryTransport(extra)
    connection.connection_made(transport)
    connection.data_received(request)
    return connection, transport, server


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (299, b"HTTP/1.1 299 \r\n"),
        (499, b"HTTP/1.1 499 \r\n"),
        (599, b"HTTP/1.1 599 \r\n"),
    ],
)
def test_any_status_can_be_answered(status, line):
    connection, transport, _ = asked()
    connection.respond(status, b"{}", "X: y\r\n")
    assert transport.written == line + b"X: y\r\nContent-Length: 2\r\n\r\n{}"
    assert connection.is_open


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_does_not_spoil_the_next(status):
    connection, transport, _ = asked()
    connection.respond(status, b"a body all the same", "X: y\r\n")
    assert transport.written.endswith(b"\r\nX: y\r\n\r\n")
    transport.written = b""
    connection.data_received(GET)
    connection.respond(200, b"next")
    assert transport.written.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("status", [100, 101, 103, 199])
def test_nobody_waits_for_the_answer_behind_an_interim_one(status):
    connection, transport, _ = asked()
    connection.respond(status, b"body", "X: y\r\n")
    assert transport.written.endswith(b"X: y\r\nConnection: close\r\n\r\n")
    assert transport.is_closed


async def test_nor_behind_one_with_a_source():
    connection, transport, _ = asked()
    await connection.send(103, Endless())
    connection.end_sending()
    assert transport.written == b"HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n"
    assert transport.is_closed


def test_the_answer_to_head_has_the_length_of_what_is_not_sent():
    connection, transport, _ = asked(HEAD)
    connection.respond(200, b"12345", "X: y\r\n")
    assert transport.written.endswith(b"Content-Length: 5\r\n\r\n")


@pytest.mark.parametrize(
    ("extra", "peer", "is_tls"),
    [
        ({"peername": ("192.0.2.7", 5)}, "192.0.2.7", False),
        ({"peername": ("2001:db8::1", 5, 0, 0), "sslcontext": object()}, "2001:db8::1", True),
        ({"peername": ""}, "", False),
    ],
)
def test_a_request_says_who_sent_it_and_how(extra, peer, is_tls):
    _, _, server = asked(extra=extra)
    [request] = server.requests
    assert (request.peer, request.is_tls, request.version) == (peer, is_tls, "HTTP/1.1")


async def test_trailers_follow_the_last_chunk():
    connection, transport, _ = asked()
    source = Endless(trailers={"X-Error": "Oh.No"})
    for piece in (b"abc", b""):
        source.pieces.put_nowait(piece)
    await connection.send(200, source, "X: y\r\n")
    assert transport.written.endswith(b"3\r\nabc\r\n0\r\nX-Error: Oh.No\r\n\r\n")


async def test_trailers_that_would_be_another_answer_are_not_sent():
    connection, transport, _ = asked()
    source = Endless(trailers={"X": "y\r\n\r\nHTTP/1.1 200 OK"})
    source.pieces.put_nowait(b"")
    with pytest.raises(BodyCutShort, match="trailers"):
        await connection.send(200, source)
    assert transport.written.endswith(b"chunked\r\n\r\n")


async def test_a_refusal_is_no_part_of_the_answer_before_it():
    connection, transport, _ = asked()
    source = Endless()
    sending = asyncio.create_task(connection.send(200, source))
    source.pieces.put_nowait(b"abc")
    await settle()
    connection.data_received(GARBAGE)
    assert transport.written.endswith(b"\r\n3\r\nabc\r\n")
    assert transport.is_closed
    source.pieces.put_nowait(b"de")
    await sending
    assert transport.written.endswith(b"\r\n3\r\nabc\r\n")


async def test_after_an_answer_with_a_source_a_refusal_is_said():
    connection, transport, _ = asked()
    source = Endless()
    source.pieces.put_nowait(b"")
    await connection.send(200, source)
    connection.end_sending()
    connection.data_received(GARBAGE)
    assert b"HTTP/1.1 400 " in transport.written


async def test_who_reads_a_stream_and_ends_its_side_has_gone():
    connection, transport, server = asked()
    gone = []
    server.requests[0].on_gone = lambda: gone.append(True)
    sending = asyncio.create_task(connection.send(200, Endless()))
    await settle()
    assert not connection.eof_received()
    assert transport.is_closed
    connection.connection_lost(None)
    assert gone == [True]
    sending.cancel()


async def test_who_reads_what_has_a_length_may_end_its_side():
    connection, transport, _ = asked()
    source = Endless(length=3)
    sending = asyncio.create_task(connection.send(200, source))
    await settle()
    assert connection.eof_received()
    source.pieces.put_nowait(b"abc")
    await sending
    assert transport.written.endswith(b"abc")


def test_with_tls_no_connection_is_half_closed():
    connection, _, _ = asked(extra={"sslcontext": object()})
    assert not connection.eof_received()


async def test_who_is_refused_can_read_why(monkeypatch):
    """Even if it has not said all: closed with something unread, the answer would be lost."""
    monkeypatch.setattr(http_connection, "_LINGER_SECONDS", 60)
    async with serving() as (server, address):
        client = await address.connect()
        client.send(GARBAGE)
        assert (await client.receive()).status == 400
        client.send(b"x" * 100_000 + GET)
        await client.writer.drain()
        assert await client.is_hung_up()
        assert server.requests == []
        await client.close()
        connection = await server.lost.get()
        assert not connection.is_open
        assert server.budget.held_bytes == 0


async def test_who_is_refused_is_not_listened_to_for_long(monkeypatch):
    monkeypatch.setattr(http_connection, "_LINGER_SECONDS", 0)
    async with serving() as (server, address):
        client = await address.connect()
        client.send(GARBAGE)
        assert await server.lost.get()
