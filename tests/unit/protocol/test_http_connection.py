from __future__ import annotations

import asyncio
import itertools
import time

import pytest
import uvloop
from hypothesis import given, strategies as st
from tests.unit.execution_environment.http_client import MemoryTransport, feed, listening
from tests.unit.protocol.recording_http_server import Server, serving

from lambent.protocol.http_connection import Connection
from lambent.protocol.refusal import Refusal


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
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Error\r\n\r\n"
        b"3\r\nabc\r\n2;extension=1\r\nde\r\n"
    )
    client.send(b"0\r\nX-Error: Oh.No\r\n\r\n")
    assert (await client.receive()).status == 200
    [request] = server.requests
    assert request.body == b"abcde"
    assert request.trailers == {"x-error": "Oh.No"}


@pytest.mark.parametrize("name", ["Host", "Authorization", "X-Moto-Account-Id", "Content-Type"])
async def test_trailers_do_not_change_the_head(served, name):
    server, client = served
    client.send(
        b"POST /a HTTP/1.1\r\nHost: a\r\nAuthorization: mine\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + f"{name}: other\r\n\r\n".encode()
    )
    assert (await client.receive()).status == 200
    [request] = server.requests
    head = {"host": "a", "authorization": "mine", "transfer-encoding": "chunked"}
    assert (request.headers, request.trailers) == (head, {name.lower(): "other"})


async def test_a_body_is_asked_for_when_the_client_waits_for_that(served):
    _, client = served
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
    assert await client.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"abc")
    assert (await client.receive()).body == b"POST /a"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.0\r\n\r\n",
        b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
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
        b"GET /a HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
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
    upgrade = b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
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
    feed(broken, transport, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert transport.is_closed
    assert "RuntimeError: ours" in caplog.text
    server.receive = working
    assert (await client.request("GET", "/b")).status == 200


async def test_head_has_no_body_and_its_length(served):
    _, client = served
    client.send(b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n")
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert b"Content-Length: 7\r\n" in head
    assert (await client.receive()).body == b"GET /b"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/a?b=c?d", "/a", "b=c?d"),
        ("http://127.0.0.1:9001/a?b", "/a", "b"),
        ("http://127.0.0.1:9001", "/", ""),
        ("/a%2Fb", "/a%2Fb", ""),
        ("*", "*", ""),
    ],
)
async def test_a_target_has_a_path_and_a_query(served, target, path, query):
    server, client = served
    await client.request("OPTIONS", target)
    assert (server.requests[0].path, server.requests[0].query) == (path, query)


def half_closing(server):
    transport = MemoryTransport()
    connection = Connection(
        server.receive, server.lost.put_nowait, server.budget, may_half_close=True
    )
    connection.connection_made(transport)
    return connection, transport


def test_a_client_may_have_its_answer_after_its_own_end():
    server = Server(answers=False)
    connection, transport = half_closing(server)
    feed(connection, transport, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.eof_received()
    connection.respond(200, b"late")
    assert transport.written.endswith(b"late")
    assert transport.is_closed
    connection, transport = half_closing(server)
    feed(connection, transport, b"GET /a HTTP/1.1\r\nHost: a\r\n")
    assert not connection.eof_received()


def test_a_runtime_that_ends_its_side_is_gone():
    server, transport = Server(answers=False), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    feed(connection, transport, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not connection.eof_received()


def test_one_that_is_to_finish_answers_what_it_has_and_nothing_more():
    server, transport = Server(answers=False), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    feed(
        connection,
        transport,
        b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    )
    connection.finish()
    assert not transport.is_closed
    connection.respond(200, b"last")
    assert b"Connection: close\r\n" in transport.written
    assert transport.is_closed
    assert len(server.requests) == 1


def test_one_without_a_request_finishes_at_once():
    server, transport = Server(), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    connection.finish()
    assert transport.is_closed


def test_it_tells_whether_anything_happened_or_is_to_happen():
    server, transport = Server(answers=False), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    connection.is_quiet = True
    assert connection.is_at_rest
    feed(connection, transport, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not connection.is_quiet
    assert not connection.is_at_rest
    connection.is_quiet = True
    connection.respond(200, b"answer")
    assert not connection.is_quiet
    assert connection.is_at_rest


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
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST /a?b HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.0\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"Content-Length: 5\r\n",
        b"Host: b\r\n",
        b"Cookie: a=1\r\n",
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
    feed(connection, transport, b"POST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
    assert transport.written.endswith(b"POST /next")
    assert server.budget.held_bytes == 0


def test_a_request_tells_when_it_began_to_come_in():
    server, transport = Server(answers=False), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    before = time.monotonic()
    feed(connection, transport, b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha")
    between = time.monotonic()
    feed(connection, transport, b"lf")
    assert before <= server.requests[0].began <= between
    connection.connection_lost(None)
