"""The listener over TLS: callers that never become a connection, and those that do not go."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from dataclasses import dataclass, field

import pytest
import uvloop
from tests.support.certificates import make_certificate
from tests.unit.execution_environment.http_client import Client

from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.server import listener as listener_module
from lambent.server.certificates import _context
from lambent.server.connection_bounds import public_bounds
from lambent.server.listener import Listener
from lambent.server.listening import Listening, bind

WHOLE = bytes(range(256)) * 8192  # 2 MiB


def on_uvloop(test):
    """As the server runs: its TLS is uvloop's, which is no code of asyncio's."""

    @functools.wraps(test)
    def run(*arguments, **fixtures):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(*arguments, **fixtures))

    return run


@dataclass
class Place:
    listener: Listener
    port: int
    trusting: ssl.SSLContext
    requests: list[HttpRequest] = field(default_factory=list)

    async def connect(self, *, is_tls=True):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self.port,
            ssl=self.trusting if is_tls else None,
            server_hostname="localhost" if is_tls else None,
        )
        return Client(reader, writer)


@contextlib.asynccontextmanager
async def serving(tmp_path, answer=None):
    files = make_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(files.certificate))
    requests = []

    async def keep(request):
        requests.append(request)
        body = WHOLE if request.path == "/whole" else request.body
        return HttpResponse(status=200, headers=[], body=body)

    [opened] = bind(["127.0.0.1"], 0)
    with opened as bound:
        listener = Listener(
            answer or keep,
            max_body_bytes=3_000_000,
            drain_seconds=30,
            bounds=public_bounds(3_000_000),
        )
        listening = Listening(socket=bound, tls=_context(files.certificate, str(files.key)))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listener.serve(listening))
            try:
                yield Place(listener, bound.getsockname()[1], trusting, requests)
            finally:
                listener.stop()


async def closed(client):
    client.writer.close()
    with contextlib.suppress(OSError):
        await client.writer.wait_closed()


@on_uvloop
async def test_requests_are_answered_in_both_directions_at_length(tmp_path):
    async with serving(tmp_path) as place:
        client = await place.connect()
        assert (await client.request("POST", "/echo", WHOLE)).body == WHOLE
        assert (await client.request("GET", "/whole")).body == WHOLE
        assert [request.is_tls for request in place.requests] == [True, True]
        await closed(client)


@pytest.mark.parametrize(
    "greeting", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\0" * 5000, b"\x16\x03\x01\x00\x05hello"]
)
@on_uvloop
async def test_what_is_no_handshake_is_hung_up_on_and_forgotten(tmp_path, caplog, greeting):
    async with serving(tmp_path) as place:
        stranger = await place.connect(is_tls=False)
        stranger.send(greeting)
        with contextlib.suppress(ConnectionError):
            await stranger.reader.read()  # at most an alert, then the end
        await closed(stranger)
        client = await place.connect()
        assert (await client.request("GET", "/")).status == 200
        assert len(place.listener._connections) == 1
        await closed(client)
    assert caplog.text == ""


@on_uvloop
async def test_who_does_not_trust_us_leaves_nothing_behind(tmp_path, caplog):
    async with serving(tmp_path) as place:
        place.trusting = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            await place.connect()
        assert not place.listener._connections
    assert caplog.text == ""


@on_uvloop
async def test_a_handshake_has_its_time(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(listener_module, "_HANDSHAKE_SECONDS", 0.01)
    async with serving(tmp_path) as place:
        silent = await place.connect(is_tls=False)
        assert await silent.is_hung_up()
        await closed(silent)
    assert caplog.text == ""


@on_uvloop
async def test_the_end_waits_for_no_farewell(tmp_path, monkeypatch):
    monkeypatch.setattr(listener_module, "_FAREWELL_SECONDS", 0.01)
    async with asyncio.timeout(20):  # less than what the end may take
        async with serving(tmp_path) as place:
            pooled = await place.connect()
            await pooled.request("GET", "/")
            # As a connection in a pool that nobody looks at: it neither reads nor closes.
            pooled.writer.transport.pause_reading()
        assert not place.listener._connections
    pooled.writer.transport.abort()


@on_uvloop
async def test_what_is_at_work_is_answered_before_the_end(tmp_path):
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(request):
        asked.set()
        await may_answer.wait()
        return HttpResponse(status=200, headers=[], body=WHOLE)

    async with serving(tmp_path, answer) as place:
        client = await place.connect()
        client.send_request("GET", "/")
        await asked.wait()
        place.listener.stop()
        may_answer.set()
        response = await client.receive()
        assert (response.body, response.headers["connection"]) == (WHOLE, "close")
        assert await client.is_hung_up()
        await closed(client)


@on_uvloop
async def test_a_handshake_that_ends_after_the_end_is_no_connection(tmp_path):
    async with serving(tmp_path) as place:
        place.listener._stopped.set()
        with contextlib.suppress(ConnectionError):
            late = await place.connect()
            assert await late.is_hung_up()
            await closed(late)
        assert place.requests == []
