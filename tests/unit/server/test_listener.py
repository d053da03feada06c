from __future__ import annotations

import asyncio
import contextlib
import io
import signal
from email.utils import parsedate_to_datetime

import pytest
from tests.unit.execution_environment.http_client import Address

from lambent.protocol.body_source import FileSource
from lambent.protocol.http import HttpResponse
from lambent.server import listener as listener_module
from lambent.server.connection_bounds import public_bounds
from lambent.server.listener import Listener
from lambent.server.listening import Listening, bind


async def hello(request):
    return HttpResponse(
        status=200,
        headers=[("content-type", "text/plain"), ("x-path", request.path)],
        body=b"hello",
    )


class Slow:
    """Answers when the test says so."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, request):
        self.asked.set()
        await self.may_answer.wait()
        return await hello(request)


@contextlib.asynccontextmanager
async def serving(answer, *, drain_seconds=1):
    [opened] = bind(["127.0.0.1"], 0)
    with opened as bound:
        listener = Listener(
            answer,
            max_body_bytes=1000,
            drain_seconds=drain_seconds,
            bounds=public_bounds(1000),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listener.serve(Listening(socket=bound)))
            address = Address(*bound.getsockname())
            try:
                yield listener, address
            finally:
                for client in address.clients:
                    await client.close()
                listener.stop()


async def test_it_answers_and_leaves_signals_alone():
    handler = signal.getsignal(signal.SIGTERM)
    async with serving(hello) as (_, address):
        client = await address.connect()
        for path in ("/1", "/2"):
            response = await client.request("POST", path, b"body")
            assert (response.status, response.body) == (200, b"hello")
            assert (response.headers["x-path"], "server" in response.headers) == (path, False)
            assert parsedate_to_datetime(response.headers["date"]).tzinfo is not None
        assert signal.getsignal(signal.SIGTERM) == handler


class Archive(io.BytesIO):
    """A file of which nothing can be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError("disk")


async def test_a_file_is_sent_and_closed():
    files = {"/good": io.BytesIO(b"zip" * 100_000), "/bad": Archive(b"zip")}

    async def answer(request):
        file = files[request.path]
        return HttpResponse(
            status=200, headers=[("x-path", "p")], body=b"", source=await FileSource.measure(file)
        )

    async with serving(answer) as (_, address):
        client = await address.connect()
        response = await client.request("GET", "/good")
        assert (response.headers["x-path"], response.body) == ("p", b"zip" * 100_000)
        client.send_request("GET", "/bad")
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"content-length: 3" in head.lower()
        assert await client.is_hung_up()
    assert all(file.closed for file in files.values())


async def test_a_file_that_nobody_takes_does_not_outlive_the_listener():
    file = io.BytesIO(bytes(100_000_000))

    async def answer(request):
        return HttpResponse(status=200, headers=[], body=b"", source=await FileSource.measure(file))

    async with serving(answer) as (listener, address):
        client = await address.connect()
        client.send_request("GET", "/")
        await client.reader.readuntil(b"\r\n\r\n")
        listener.stop()
        listener.abandon()
    assert file.closed


async def test_requests_at_work_are_answered_before_it_ends():
    slow = Slow()
    async with serving(slow) as (listener, address):
        idle, busy = await address.connect(), await address.connect()
        busy.send_request("POST", "/a")
        await slow.asked.wait()
        listener.stop()
        assert await idle.is_hung_up()
        slow.may_answer.set()
        response = await busy.receive()
        assert (response.body, response.headers["connection"]) == (b"hello", "close")
        assert await busy.is_hung_up()


async def test_with_nothing_at_work_it_ends_at_once_when_it_is_cancelled():
    [opened] = bind(["127.0.0.1"], 0)
    with opened as bound:
        listener = Listener(
            hello, max_body_bytes=1000, drain_seconds=3600, bounds=public_bounds(1000)
        )
        serving = asyncio.ensure_future(listener.serve(Listening(socket=bound)))
        await asyncio.sleep(0)
        serving.cancel()

        with pytest.raises(asyncio.CancelledError):
            await serving


async def test_it_waits_no_longer_for_what_is_abandoned():
    slow = Slow()
    async with serving(slow, drain_seconds=1000) as (listener, address):
        client = await address.connect()
        client.send_request("POST", "/a")
        await slow.asked.wait()
        listener.stop()
        listener.abandon()
        assert await client.is_hung_up()


async def test_it_waits_only_so_long_for_what_is_at_work(monkeypatch, caplog):
    monkeypatch.setattr(listener_module, "_LAST_ANSWERS_SECONDS", 0)
    slow = Slow()
    async with serving(slow, drain_seconds=0) as (listener, address):
        client = await address.connect()
        client.send_request("POST", "/a")
        await slow.asked.wait()
        listener.stop()
        assert await client.is_hung_up()
    assert "1 requests are not answered in time" in caplog.text


async def test_a_mistake_of_ours_is_logged_and_answered_without_details(caplog):
    async def fail(request):
        raise RuntimeError("secret detail")

    async with serving(fail) as (_, address):
        client = await address.connect()
        response = await client.request("GET", "/a")
        assert (response.status, response.body) == (500, b"Internal Server Error")
    assert "secret detail" in caplog.text


async def test_a_body_over_the_limit_is_told_without_being_kept():
    requests = []

    async def keep(request):
        requests.append(request)
        return await hello(request)

    async with serving(keep) as (_, address):
        client = await address.connect()
        await client.request("POST", "/a", b"x" * 2_000_000)
    assert [(request.body, request.is_too_large) for request in requests] == [(b"", True)]


async def test_connections_that_are_quiet_are_closed_in_the_end():
    slow = Slow()
    async with serving(slow) as (listener, address):
        idle, busy = await address.connect(), await address.connect()
        for client in (idle, busy):
            slow.may_answer.set()
            await client.request("GET", "/a")
        slow.may_answer.clear()
        slow.asked.clear()
        busy.send_request("GET", "/b")
        await slow.asked.wait()
        for _ in range(3):
            listener.close_quiet_ones()
        assert await idle.is_hung_up()
        slow.may_answer.set()
        assert (await busy.receive()).body == b"hello"
        listener.close_quiet_ones()
        assert (await busy.request("GET", "/c")).body == b"hello"
