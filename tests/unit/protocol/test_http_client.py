from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest
from tests.unit.execution_environment.fakes import settle

from lambent.protocol import http_client
from lambent.protocol.body_source import BodyCutShort, BodyStream
from lambent.protocol.http_client import NoAnswer, Outgoing, Place, exchange

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@dataclass
class Other:
    """The other side: answers each connection with what the test says, when it has the request."""

    place: Place
    answer: bytes
    wants: bytes = b"\r\n\r\n"  # what it reads up to before it answers
    hangs_up: bool = True
    heard: list[bytes] = field(default_factory=list)
    tasks: list[asyncio.Task[None] | None] = field(default_factory=list)
    has_heard: asyncio.Event = field(default_factory=asyncio.Event)
    is_left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader, writer):
        self.tasks.append(asyncio.current_task())
        try:
            await self.answer_one(reader, writer)
        finally:
            self.is_left.set()
            writer.close()

    async def answer_one(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            self.heard.append(await reader.readuntil(self.wants))
            self.has_heard.set()
            writer.write(self.answer)
            await writer.drain()
            if not self.hangs_up:
                self.heard.append(await reader.read())


@contextlib.asynccontextmanager
async def other(answer=OK, **options):
    side = Other(Place.of("http://127.0.0.1:1"), answer, **options)
    server = await asyncio.start_server(side.serve, "127.0.0.1", 0)
    side.place = Place.of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield side
    finally:
        server.close()
        tasks = [task for task in side.tasks if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await settle()


def outgoing(method="GET", target="/a?b=c", headers=(), body=b""):
    return Outgoing(method=method, target=target, headers=list(headers), body=body)


async def whole(answer):
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    return b"".join(pieces)


async def asked(side, request=None):
    """The status and the whole body of the answer."""
    with contextlib.closing(await exchange(side.place, request or outgoing())) as answer:
        return answer.status, await whole(answer)


async def test_a_request_arrives_as_it_was_and_its_answer_comes_back():
    async with other() as side:
        request = outgoing("POST", "/ü?%2F".encode().decode("latin-1"), [("x-a", "b")], b"{}")
        assert await asked(side, request) == (200, b"hello")
    assert side.heard[0] == (
        "POST /ü?%2F HTTP/1.1\r\nx-a: b\r\nconnection: close\r\ncontent-length: 2\r\n\r\n".encode()
    )


async def test_what_has_no_body_says_nothing_of_one():
    async with other() as side:
        await asked(side)
    assert b"content-length" not in side.heard[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ],
    ids=["chunks", "until the end", "after another"],
)
async def test_an_answer_is_read_however_it_is_framed(answer):
    async with other(answer) as side:
        assert await asked(side) == (200, b"hello")


@pytest.mark.parametrize(
    ("method", "head", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", 1234),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 7),
    ],
)
async def test_some_answers_have_only_a_head(method, head, length):
    async with other(head, hangs_up=False) as side:
        with contextlib.closing(await exchange(side.place, outgoing(method))) as answer:
            assert answer.length == length
            assert await answer.read() == b""


@pytest.mark.parametrize(
    ("length", "ending"), [(9, b"first-end"), (None, b"6\r\nfirst-\r\n3\r\nend\r\n0\r\n\r\n")]
)
async def test_a_body_is_sent_while_it_comes(length, ending):
    body = BodyStream(length, lambda: None)
    async with other(wants=ending) as side:
        body.feed(b"first-")
        asking = asyncio.create_task(asked(side, outgoing("PUT", body=body)))
        await settle()
        body.feed(b"end")
        body.end({})
        assert await asking == (200, b"hello")


async def test_an_answer_may_come_before_the_whole_request():
    body = BodyStream(None, lambda: None)
    async with other(hangs_up=False) as side:
        assert await asked(side, outgoing("PUT", body=body)) == (200, b"hello")
        await side.is_left.wait()


async def test_a_request_that_is_cut_short_does_not_look_whole():
    body = BodyStream(None, lambda: None)
    body.cut_short()
    async with other(wants=b"0\r\n\r\n") as side:
        with pytest.raises(NoAnswer):
            await asked(side, outgoing("PUT", body=body))
        await side.is_left.wait()
    assert side.heard == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Y: %s\r\n" % (b"z" * 1000) * 300 + b"\r\n",
    ],
    ids=["nothing", "another protocol", "half a head", "an upgrade", "an endless head"],
)
async def test_what_is_no_answer_is_told(answer):
    async with other(answer) as side:
        with pytest.raises(NoAnswer):
            await asked(side)


async def test_nobody_there_is_told():
    async with other() as side:
        place = side.place
    with pytest.raises(NoAnswer):
        await exchange(place, outgoing())


async def test_who_does_not_take_connections_is_not_waited_for(monkeypatch):
    async def open_connection(*arguments, **options):
        await asyncio.Event().wait()

    monkeypatch.setattr(http_client, "_CONNECT_SECONDS", 0)
    monkeypatch.setattr(asyncio, "open_connection", open_connection)
    with pytest.raises(NoAnswer, match="no connection in 0 seconds"):
        await exchange(Place.of("http://127.0.0.1:1"), outgoing())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnothing",
    ],
)
async def test_an_answer_that_is_cut_short_does_not_look_whole(answer):
    async with other(answer) as side:
        with pytest.raises(BodyCutShort):
            await asked(side)


async def test_who_asks_no_more_takes_the_request_along():
    async with other(b"", hangs_up=False) as side:
        asking = asyncio.create_task(asked(side))
        await side.has_heard.wait()
        asking.cancel()
        await side.is_left.wait()


@pytest.mark.parametrize(
    "request_",
    [
        outgoing(headers=[("x-a", "b\r\nx-c: d")]),
        outgoing(headers=[("x-a", "b\n")]),
        outgoing(target="/a HTTP/1.1\r\nHost: other"),
        outgoing(target="/a b"),
        outgoing(method="GET /x"),
    ],
)
async def test_no_request_becomes_two(request_):
    async with other() as side:
        with pytest.raises(ValueError, match="line break"):
            await exchange(side.place, request_)
    assert side.heard == []


@pytest.mark.parametrize(
    ("url", "host", "port", "base_path"),
    [
        ("http://127.0.0.1:9000", "127.0.0.1", 9000, ""),
        ("https://minio.test/", "minio.test", 443, ""),
        ("http://[::1]/base/", "::1", 80, "/base"),
    ],
)
def test_a_url_says_where_requests_go(url, host, port, base_path):
    place = Place.of(url)
    assert (place.host, place.port, place.base_path) == (host, port, base_path)
    assert place.is_secure is url.startswith("https")
    assert outgoing().head(place.base_path).startswith(f"GET {base_path}/a?b=c ".encode())
