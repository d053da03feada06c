from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager

import pytest
import uvloop
from hypothesis import given, strategies as st
from tests.unit.execution_environment.http_client import MemoryTransport, feed, listening

from lambent.execution_environment.runtime_http import BodyBudget, Connection, Refusal, Request

MIB = 1024 * 1024


class Server:
    """Answers 200 with what it was asked, or keeps requests for the test to answer."""

    def __init__(self, *, budget=MIB, answers=True):
        self.budget = BodyBudget(limit_bytes=budget)
        self.answers = answers
        self.requests = []
        self.connections = []  # of the requests
        self.received: asyncio.Queue[Request] = asyncio.Queue()
        self.lost: asyncio.Queue[Connection] = asyncio.Queue()

    def make(self):
        return Connection(self.receive, self.lost.put_nowait, self.budget)

    def receive(self, request, connection):
        self.requests.append(request)
        self.connections.append(connection)
        self.received.put_nowait(request)
        if self.answers:
            connection.respond(200, f"{request.method} {request.path}".encode())


@asynccontextmanager
async def serving(**options):
    server = Server(**options)
    async with listening(server.make) as address:
        yield server, address


@pytest.fixture
async def served():
    async with serving() as (server, address):
        yield server, await address.connect()


async def test_a_request_is_given_whole_and_answered(served):
    server, client = served
    response = await client.request("POST", "/a?b=c", b"body", {"X-Name": "Value"})
    assert (response.status, response.body) == (200, b"POST /a")
    assert response.headers["content-type"] == "application/json"
    [request] = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/a", b"body")
    assert request.headers["x-name"] == "Value"
    assert not request.is_too_large


async def test_a_connection_serves_one_request_after_another(served):
    server, client = served
    for path in ("/1", "/2", "/3"):
        assert (await client.request("GET", path)).body == f"GET {path}".encode()
    assert len(set(server.connections)) == 1


async def test_pipelined_requests_are_answered_in_order():
    async with serving(answers=False) as (server, address):
        client = await address.connect()
        for path in ("/1", "/2", "/3"):
            client.send_request("POST", path, path.encode())
        for path in ("/1", "/2", "/3"):
            request = await server.received.get()
            assert request.path == path
            assert server.received.empty()
            server.connections[-1].respond(202, request.body)
            assert (await client.receive()).body == path.encode()
    assert server.budget.held_bytes == 0


async def test_more_pipelined_requests_than_anyone_needs_end_the_connection():
    async with serving(answers=False) as (server, address):
        client = await address.connect()
        for number in range(18):
            client.send_request("POST", f"/{number}", b"x")
        assert (await client.receive()).status == 400
        assert await client.is_hung_up()
        assert await server.lost.get() is server.connections[0]
        assert [request.path for request in server.requests] == ["/0"]
        assert server.budget.held_bytes == 0


async def test_a_body_may_come_in_chunks_with_trailers(served):
    server, client = served
    client.send(
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X-Error\r\n\r\n"
        b"3\r\nabc\r\n2;extension=1\r\nde\r\n"
    )
    client.send(b"0\r\nX-Error: Oh.No\r\n\r\n")
    assert (await client.receive()).status == 200
    [request] = server.requests
    assert request.body == b"abcde"
    assert request.headers["x-error"] == "Oh.No"


async def test_a_body_is_asked_for_when_the_client_waits_for_that(served):
    _, client = served
    client.send(b"POST /a HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
    assert await client.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"abc")
    assert (await client.receive()).body == b"POST /a"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.0\r\n\r\n",
        b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
)
async def test_the_last_request_s_answer_ends_the_connection(served, head):
    _, client = served
    client.send(head)
    response = await client.receive()
    assert (response.status, response.body) == (200, b"GET /a")
    assert response.headers["connection"] == "close"
    assert await client.is_hung_up()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\1\2\3\r\n\r\n",
        b"GET /a SPDY/3\r\n\r\n",
        b"GET /a HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused(served, garbage):
    server, client = served
    client.send(garbage)
    response = await client.receive()
    assert (response.status, response.headers["connection"]) == (400, "close")
    assert await client.is_hung_up()
    assert server.requests == []


