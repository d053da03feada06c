from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.support.versions import function_version
from tests.unit.aws.stand_ins import FakeAws

from lambent.aws.credentials import IssuedCredentials
from lambent.protocol.http import HttpResponse
from lambent.server import sandbox_doors
from lambent.server.sandbox_doors import SandboxDoors

NOBODY: Any = FakeAws()
REQUEST = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def doors():
    return SandboxDoors(IssuedCredentials())


@pytest.fixture
def sockets():
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        for each in made:
            each.setblocking(False)
        yield made


@pytest.fixture
def door(sockets):
    return sockets[0]


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


class Caller:
    """One connection to a door."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, door):
        return cls(*await asyncio.open_connection(*door.getsockname()))

    async def ask(self):
        self.writer.write(REQUEST)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = answer.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        await self.reader.readexactly(int(length))
        return answer

    async def is_hung_up_on(self):
        try:
            async with asyncio.timeout(20):
                return await self.reader.read() == b""
        except ConnectionError:
            return True
        finally:
            self.writer.close()


async def test_who_knocks_before_anybody_serves_is_answered_when_somebody_does(doors, door):
    with doors.open(door, []):
        caller = await Caller.of(door)
        asking = asyncio.create_task(caller.ask())
        async with doors.serving(NOBODY, NOBODY):
            assert b" 403 " in await asking
        assert await caller.is_hung_up_on()


async def test_a_door_is_open_until_its_life_ends(doors, door):
    async with doors.serving(NOBODY, NOBODY):
        with doors.open(door, []):
            caller = await Caller.of(door)
            assert b" 403 " in await caller.ask()
            assert b" 403 " in await caller.ask()
        assert await caller.is_hung_up_on()


async def test_doors_nobody_knocked_at_cost_no_descriptor_and_leave_nothing(doors, sockets):
    async with doors.serving(NOBODY, NOBODY):
        with doors.open(sockets[0], []), doors.open(sockets[1], []):
            pass
        for each in sockets:
            assert not asyncio.get_running_loop().remove_reader(each)


async def test_a_door_that_was_used_leaves_no_descriptor(doors, door):
    async with doors.serving(NOBODY, NOBODY):
        before = descriptors()
        with doors.open(door, []):
            caller = await Caller.of(door)
            await caller.ask()
        assert await caller.is_hung_up_on()
        await caller.writer.wait_closed()
    assert descriptors() == before


async def test_the_slot_s_socket_may_be_closed_at_once_after_the_end(doors, door):
    async with doors.serving(NOBODY, NOBODY):
        with doors.open(door, []):
            caller = await Caller.of(door)
            await caller.ask()
        door.close()
        assert await caller.is_hung_up_on()


async def test_each_sandbox_has_only_so_many_connections(doors, sockets, monkeypatch):
    monkeypatch.setattr(sandbox_doors, "_CONNECTIONS", 1)
    async with doors.serving(NOBODY, NOBODY):
        with doors.open(sockets[0], []), doors.open(sockets[1], []):
            first = await Caller.of(sockets[0])
            await first.ask()
            assert await (await Caller.of(sockets[0])).is_hung_up_on()
            other = await Caller.of(sockets[1])
            assert b" 403 " in await other.ask()
            first.writer.close()
            other.writer.close()


async def test_a_function_s_environments_together_have_only_so_many(sockets, monkeypatch):
    issued = IssuedCredentials()
    one, again, other = (issued.issue(function_version(name=name)) for name in ("a", "a", "b"))
    monkeypatch.setattr(sandbox_doors, "_OF_FUNCTION", (1, 1, 1_000_000))
    doors = SandboxDoors(issued)
    async with doors.serving(NOBODY, NOBODY):
        with doors.open(sockets[0], [one]):
            first = await Caller.of(sockets[0])
            await first.ask()
            with doors.open(sockets[1], [again]):
                assert await (await Caller.of(sockets[1])).is_hung_up_on()
            with doors.open(sockets[1], [other]):
                elsewhere = await Caller.of(sockets[1])
                assert b" 403 " in await elsewhere.ask()
                elsewhere.writer.close()
            first.writer.close()


async def test_heads_are_as_long_as_sdks_make_them_at_most(doors, door):
    async with doors.serving(NOBODY, NOBODY):
        with doors.open(door, []):
            caller = await Caller.of(door)
            caller.writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"v" * 70_000))
            assert (await caller.reader.readline()).startswith(b"HTTP/1.1 431 ")
            caller.writer.close()


async def test_connections_are_hung_up_without_closing_the_door(doors, door):
    async with doors.serving(NOBODY, NOBODY):
        with doors.open(door, []):
            assert doors.hang_up(door) == 0
            caller = await Caller.of(door)
            await caller.ask()
            assert doors.hang_up(door) == 1
            assert await caller.is_hung_up_on()
            again = await Caller.of(door)
            assert b" 403 " in await again.ask()
            again.writer.close()


class Slow:
    """In place of a `SandboxDoor`: answers when the test says so."""

    def __init__(self):
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.is_done = asyncio.Event()

    async def __call__(self, request):
        self.asked.set()
        await self.may_answer.wait()
        self.is_done.set()
        return HttpResponse(status=200, headers=[], body=b"")


@pytest.fixture
def slow(monkeypatch):
    slow = Slow()
    monkeypatch.setattr(sandbox_doors, "SandboxDoor", lambda *_: slow)
    return slow


async def test_what_a_function_asked_is_done_after_its_end(doors, door, slow):
    async with doors.serving(NOBODY, NOBODY):
        with doors.open(door, []):
            caller = await Caller.of(door)
            caller.writer.write(REQUEST)
            await slow.asked.wait()
            caller.writer.transport.abort()
        slow.may_answer.set()
        async with asyncio.timeout(20):
            await slow.is_done.wait()


async def test_the_server_s_end_waits_not_long(doors, door, slow, monkeypatch):
    monkeypatch.setattr(sandbox_doors, "_LAST_ANSWERS_SECONDS", 0)
    with doors.open(door, []):
        async with asyncio.timeout(20), doors.serving(NOBODY, NOBODY):
            caller = await Caller.of(door)
            caller.writer.write(REQUEST)
            await slow.asked.wait()
        assert not slow.is_done.is_set()
        assert await caller.is_hung_up_on()
