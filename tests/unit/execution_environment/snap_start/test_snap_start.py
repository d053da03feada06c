"""Which environments are restored, and what becomes of snapshots."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from tests.unit.execution_environment.fakes import RUNTIME, VERSION, settle

from lambent.execution_environment.host_budget import NOTHING, HostBudget, NoRoom, Room
from lambent.execution_environment.prepared_sandbox import Wanted
from lambent.execution_environment.snap_start import snap_start
from lambent.execution_environment.snap_start.snap_start import SnapStart
from lambent.execution_environment.snap_start.snapshot import InitFailed, NotTaken
from lambent.sandbox.sandbox import SandboxStartFailed, Volume

PYTHON = replace(RUNTIME, identifier="python3.12", family="python", release="3.12")
PUBLISHED = replace(VERSION, runtime="python3.12", version="1", is_snap_start=True)


async def nothing():
    """What closing a fake takes."""


def volume(name, user_id=None):
    return Volume(path=Path(name), user_id=user_id, accounts=Path(), remove=nothing)


class Others:
    """Where environments are not restored."""

    async def volume(self, version):
        return volume("/other")

    async def take(self, wanted):
        return "initialised"

    def in_stock(self):
        return {"python3.12": 3}


class Restored:
    def __init__(self, path):
        self.volume = volume(path, 7)
        self.is_closed = False

    async def close(self):
        self.is_closed = True


class FakeSnapshot:
    """Made when the test says so."""

    begun: ClassVar[asyncio.Queue[FakeSnapshot]]

    def __init__(self, version, parts):
        self.version = version
        self.last_used = 0.0
        self.is_ready = False
        self.spare = None
        self.failure = None
        self.held_bytes = 100
        self.unused_bytes = 0
        self.is_closing = False
        self._made = asyncio.get_running_loop().create_future()
        self._closed = asyncio.Event()
        self.begun.put_nowait(self)

    def become_ready(self):
        self.is_ready = True
        self._made.set_result(None)

    def fail(self, why):
        self._made.set_exception(why)
        self.close()

    async def wait_made(self):
        await asyncio.shield(self._made)

    async def run(self):
        await self._closed.wait()

    def limit_to_use(self):
        self.held_bytes -= self.unused_bytes
        return self.unused_bytes

    def refuse(self, why):
        self.fail(why)

    def take_spare(self):
        spare, self.spare = self.spare, None
        return spare

    def drop_spare(self):
        self.spare = None

    async def volume(self):
        return volume("/copied", 7)

    def is_like(self, other):
        return other.user_id == 7

    async def restore(self, onto):
        if self.failure is not None:
            raise self.failure
        return f"restored onto {onto.path}"

    def close(self):
        self.is_ready, self.is_closing = False, True
        if not self._made.done():
            self._made.set_exception(NotTaken("dropped"))
        self._closed.set()


class Parts:
    sandboxes = Others()
    runtimes: ClassVar = {"python3.12": PYTHON, VERSION.runtime: RUNTIME}

    async def layers_root(self, version):
        return None


@pytest.fixture
def parts():
    return Parts()


@pytest.fixture
def budget():
    return HostBudget(Room(1000, 1))


@pytest.fixture
async def make(monkeypatch, parts, budget):
    monkeypatch.setattr(snap_start, "Snapshot", FakeSnapshot)
    monkeypatch.setattr(FakeSnapshot, "begun", asyncio.Queue(), raising=False)
    async with asyncio.timeout(20):
        running = []

        async def made(problem="", *, is_current=lambda version: True):
            starts = SnapStart(parts, is_current, problem, budget=budget, idle_seconds=5)
            running.append(starts.running())
            await running[-1].__aenter__()
            return starts

        yield made
        for each in running:
            await each.__aexit__(None, None, None)


async def prepared(starts, version=PUBLISHED):
    """A version whose snapshot is made."""
    preparing = asyncio.create_task(starts.prepare(version))
    snapshot = await FakeSnapshot.begun.get()
    snapshot.become_ready()
    assert await preparing is None
    return snapshot


def wanted(onto, version=PUBLISHED):
    return Wanted(version=version, runtime=PYTHON, task_root=Path(), layers_root=None, volume=onto)


async def test_a_version_is_restored_onto_a_copy_of_its_files(make):
    starts = await make()
    await prepared(starts)
    taken = await starts.volume(PUBLISHED)
    assert await starts.take(wanted(taken)) == "restored onto /copied"
    assert await starts.take(wanted(taken)) == "restored onto /copied"  # its second life
    await taken.close()


async def test_a_copy_that_is_ready_is_taken_and_put_away_if_it_is_not_used(make):
    starts = await make()
    snapshot = await prepared(starts)
    snapshot.spare = used = Restored("/used")
    taken = await starts.volume(PUBLISHED)
    assert await starts.take(wanted(taken)) is used
    await taken.close()
    assert not used.is_closed
    snapshot.spare = unused = Restored("/unused")
    await (await starts.volume(PUBLISHED)).close()
    assert unused.is_closed


async def test_others_are_never_restored(make):
    starts = await make()
    await prepared(starts)
    for version in (VERSION, replace(PUBLISHED, version="$LATEST")):
        taken = await starts.volume(version)
        assert await starts.take(wanted(taken, version)) == "initialised"
    assert starts.in_stock() == {"python3.12": 3}


async def test_a_version_without_a_snapshot_initialises_while_one_is_made(make):
    starts = await make()
    taken = await starts.volume(PUBLISHED)
    assert await starts.take(wanted(taken)) == "initialised"
    (await FakeSnapshot.begun.get()).become_ready()
    assert (await starts.volume(PUBLISHED)).path == Path("/copied")


async def test_a_function_that_does_not_initialise_is_told(make, caplog):
    starts = await make()
    preparing = asyncio.create_task(starts.prepare(PUBLISHED))
    (await FakeSnapshot.begun.get()).fail(InitFailed("Runtime.ExitError"))
    assert await preparing == "Runtime.ExitError"
    await asyncio.sleep(0)
    assert "has no snapshot, as it does not initialise: Runtime.ExitError" in caplog.text
    assert "is initialised in each environment" not in caplog.text


@pytest.mark.parametrize("why", ["", "there are no control groups"])
async def test_what_can_not_be_copied_initialises_and_is_not_tried_again(make, why, caplog):
    starts = await make(why)
    preparing = asyncio.create_task(starts.prepare(PUBLISHED))
    if not why:
        (await FakeSnapshot.begun.get()).fail(NotTaken("it has threads"))
    assert await preparing is None
    await asyncio.sleep(0)
    for _ in range(3):
        taken = await starts.volume(PUBLISHED)
        assert await starts.take(wanted(taken)) == "initialised"
    assert FakeSnapshot.begun.empty()
    assert caplog.text.count("has no snapshot") == 1
    assert (why or "it has threads") in caplog.text


async def test_a_wrapper_starts_runtimes_that_are_not_copied(make):
    starts = await make()
    wrapped = replace(PUBLISHED, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"})
    assert await starts.prepare(wrapped) is None
    assert FakeSnapshot.begun.empty()


async def test_a_restore_that_fails_becomes_an_init_and_another_snapshot_is_made(make):
    starts = await make()
    snapshot = await prepared(starts)
    snapshot.failure = SandboxStartFailed("the template is gone")
    taken = await starts.volume(PUBLISHED)
    assert await starts.take(wanted(taken)) == "initialised"
    while FakeSnapshot.begun.empty():  # once the lost one is put away
        await starts.volume(PUBLISHED)
        await asyncio.sleep(0)


async def test_snapshots_go_with_their_version_or_when_unused_for_long(make):
    current = {"1", "2", "4"}
    starts = await make(is_current=lambda version: version.version in current)
    made = {
        number: await prepared(starts, replace(PUBLISHED, version=number, configuration_id=number))
        for number in sorted(current)
    }
    for number, last_used in (("1", 90_000.0), ("2", 89_999.0), ("4", 1.0)):
        made[number].last_used = last_used
    made["1"].spare = made["2"].spare = Restored("/spare")
    current.discard("2")
    starts.reap(90_003.0)
    assert {number for number, each in made.items() if each.is_ready} == {"1"}
    assert made["1"].spare is not None
    starts.reap(90_006.0)
    assert made["1"].is_ready
    assert made["1"].spare is None


def numbered(number):
    return replace(PUBLISHED, version=number, configuration_id=number)


async def test_a_template_holds_memory_of_the_host_until_nothing_of_it_is_left(make, budget):
    starts = await make()
    snapshot = await prepared(starts)
    assert budget.held == Room(100, 0)
    assert starts.versions() == [PUBLISHED]
    snapshot.close()
    await settle()
    assert budget.held == NOTHING
    assert starts.versions() == []


async def test_one_that_is_made_holds_what_it_needs(make, budget):
    starts = await make()
    preparing = asyncio.create_task(starts.prepare(PUBLISHED))
    snapshot = await FakeSnapshot.begun.get()
    snapshot.unused_bytes = 70
    snapshot.become_ready()
    await preparing
    await settle()
    assert budget.held == Room(30, 0)


async def test_without_room_there_is_no_snapshot_until_there_is(make, budget, caplog):
    starts = await make()
    budget.take(Room(950, 0))
    assert await starts.prepare(PUBLISHED) is None
    refused = await FakeSnapshot.begun.get()
    assert refused.is_closing
    assert "has no snapshot" not in caplog.text
    budget.release(Room(950, 0))
    assert (await prepared(starts)).is_ready


async def test_templates_nobody_uses_make_room_the_least_recently_used_first(make, budget):
    starts = await make()
    made = {number: await prepared(starts, numbered(number)) for number in "123"}
    for number, last_used in (("1", 1.0), ("2", 3.0), ("3", 2.0)):
        made[number].last_used = last_used
    taken = await starts.volume(numbered("1"))  # an environment's
    await budget.reserve(Room(750, 1))
    assert {number for number, each in made.items() if each.is_ready} == {"1", "2"}
    with pytest.raises(NoRoom):
        await budget.reserve(Room(200, 0))
    assert made["2"].is_ready
    await taken.close()
    await budget.reserve(Room(250, 0))
    assert budget.held == Room(1000, 1)
