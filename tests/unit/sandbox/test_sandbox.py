"""A running sandbox's life, with a body that is a pipe."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambent.sandbox.sandbox import Command, Exit, Sandbox

ENDED = Exit(code=0, signal=None, is_out_of_memory=False)


class Body:
    def __init__(self):
        self.output, self.telemetry = os.dup(0), os.dup(0)
        self.exit_descriptor, alive = os.pipe()
        self._alive: int | None = alive
        self.calls: list[str] = []

    def exit(self):
        return ENDED

    def kill(self):
        self.calls.append("kill")
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    def remove(self):
        self.calls.append("remove")
        os.close(self.exit_descriptor)


@pytest.fixture
async def body():
    return Body()


@pytest.fixture
async def sandbox(body):
    with ThreadPoolExecutor(1) as executor:
        forgotten: list[Sandbox] = []
        sandbox = Sandbox(body, executor, forgotten.append)
        yield sandbox
        await sandbox.close()
        assert forgotten == [sandbox]


async def test_everybody_who_waits_learns_the_end(sandbox, body):
    waiting = [asyncio.create_task(sandbox.wait()) for _ in range(3)]
    body.kill()
    assert await asyncio.gather(*waiting) == [ENDED] * 3
    assert await sandbox.wait() == ENDED


async def test_who_stops_waiting_disturbs_nobody(sandbox, body):
    impatient = asyncio.create_task(sandbox.wait())
    await asyncio.sleep(0)
    impatient.cancel()
    body.kill()
    assert await sandbox.wait() == ENDED


async def test_closing_twice_or_giving_up_removes_once(sandbox, body):
    first = asyncio.create_task(sandbox.close())
    await asyncio.sleep(0)
    first.cancel()
    await sandbox.close()
    await sandbox.close()
    assert body.calls == ["kill", "remove"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(body.output)


def test_an_environment_is_not_in_a_commands_repr():
    command = Command(argv=("x",), environment={"SECRET": "swordfish"}, working_directory="/")
    assert "swordfish" not in repr(command)
