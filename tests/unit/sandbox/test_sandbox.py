"""A sandbox's life, with a body and processes that are pipes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambent.sandbox.sandbox import (
    Command,
    Exit,
    NetworkSlot,
    Sandbox,
    SandboxStartFailed,
    open_tcp_socket,
)

ENDED = Exit(code=0, signal=None, is_out_of_memory=False)
COMMAND = Command(argv=("x",), environment={"SECRET": "swordfish"}, working_directory="/")


class Started:
    def __init__(self):
        self.output, self.telemetry = os.dup(0), os.dup(0)
        self.exit_descriptor, alive = os.pipe()
        self._alive: int | None = alive
        self.signals: list[int] = []

    def exit(self):
        return ENDED

    def signal(self, number):
        self.signals.append(number)

    def end(self):
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    def remove(self):
        os.close(self.exit_descriptor)


class Body:
    first_process = 12

    def __init__(self):
        self.calls: list[str] = []
        self.started: list[Started] = []
        self.may_start = threading.Event()
        self.may_start.set()
        self.failure: Exception | None = None

    def run(self, command):
        return self._start("run")

    def run_beside(self, command):
        return self._start("run beside")

    def _start(self, call):
        self.calls.append(call)
        self.may_start.wait(10)
        if self.failure:
            raise self.failure
        self.started.append(Started())
        return self.started[-1]

    def kill(self):
        if "kill" not in self.calls:
            self.calls.append("kill")
        for started in self.started:
            started.end()

    def freeze(self):
        self.calls.append("freeze")
        return True

    def remove(self):
        self.calls.append("remove")


@pytest.fixture
async def body():
    return Body()


@pytest.fixture
async def sandbox(body):
    with ThreadPoolExecutor(2) as executor:
        forgotten: list[Sandbox] = []
        sandbox = Sandbox(
            body,
            forgotten.append,
            executor=executor,
            patient=executor,
            may_have_company=False,
        )
        yield sandbox
        body.may_start.set()
        await sandbox.close()
        assert forgotten == [sandbox]


async def test_everybody_who_waits_learns_the_end(sandbox, body):
    process = await sandbox.run(COMMAND)
    waiting = [asyncio.create_task(process.wait()) for _ in range(3)]
    body.started[0].end()
    assert await asyncio.gather(*waiting) == [ENDED] * 3
    assert await process.wait() == ENDED


async def test_who_stops_waiting_disturbs_nobody(sandbox, body):
    process = await sandbox.run(COMMAND)
    impatient = asyncio.create_task(process.wait())
    await asyncio.sleep(0)
    impatient.cancel()
    body.kill()
    assert await process.wait() == ENDED


async def test_a_process_is_signalled_alone(sandbox, body):
    first, second = await sandbox.run_beside(COMMAND), await sandbox.run(COMMAND)
    first.terminate()
    second.kill()
    assert [started.signals for started in body.started] == [[signal.SIGTERM], [signal.SIGKILL]]


async def test_closing_twice_or_giving_up_removes_once(sandbox, body):
    process = await sandbox.run(COMMAND)
    first = asyncio.create_task(sandbox.close())
    await asyncio.sleep(0)
    first.cancel()
    await sandbox.close()
    await sandbox.close()
    assert body.calls == ["run", "kill", "remove"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(process.output)


async def test_closing_waits_for_a_start_and_ends_what_it_started(sandbox, body):
    body.may_start.clear()
    starting = asyncio.create_task(sandbox.run(COMMAND))
    await asyncio.sleep(0)
    starting.cancel()
    closing = asyncio.create_task(sandbox.close())
    await asyncio.sleep(0)
    body.may_start.set()
    await closing
    assert body.calls[-1] == "remove"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(body.started[0].output)


async def test_a_start_that_fails_is_told_and_disturbs_nothing(sandbox, body):
    body.failure = SandboxStartFailed("no")
    with pytest.raises(SandboxStartFailed, match="no"):
        await sandbox.run(COMMAND)


async def test_nothing_starts_in_a_closed_sandbox(sandbox):
    await sandbox.close()
    with pytest.raises(SandboxStartFailed, match="closed"):
        await sandbox.run(COMMAND)


async def test_what_is_dying_is_not_frozen(sandbox, body):
    assert sandbox.freeze()
    sandbox.kill()
    assert not sandbox.freeze()
    assert body.calls == ["freeze", "kill"]


async def test_the_first_process_is_the_bodys(sandbox):
    assert sandbox.first_process == 12


def test_an_environment_is_not_in_a_commands_repr():
    assert "swordfish" not in repr(COMMAND)


def test_a_slots_socket_does_not_block():
    with open_tcp_socket() as listener:
        slot = NetworkSlot(
            listener=listener,
            api_address="",
            door=listener,
            door_address="",
            namespace=None,
            release=listener.close,
        )
        with slot.open_socket() as opened:
            assert not opened.getblocking()
