"""Real sandboxes on this machine, as root."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lambent.sandbox import privileges
from lambent.sandbox.isolation import Isolation
from lambent.sandbox.sandbox import (
    Command,
    Exit,
    Limits,
    Mount,
    NetworkSlot,
    Process,
    Sandbox,
    Volume,
)

MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=256 * MIB, cpus=2.0, processes=64, open_files=1024)
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    reason = None
    if not privileges.has_root_powers():
        reason = "needs root"
    for item in items:
        if reason and item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def private_mounts():
    """What the program does when it begins."""
    if privileges.has_root_powers():
        assert privileges.enter_namespaces()


@pytest.fixture
def open_isolation():
    def open_below(directory, door_port=0):
        state = directory / "state"
        return Isolation.open(state_directory=state, kind="namespaces", door_port=door_port)

    return open_below


@pytest.fixture
async def isolation(tmp_path, open_isolation):
    async with open_isolation(tmp_path) as opened:
        yield opened


class Running:
    """A sandbox and its main command as one."""

    def __init__(self, sandbox: Sandbox, process: Process) -> None:
        self.sandbox = sandbox
        self.output, self.telemetry = process.output, process.telemetry
        self.wait = process.wait
        self.kill, self.close = sandbox.kill, sandbox.close
        self.memory_peak_bytes = sandbox.memory_peak_bytes


@dataclass
class Place:
    """A volume and a slot for one sandbox after another."""

    isolation: Isolation
    volume: Volume
    slot: NetworkSlot
    limits: Limits = LIMITS
    sandboxes: list[Sandbox] = field(default_factory=list)

    def command(
        self,
        *argv: str,
        environment: dict[str, str] | None = None,
        working_directory: str = "/tmp",
    ) -> Command:
        return Command(
            argv=argv,
            environment={"PATH": "/usr/bin:/bin"} if environment is None else environment,
            working_directory=working_directory,
            telemetry_variable="TELEMETRY" if environment is None else "",
        )

    def script(self, text: str) -> Command:
        return self.command("/bin/sh", "-c", text)

    async def build(
        self,
        *,
        limits: Limits | None = None,
        mounts: tuple[Mount, ...] = (),
        may_have_company: bool = True,
    ) -> Sandbox:
        sandbox = await self.isolation.build(
            mounts=mounts,
            limits=limits or self.limits,
            volume=self.volume,
            slot=self.slot,
            may_have_company=may_have_company,
        )
        self.sandboxes.append(sandbox)
        return sandbox

    async def start(
        self,
        *argv: str,
        limits: Limits | None = None,
        mounts: tuple[Mount, ...] = (),
        environment: dict[str, str] | None = None,
        working_directory: str = "/tmp",
    ) -> Running:
        command = self.command(*argv, environment=environment, working_directory=working_directory)
        sandbox = await self.build(limits=limits, mounts=mounts, may_have_company=False)
        try:
            return Running(sandbox, await sandbox.run(command))
        except BaseException:
            await sandbox.close()
            raise

    async def run(self, *argv: str, **options) -> tuple[str, Exit]:
        """A command's whole output, and how it ended."""
        sandbox = await self.start(*argv, **options)
        ended = await sandbox.wait()
        output = await read_all(sandbox.output)
        await sandbox.close()
        return output, ended

    async def sh(self, script: str, **options) -> str:
        output, _ = await self.run("/bin/sh", "-c", script, **options)
        return output

    async def python(self, program: str, **options) -> str:
        output, _ = await self.run("/usr/bin/python3", "-c", program, **options)
        return output

    async def read_until(self, source: Running | Process, end: bytes) -> bytes:
        """A command's output as far as `end`."""
        return await read_until(source.output, end)

    def read_now(self, process: Process) -> bytes:
        """What is there to be read. Raises BlockingIOError when that is nothing."""
        return os.read(process.output, 65536)

    async def read_all(self, descriptor: int) -> str:
        return await read_all(descriptor)

    async def close(self) -> None:
        for sandbox in self.sandboxes:
            await sandbox.close()
        await self.slot.close()
        await self.volume.close()


async def read_all(descriptor: int) -> str:
    """Everything until the last writer is gone."""
    return (await read_until(descriptor, None)).decode()


async def read_until(descriptor: int, end: bytes | None) -> bytes:
    """Everything until `end` has come, or the last writer is gone."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()
    parts = bytearray()

    def readable() -> None:
        part = os.read(descriptor, 65536)
        parts.extend(part)
        if not part or (end is not None and end in parts):
            loop.remove_reader(descriptor)
            done.set_result(bytes(parts))

    loop.add_reader(descriptor, readable)
    return await done


@pytest.fixture
def make_place():
    async def make(isolation: Isolation, size_bytes: int = 32 * MIB) -> Place:
        volume = await isolation.volume(size_bytes)
        return Place(isolation=isolation, volume=volume, slot=await isolation.take_slot())

    return make


@pytest.fixture
async def new_place(isolation, make_place):
    """Makes places, and closes them."""
    places: list[Place] = []

    async def make(size_bytes: int = 32 * MIB) -> Place:
        places.append(await make_place(isolation, size_bytes))
        return places[-1]

    yield make
    for place in places:
        await place.close()


@pytest.fixture
async def place(new_place):
    return await new_place()
