"""How much a sandbox may send, and how much of it is kept."""

from __future__ import annotations

import json

import pytest
from tests.unit.execution_environment.http_client import MemoryTransport, feed
from tests.unit.protocol.recording_http_server import MIB, Server, serving

from lambent.protocol.body_budget import BodyBudget


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
    feed(connection, transport, b"POST /a HTTP/1.1\r\nHost: a\r\n", *pieces)
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert transport.is_closed
    assert server.requests == []


def test_an_endless_path_is_refused():
    server, transport = Server(budget=8 * MIB), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    feed(connection, transport, b"GET /", *[b"a" * 1000] * 1200)
    assert transport.written.startswith(b"HTTP/1.1 431 ")


def test_a_listener_may_take_smaller_heads_only():
    server = Server(budget=8 * MIB)
    server.budget.max_head_bytes = 64 * 1024
    for length, status in ((60_000, b"200"), (70_000, b"431")):
        transport = MemoryTransport()
        connection = server.make()
        connection.connection_made(transport)
        feed(connection, transport, b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"v" * length))
        assert transport.written.startswith(b"HTTP/1.1 " + status)


def test_what_came_with_a_flood_is_not_answered():
    server, transport = Server(budget=8 * MIB), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    feed(
        connection,
        transport,
        b"POST /a HTTP/1.1\r\nHost: a\r\nX: %s\r\n" % (b"v" * 1_200_000) + b"\r\n" * 9,
    )
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
        feed(connection, transport, b"POST /a HTTP/1.1\r\nHost: a\r\nX: ", b"v" * 1000)
    assert 3000 < server.budget.held_bytes <= 4000
    assert connections[-1][1].written.startswith(b"HTTP/1.1 503 ")
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
    request = b"POST /a HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"v" * 500)
    feed(connection, transport, request)
    assert server.budget.held_bytes > 500
    feed(connection, transport, request)
    assert transport.written.startswith(b"HTTP/1.1 503 ")
    assert len(server.requests) == 1
    connection.connection_lost(None)
    assert server.budget.held_bytes == 0


def test_short_headers_count_for_what_they_take_in_memory():
    server, transport = Server(budget=8 * MIB), MemoryTransport()
    connection = server.make()
    connection.connection_made(transport)
    headers = b"".join(b"%d:\r\n" % number for number in range(20_000))
    feed(connection, transport, b"POST /a HTTP/1.1\r\nHost: a\r\n" + headers)
    assert transport.written.startswith(b"HTTP/1.1 431 ")


async def test_a_body_of_many_small_chunks_is_no_flood():
    async with serving() as (server, address):
        client = await address.connect()
        client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
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
        client.send(b"POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        await client.close()
        connection = await server.lost.get()
        assert server.budget.held_bytes == 0
        assert not connection.is_open
        connection.respond(200, b"to nobody")
        connection.refuse(400)
        connection.hang_up()


def connection_within(shared, *, limit=8000):
    """One of several that share a budget, each with 1000 bytes of its own; and its transport."""
    server, transport = Server(answers=False), MemoryTransport()
    server.budget = BodyBudget(limit_bytes=limit, within=shared, own_bytes=1000)
    connection = server.make()
    connection.connection_made(transport)
    return server, connection, transport


def test_a_body_for_which_others_leave_no_room_is_to_be_sent_again():
    shared = BodyBudget(limit_bytes=5000, held_bytes=3000)
    server, connection, transport = connection_within(shared)
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n"
    feed(connection, transport, head, b"x" * 4000)
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"x-amzn-ErrorType: ServiceUnavailable" in head
    assert json.loads(body)["Type"] == "Service"
    assert (server.requests, shared.held_bytes) == ([], 3000)


def test_a_body_that_is_longer_than_any_may_be_is_not_to_be_sent_again():
    shared = BodyBudget(limit_bytes=5000, held_bytes=3000)
    server, connection, transport = connection_within(shared, limit=3000)
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n"
    feed(connection, transport, head, b"x" * 4000)
    assert server.requests[0].is_too_large


def test_a_head_and_a_small_body_find_room_whatever_others_hold():
    shared = BodyBudget(limit_bytes=5000, held_bytes=5000)
    for request in (
        b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n" + b"x" * 500,
    ):
        server, connection, transport = connection_within(shared)
        feed(connection, transport, request)
        assert len(server.requests) == 1
        connection.connection_lost(None)
    assert shared.held_bytes == 5000


def test_a_long_head_for_which_others_leave_no_room_is_not_called_too_long():
    shared = BodyBudget(limit_bytes=5000, held_bytes=5000)
    _, connection, transport = connection_within(shared)
    feed(connection, transport, b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"v" * 2000))
    assert transport.written.startswith(b"HTTP/1.1 503 ")
