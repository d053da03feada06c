"""A version's template, from its init to the end of the last environment restored from it."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace

import pytest
from tests.unit.execution_environment.fake_sandboxes import FakeIsolation
from tests.unit.execution_environment.fakes import VERSION, settle

from lambent.domain.quotas import MIB
from lambent.execution_environment.snap_start.snapshot import InitFailed, NotTaken, Snapshot
from lambent.sandbox.sandbox import Exit, SandboxStartFailed

PUBLISHED = replace(VERSION, version="1", is_snap_start=True)
READY = {"threads": 1, "processes": 0, "sockets": 0}
CRASHED = Exit(code=3, signal=None, is_out_of_memory=False)


class CopyingIsolation(FakeIsolation):
    """Its templates are played by the test."""

    def __init__(self, directory):
        super().__init__()
        self.directory = directory
        self.copying_fails = False

    async def volume(self, size_bytes, *, like=None):
        return await super().volume(size_bytes)

    async def listen_for_template(self, slot):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(self.directory / "template"))
        listener.listen(1)
        listener.setblocking(False)
        return listener

    async def restore(self, source, volume, limits):
        if self.copying_fails:
            raise SandboxStartFailed("nobody may unshare")
        self.restored_with = limits
        return await self.build(volume=volume), await self.take_slot()


class Trial:
    def __init__(self, fakes, directory):
        self.isolation = CopyingIsolation(directory)
        self.snapshot = Snapshot(PUBLISHED, replace(fakes.parts, isolation=self.isolation))
        self.log = fakes.logs.streams[-1]
        self.running = asyncio.create_task(self.snapshot.run())
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    async def started(self):
        """The template's process."""
        runtime = await self.isolation.extensions.get()  # it is run beside the first process
        return runtime.process

    async def say(self, **counts):
        """Be ready, as a template says it."""
        process = await self.started()
        self.connection.connect(str(self.isolation.directory / "template"))
        self.connection.send(json.dumps({**READY, **counts}).encode())
        return process


@pytest.fixture
async def trial(fakes, tmp_path):
    made = Trial(fakes, tmp_path)
    yield made
    made.snapshot.close()
    async with asyncio.timeout(20):
        await asyncio.wait([made.running])
    made.connection.close()
    assert made.isolation.held == set()


async def test_what_is_ready_is_copied_ahead_and_when_it_is_asked(trial):
    await trial.say()
    await trial.snapshot.wait_made()
    assert "INIT_START" in trial.log.text
    assert "INIT_REPORT Init Duration" in trial.log.text
    assert trial.snapshot.has_spare
    spare = trial.snapshot.take_spare()
    volume = await trial.snapshot.volume()
    assert trial.snapshot.is_like(volume)
    restored = await trial.snapshot.restore(volume)
    assert spare.is_restored
    assert restored.is_restored
    for each in (spare, restored):
        await each.close()
        await each.volume.close()


async def test_connections_to_the_door_are_hung_up_and_not_warned_of(trial, fakes):
    fakes.doors.connections = 2
    await trial.say(sockets=2)
    await trial.snapshot.wait_made()
    assert "sockets" not in trial.log.text


async def test_open_sockets_are_warned_of_in_the_function_s_log(trial):
    await trial.say(sockets=2)
    await trial.snapshot.wait_made()
    assert "SnapStart: 2 sockets were open" in trial.log.text


@pytest.mark.parametrize(
    ("counts", "why"),
    [({"threads": 3}, "3 threads"), ({"processes": 1}, "processes"), ({"threads": "?"}, "say how")],
)
async def test_what_can_not_be_copied_is_not(trial, counts, why):
    await trial.say(**counts)
    with pytest.raises(NotTaken, match=why):
        await trial.snapshot.wait_made()
    await trial.running
    assert not trial.snapshot.is_ready


async def test_a_template_that_ends_before_it_is_ready_did_not_initialise(trial):
    (await trial.started()).end(CRASHED)
    with pytest.raises(InitFailed, match=r"Runtime\.ExitError"):
        await trial.snapshot.wait_made()
    assert "Status: error\tError Type: Runtime.ExitError" in trial.log.text
    await trial.running


async def test_a_template_that_takes_too_long_did_not_initialise(trial, clock):
    await trial.started()
    await clock.advance(130.1)
    with pytest.raises(InitFailed, match="timeout"):
        await trial.snapshot.wait_made()
    assert "Status: timeout" in trial.log.text
    await trial.running


async def test_a_host_that_fails_is_not_the_function_s_failure(fakes, tmp_path):
    made = Trial(fakes, tmp_path)
    made.isolation.failure = SandboxStartFailed("no room for a namespace")
    await asyncio.wait([made.running], timeout=20)
    with pytest.raises(NotTaken, match="no room for a namespace"):
        await made.snapshot.wait_made()
    made.connection.close()


async def test_what_was_restored_outlives_a_template_that_ends(trial):
    process = await trial.say()
    await trial.snapshot.wait_made()
    volume = await trial.snapshot.volume()
    restored = await trial.snapshot.restore(volume)
    process.end(CRASHED)
    await settle()
    assert not trial.snapshot.is_ready
    with pytest.raises(SandboxStartFailed):
        await trial.snapshot.volume()
    assert not trial.running.done()
    await restored.close()
    assert not trial.running.done()
    await volume.close()
    async with asyncio.timeout(20):
        await trial.running


async def test_a_host_that_lets_nothing_be_copied_is_known_before_it_is_relied_on(trial):
    trial.isolation.copying_fails = True
    await trial.say()
    with pytest.raises(NotTaken, match="nobody may unshare"):
        await trial.snapshot.wait_made()
    await trial.running


async def test_what_is_made_holds_what_it_uses_and_some_more(trial):
    await trial.say()
    await trial.snapshot.wait_made()
    template = trial.snapshot._sandbox
    assert trial.snapshot.held_bytes == 160 * MIB  # with the spare copy's
    assert trial.snapshot.limit_to_use() == 0  # nobody knows what it uses
    template.memory_peak = 2 * 40 * MIB  # it uses half
    assert trial.snapshot.limit_to_use() == 51 * MIB
    assert template.limits.memory_bytes == (128 - 51) * MIB
    assert trial.snapshot.held_bytes == 109 * MIB


async def test_one_that_ends_while_it_is_limited_holds_what_it_did(trial):
    await trial.say()
    await trial.snapshot.wait_made()
    trial.snapshot._sandbox.memory_peak = MIB
    trial.isolation.limit_failure = OSError("it is gone")
    assert trial.snapshot.limit_to_use() == 0


async def test_a_copy_that_is_ready_ahead_may_take_little_until_it_is_used(trial):
    await trial.say()
    await trial.snapshot.wait_made()
    spare = trial.snapshot.take_spare()
    assert trial.isolation.restored_with.memory_bytes == 32 * MIB
    assert spare.sandbox.limits.memory_bytes == 128 * MIB
    await spare.close()
    await spare.volume.close()


async def test_a_copy_that_has_ended_meanwhile_is_not_used(trial):
    await trial.say()
    await trial.snapshot.wait_made()
    trial.isolation.limit_failure = OSError("it is gone")
    assert trial.snapshot.take_spare() is None


async def test_without_room_it_is_refused(trial):
    trial.snapshot.refuse(NotTaken("no room"))
    with pytest.raises(NotTaken, match="no room"):
        await trial.snapshot.wait_made()
