"""A long body that is handed on while it comes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.execution_environment.http_client import MemoryTransport

from lambent.protocol.body_budget import BodyBudget
from lambent.protocol.body_source import BodyCutShort
from lambent.protocol.http_connection import Connection

LONG = b"PUT /long HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n"
CHUNKED = b"PUT /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


class Side:
    """A connection, what came over it, and its transport."""

    def __init__(self, *, held_of=lambda request: 0, may_half_close=True):
        self.requests: list[Any] = []
        self.budget = BodyBudget(limit_bytes=1_000_000)
        self.transport = MemoryTransport()
        self.connection = Connection(
            lambda request, connection: self.requests.append(request),
            lambda connection: None,
            self.budget,
            may_half_close=may_half_close,
            held_of=held_of,
        )
        self.connection.connection_made(self.transport)

    def come(self, data):
        self.connection.data_received(data)

    @property
    def paths(self):
        return [request.path for request in self.requests]


async def whole(stream):
    pieces = []
    while piece := await stream.read():
        pieces.append(piece)
    return b"".join(pieces)


async def test_a_long_body_is_read_while_it_comes():
    side = Side()
    side.come(LONG)
    [request] = side.requests
    assert (request.stream.length, request.body) == (300_000, b"")
    side.come(b"a" * 100_000)
    assert await request.stream.read() == b"a" * 100_000
    side.come(b"b" * 200_000)
    assert await whole(request.stream) == b"b" * 200_000
    side.connection.respond(200, b"{}")
    side.come(NEXT)
    assert side.paths == ["/long", "/next"]


async def test_trailers_of_a_stream_are_not_its_head_s():
    side = Side()
    side.come(CHUNKED + b"3\r\nabc\r\n")
    [request] = side.requests
    head = dict(request.headers)
    side.come(b"0\r\nAuthorization: other\r\nHost: b\r\n\r\n")
    assert request.headers == head
    assert request.stream.received_trailers == {"authorization": "other", "host": "b"}


async def test_trailers_of_a_stream_count_until_it_is_answered():
    side = Side()
    side.come(CHUNKED + b"3\r\nabc\r\n")
    before = side.budget.held_bytes
    side.come(b"0\r\nA: " + 1000 * b"b" + b"\r\n\r\n")
    assert side.budget.held_bytes >= before + 1000
    side.connection.respond(200, b"{}")
    assert side.budget.held_bytes == 0


async def test_a_body_whose_length_nobody_knows_is_read_without_its_frames():
    side = Side()
    side.come(CHUNKED + b"3\r\nabc\r\n")
    [request] = side.requests
    assert request.stream.length is None
    side.come(b"2\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n")
    assert await whole(request.stream) == b"abcde"
    side.connection.respond(200, b"")
    assert side.budget.held_bytes == 0


@pytest.mark.parametrize(
    ("head", "held_of"),
    [
        (b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", lambda request: 0),
        (CHUNKED, lambda request: None),
    ],
    ids=["short", "not wanted"],
)
async def test_other_bodies_come_whole(head, held_of):
    side = Side(held_of=held_of)
    side.come(head + (b"abcde" if b"Length" in head else b"5\r\nabcde\r\n0\r\n\r\n"))
    [request] = side.requests
    assert (request.stream, request.body) == (None, b"abcde")


async def test_no_more_is_held_than_is_wanted():
    side = Side(held_of=lambda request: 7)
    side.come(CHUNKED + b"5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n")
    [request] = side.requests
    assert (request.is_too_large, request.body) == (True, b"")


async def test_a_body_behind_another_request_is_held_as_any_body_is():
    side = Side()
    side.come(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + CHUNKED + b"3\r\nabc\r\n")
    assert side.budget.held_bytes >= 3
    side.come(b"0\r\n\r\n")
    side.connection.respond(200, b"{}")
    [_, request] = side.requests
    assert (request.stream, request.body) == (None, b"abc")


async def test_no_more_is_read_than_its_reader_takes():
    side = Side()
    side.come(LONG + bytes(290_000))
    assert side.transport.is_reading_paused
    side.connection.resume_writing()
    assert side.transport.is_reading_paused
    await side.requests[0].stream.read()
    assert not side.transport.is_reading_paused


async def test_its_bytes_are_not_of_the_budget():
    side = Side()
    side.come(LONG + bytes(290_000))
    assert side.budget.held_bytes < 1000


async def test_an_answer_before_its_end_waits_for_no_reader():
    side = Side()
    side.come(LONG + bytes(100_000))
    side.connection.respond(403, b"no")
    assert b" 403 " in side.transport.written
    side.come(bytes(200_000) + NEXT)
    assert side.paths == ["/long", "/next"]
    assert not side.transport.is_reading_paused


async def test_the_last_answer_is_not_destroyed_by_what_still_comes():
    side = Side()
    side.come(LONG.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    side.connection.respond(403, b"no")
    assert not side.transport.is_closed
    side.come(bytes(300_000))
    assert side.transport.is_closed


@pytest.mark.parametrize("leave", ["eof_received", "connection_lost"])
async def test_a_client_that_leaves_in_the_middle_cuts_its_body_short(leave):
    side = Side()
    side.come(LONG + b"half")
    arguments = [None] if leave == "connection_lost" else []
    getattr(side.connection, leave)(*arguments)
    assert await side.requests[0].stream.read() == b"half"
    with pytest.raises(BodyCutShort):
        await side.requests[0].stream.read()


async def test_who_answers_is_told_that_nobody_waits():
    side = Side()
    gone = []
    side.come(NEXT)
    side.requests[0].on_gone = lambda: gone.append("gone")
    side.connection.connection_lost(None)
    assert gone == ["gone"]


async def test_nobody_is_told_after_the_answer():
    side = Side()
    side.come(NEXT)
    side.requests[0].on_gone = pytest.fail
    side.connection.respond(200, b"")
    side.connection.connection_lost(None)


class Source:
    """An answer whose length nobody knows."""

    def __init__(self):
        self.length: int | None = None
        self._pieces = [b"abc", b"de"]

    async def read(self):
        return self._pieces.pop(0) if self._pieces else b""

    def close(self):
        pass


@pytest.mark.parametrize(
    ("request_head", "ending", "is_closed"),
    [
        (b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", False),
        (b"GET /a HTTP/1.0\r\n\r\n", b"Connection: close\r\n\r\nabcde", True),
        (b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", b"X: y\r\n\r\n", False),
    ],
    ids=["chunks", "until the end", "no body"],
)
async def test_an_answer_of_unknown_length_is_framed_as_its_reader_can(
    request_head, ending, is_closed
):
    side = Side()
    side.come(request_head)
    await side.connection.send(200, Source(), "X: y\r\n")
    side.connection.end_sending()
    assert side.transport.written.endswith(ending)
    assert side.transport.is_closed is is_closed


async def test_two_lengths_are_no_request():
    """Whoever is behind this could take one for the end of the other."""
    for head in (
        b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\nContent-Length: 5\r\n\r\n",
        b"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked, x\r\n\r\n",
    ):
        side = Side()
        side.come(head)
        assert side.requests == [] or side.transport.is_closed
        assert side.transport.written.startswith(b"HTTP/1.1 400 ")