@pytest.mark.parametrize(
    "pieces",
    [
        [b"X-%d: %s\r\n" % (number, b"v" * 1000) for number in range(1200)],
        [b"X: ", *[b"v" * 1000] * 1200],
        [b"x" * 1000] * 1200,
        [b"Transfer-Encoding: chunked\r\n\r\n", b"3;", *[b"e" * 1000] * 1200],
        [b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", *[b"v" * 1000] * 1200],
    ],
    ids=["many", "endless value", "endless name", "endless chunk extension", "endless trailer"],
)
def test_a_flood_of_headers_is_refused(pieces):
    server, transport = Server(budget=8 * MIB), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    feed(connection, transport, b"POST /a HTTP/1.1\r\n", *pieces)
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert transport.is_closed
    assert server.requests == []


def test_an_endless_path_is_refused():
    server, transport = Server(budget=8 * MIB), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    feed(connection, transport, b"GET /", *[b"a" * 1000] * 1200)
    assert transport.written.startswith(b"HTTP/1.1 431 ")


def test_what_came_with_a_flood_is_not_answered():
    server, transport = Server(budget=8 * MIB), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    feed(connection, transport, b"POST /a HTTP/1.1\r\nX: %s\r\n" % (b"v" * 1_200_000) + b"\r\n" * 9)
    assert transport.written.count(b"HTTP/1.1 ") == 1
    assert server.requests == []
    assert not connection.is_open


async def test_the_cause_of_an_error_may_be_a_long_header():
    async with serving(budget=8 * MIB) as (server, address):
        client = await address.connect()
        await client.request("POST", "/a", b"body", {"X-Cause": "c" * MIB})
        assert len(server.requests[0].headers["x-cause"]) == MIB
        assert server.budget.held_bytes == 0


def test_heads_that_are_not_whole_yet_share_the_budget_too():
    server = Server(budget=4000)
    connections = [(server.make(), MemoryTransport()) for _ in range(5)]
    for connection, transport in connections:
        connection.connection_made(transport)
        feed(connection, transport, b"POST /a HTTP/1.1\r\nX: ", b"v" * 1000)
    assert 3000 < server.budget.held_bytes <= 4000
    assert connections[-1][1].written.startswith(b"HTTP/1.1 431 ")
    for connection, transport in connections[:3]:
        feed(connection, transport, b"\r\n\r\n")
        assert transport.written.startswith(b"HTTP/1.1 200 ")
    for connection, _ in connections:
        connection.connection_lost(None)
    assert server.budget.held_bytes == 0


def test_a_head_that_is_whole_at_once_needs_room_too():
    server, transport = Server(budget=1000, answers=False), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    request = b"POST /a HTTP/1.1\r\nX: %s\r\n\r\n" % (b"v" * 500)
    feed(connection, transport, request)
    assert server.budget.held_bytes > 500
    feed(connection, transport, request)
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert len(server.requests) == 1
    connection.connection_lost(None)
    assert server.budget.held_bytes == 0


def test_short_headers_count_for_what_they_take_in_memory():
    server, transport = Server(budget=8 * MIB), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    headers = b"".join(b"%d:\r\n" % number for number in range(20_000))
    feed(connection, transport, b"POST /a HTTP/1.1\r\n" + headers)
    assert transport.written.startswith(b"HTTP/1.1 431 ")


async def test_a_body_of_many_small_chunks_is_no_flood(served):
    server, client = served
    client.send(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
    assert (await client.receive()).status == 200
    assert server.requests[0].body == b"x" * 50_000


async def test_a_body_over_the_budget_is_thrown_away_and_told():
    async with serving(budget=2000) as (server, address):
        client = await address.connect()
        await client.request("POST", "/a", b"x" * 5000)
        [request] = server.requests
        assert (request.body, request.is_too_large) == (b"", True)
        await client.request("POST", "/a", b"x" * 1000)
        assert not server.requests[1].is_too_large
        assert server.budget.held_bytes == 0


async def test_all_connections_share_one_budget():
    async with serving(budget=1600, answers=False) as (server, address):
        first, second = await address.connect(), await address.connect()
        first.send_request("POST", "/first", b"x" * 800)
        await server.received.get()
        second.send_request("POST", "/second", b"x" * 800)
        assert (await server.received.get()).is_too_large
        server.connections[0].respond(202, b"")
        assert (await first.receive()).status == 202
        third = await address.connect()
        third.send_request("POST", "/third", b"x" * 800)
        assert not (await server.received.get()).is_too_large


async def test_a_lost_connection_gives_its_share_back():
    async with serving(answers=False) as (server, address):
        client = await address.connect()
        for path in ("/answering", "/waiting"):
            client.send_request("POST", path, b"x" * 100)
        await server.received.get()
        client.send(b"POST /half HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
        await client.close()
        connection = await server.lost.get()
        assert server.budget.held_bytes == 0
        assert not connection.is_open
        connection.respond(200, b"to nobody")
        connection.refuse(400)
        connection.hang_up()


async def test_an_offer_to_upgrade_is_declined(served):
    # The first request of Java's HttpClient, as it stands.
    server, client = served
    client.send(
        b"POST /a HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 3\r\n"
        b"Host: 127.0.0.1:9001\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
        b"Upgrade: h2c\r\nUser-Agent: Java-http-client/17.0.9\r\n\r\nab"
    )
    client.send(b"c")
    assert (await client.receive()).body == b"POST /a"
    assert (await client.request("GET", "/b")).body == b"GET /b"
    assert [request.body for request in server.requests] == [b"abc", b""]


async def test_nobody_needs_to_offer_it_twice(served):
    _, client = served
    upgrade = b"GET /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    client.send(upgrade + upgrade)
    assert (await client.receive()).status == 200
    assert (await client.receive()).status == 400
    assert await client.is_hung_up()


async def test_this_is_no_proxy(served):
    server, client = served
    client.send(b"CONNECT 10.0.0.1:80 HTTP/1.1\r\n\r\n")
    assert (await client.receive()).status == 400
    assert server.requests == []


async def test_a_mistake_of_ours_is_logged_and_ends_only_that_connection(served, caplog):
    server, client = served

    def fail(request, connection):
        raise RuntimeError("ours")

    server.receive, working = fail, server.receive
    broken = server.make()
    transport = MemoryTransport()
    broken.connection_made(transport)
    feed(broken, transport, b"GET /a HTTP/1.1\r\n\r\n")
    assert transport.is_closed
    assert "RuntimeError: ours" in caplog.text
    server.receive = working
    assert (await client.request("GET", "/b")).status == 200


def test_a_client_that_does_not_read_is_not_read_from():
    server, transport = Server(), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    connection.pause_writing()
    assert transport.is_reading_paused
    connection.resume_writing()
    assert not transport.is_reading_paused
    connection.hang_up()
    connection.pause_writing()
    connection.resume_writing()
    assert not transport.is_reading_paused


async def test_a_refusal_hangs_up_at_once():
    async with listening(Refusal) as address:
        assert await (await address.connect()).is_hung_up()


def test_it_runs_on_the_server_s_loop():
    async def talk():
        async with serving() as (_, address):
            client = await address.connect()
            return (await client.request("POST", "/a", b"x" * 100_000)).body

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(talk()) == b"POST /a"


FRAGMENTS = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /a?b HTTP/1.1\r\n",
        b"POST / HTTP/1.0\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
        b"Expect: 100-continue\r\n",
        b"X: " + b"v" * 3000,
        b"\r\n",
        b"\r\n\r\n",
        b"hello",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"0\r\nX-Trailer: 1\r\n\r\n",
        b"x" * 3000,
    ]
)
PIECES = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=50)), max_size=30).map(b"".join)


@given(data=PIECES, cuts=st.lists(st.integers(0, 5000), max_size=8), answers=st.booleans())
def test_no_bytes_in_no_pieces_do_harm(data, cuts, answers):
    server = Server(budget=4000, answers=answers)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    connection, transport = server.make(), MemoryTransport()
    connection.connection_made(transport)
    pieces = (data[start:end] for start, end in itertools.pairwise(places))
    feed(connection, transport, *pieces)
    assert 0 <= server.budget.held_bytes <= 4000
    connection.connection_lost(None)
    assert server.budget.held_bytes == 0

    server.answers = True
    connection, transport = server.make(), MemoryTransport()
    connection.connection_made(transport)
    feed(connection, transport, b"POST /next HTTP/1.1\r\nContent-Length: 2\r\n\r\nok")
    assert transport.written.endswith(b"POST /next")
    assert server.budget.held_bytes == 0
