"""Answers that are made while they are sent, to those who read slowly, or no more."""

from __future__ import annotations

import asyncio
import itertools
import socket

import pytest
from tests.unit.server.test_listener import serving

from lambent.protocol.http import HttpResponse

MIB = 1024 * 1024


class Stream:
    """All the pieces, then silence, or the end."""

    def __init__(self, pieces=(), *, ends=False):
        self.length: int | None = None
        self.given_bytes = 0
        self.is_waited_for = asyncio.Event()
        self.is_closed = asyncio.Event()
        self._left = iter(pieces)
        self._ends = ends

    async def read(self):
        piece = next(self._left, b"")
        self.given_bytes += len(piece)
        if not piece and not self._ends:
            self.is_waited_for.set()
            await asyncio.Event().wait()
        return piece

    def close(self):
        self.is_closed.set()


def answering(stream):
    async def answer(request):
        return HttpResponse(status=200, headers=[], body=b"", source=stream)

    return answer


@pytest.mark.parametrize("leave", ["close", "abort"])
async def test_a_stream_with_nothing_to_say_is_told_that_its_reader_has_gone(leave):
    stream = Stream()
    async with serving(answering(stream)) as (_, address):
        client = await address.connect()
        client.send_request("GET", "/")
        await stream.is_waited_for.wait()
        getattr(client.writer.transport, leave)()
        async with asyncio.timeout(10):
            await stream.is_closed.wait()


async def test_a_reader_that_stops_makes_its_stream_stop():
    """What is on the way, here and in the system, is little, however much there is to come."""
    stream = Stream(itertools.repeat(bytes(64 * 1024)))
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        reader.setblocking(False)
        async with serving(answering(stream)) as (_, address):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(reader, (address.host, address.port))
            await loop.sock_sendall(reader, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            read = 0
            while read < 2 * MIB:
                read += len(await loop.sock_recv(reader, 16 * 1024))
            assert stream.given_bytes < read + MIB // 2
            reader.close()
            async with asyncio.timeout(10):
                await stream.is_closed.wait()


async def test_a_stream_that_is_read_to_its_end_is_followed_by_the_next_answer():
    async def answer(request):
        stream = Stream([b"abc"], ends=True)
        return HttpResponse(status=200, headers=[], body=b"", source=stream)

    async with serving(answer) as (_, address):
        client = await address.connect()
        for path in ("/1", "/2"):
            client.send_request("GET", path)
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert await client.reader.readuntil(b"0\r\n\r\n") == b"3\r\nabc\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "header",
    [("x", "a\r\nset-cookie: stolen=1"), ("x\r\ny", "a"), ("x", "a\nb"), ("x", "a\0"), ("x", "日")],
)
@pytest.mark.parametrize("has_source", [True, False])
async def test_no_answer_can_be_made_two(header, has_source, caplog):
    stream = Stream()

    async def answer(request):
        source = stream if has_source else None
        return HttpResponse(status=200, headers=[header], body=b"", source=source)

    async with serving(answer) as (_, address):
        response = await (await address.connect()).request("GET", "/")
        assert (response.status, response.body) == (500, b"Internal Server Error")
        assert "x" not in response.headers
        assert stream.is_closed.is_set() is has_source
    assert "a request could not be answered" in caplog.text


async def test_a_request_knows_its_sender():
    senders = []

    async def answer(request):
        senders.append((request.peer, request.is_tls))
        return HttpResponse(status=200, headers=[], body=b"")

    async with serving(answer) as (_, address):
        await (await address.connect()).request("GET", "/")
    assert senders == [("127.0.0.1", False)]
