"""A file as the answer, of which a piece at a time is in memory."""

from __future__ import annotations

import asyncio
import io

import pytest
from tests.unit.execution_environment.fakes import settle
from tests.unit.execution_environment.http_client import MemoryTransport
from tests.unit.protocol.recording_http_server import serving

from lambent.protocol import body_source
from lambent.protocol.body_budget import BodyBudget
from lambent.protocol.body_source import FileSource
from lambent.protocol.http_connection import Connection

CONTENT = bytes(range(256)) * 4
PIECE = 100


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(body_source, "_PIECE_BYTES", PIECE)


class File(io.BytesIO):
    """Counts what was read of it."""

    def __init__(self, content=CONTENT):
        super().__init__(content)
        self.read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.read_bytes += len(piece)
        return piece


async def send(connection, file=None):
    source = await FileSource.measure(file or File())
    await connection.send(200, source, "Content-Type: application/zip\r\n")
    connection.end_sending()


def asked(request=b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"):
    """A connection of which a request waits for its answer; who it belongs to is told of loss."""
    lost: list[Connection] = []
    connection = Connection(
        lambda request, connection: None, lost.append, BodyBudget(limit_bytes=10_000)
    )
    transport = MemoryTransport()
    connection.connection_made(transport)
    connection.data_received(request)
    return connection, transport


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.to_thread(lambda: None)  # behind what reads the file


async def test_files_and_other_answers_follow_each_other_on_one_connection():
    async with serving(answers=False) as (server, address):
        client = await address.connect()
        for path in ("/1", "/2", "/3"):
            client.send_request("GET", path)
        for path in ("/1", "/2"):
            assert (await server.received.get()).path == path
            assert server.received.empty()
            await send(server.connections[-1])
            response = await client.receive()
            assert (response.headers["content-type"], response.body) == (
                "application/zip",
                CONTENT,
            )
        await server.received.get()
        server.connections[-1].respond(200, b"{}")
        assert (await client.receive()).body == b"{}"
    assert server.budget.held_bytes == 0


async def test_of_a_file_only_the_head_is_sent_for_head():
    connection, transport = asked(b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")
    file = File()
    await send(connection, file)
    assert transport.written.endswith(b"Content-Length: 1024\r\n\r\n")
    assert file.read_bytes == 0
    assert not transport.is_closed


async def test_the_last_requests_file_ends_the_connection():
    connection, transport = asked(b"GET /a HTTP/1.0\r\n\r\n")
    await send(connection)
    assert b"Connection: close" in transport.written
    assert transport.written.endswith(CONTENT)
    assert transport.is_closed


async def test_a_file_under_way_is_sent_whole_before_a_connection_ends():
    connection, transport = asked()
    connection.pause_writing()
    sending = asyncio.create_task(send(connection))
    await until(lambda: len(transport.written) > PIECE)
    connection.finish()
    assert not transport.is_closed
    connection.resume_writing()
    await sending
    assert transport.written.endswith(CONTENT)
    assert transport.is_closed


async def test_no_more_is_read_than_the_other_side_takes():
    connection, transport = asked()
    connection.pause_writing()
    file = File()
    sending = asyncio.create_task(send(connection, file))
    await until(lambda: len(transport.written) > PIECE)
    await settle()
    assert file.read_bytes == PIECE
    assert not connection.is_at_rest
    connection.resume_writing()
    await sending
    assert connection.is_at_rest


async def test_who_has_gone_is_sent_no_more():
    connection, transport = asked()
    connection.pause_writing()
    file = File()
    sending = asyncio.create_task(send(connection, file))
    await until(lambda: len(transport.written) > PIECE)
    connection.connection_lost(None)
    await sending
    assert file.read_bytes <= 2 * PIECE
    connection, transport = asked()
    connection.connection_lost(None)
    await send(connection)
    assert transport.written == b""


async def test_a_file_that_became_shorter_does_not_look_whole():
    class Shrinking(File):
        def read(self, size: int | None = -1, /) -> bytes:
            return b""

    connection, transport = asked()
    await send(connection, Shrinking())
    assert transport.is_closed
    assert b"Content-Length: 1024" in transport.written
