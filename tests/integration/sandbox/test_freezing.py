"""Sandboxes that stand still: go on, die and are closed."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from lambent.sandbox.control_groups import groups
from lambent.sandbox.control_groups.mounts import Hierarchies, read_hierarchies
from lambent.sandbox.sandbox import Exit

KILLED = Exit(code=None, signal=9, is_out_of_memory=False)
COUNT = "import time\nwhile True: print('tick', flush=True); time.sleep(0.005)"


def versions() -> list[str]:
    """Of the freezers this host has."""
    found = read_hierarchies()
    return ["1"] * ("freezer" in found.v1) + ["2"] * (found.v2 is not None)


@pytest.fixture(params=versions())
def freezer(request, monkeypatch):
    """Each freezer that is there, with whatever controllers are."""
    found = read_hierarchies()
    chosen = Hierarchies(v1=found.v1, v2=found.v2 if request.param == "2" else None)
    monkeypatch.setattr(groups, "read_hierarchies", lambda: chosen)
    return request.param


@pytest.fixture
async def frozen_place(freezer, tmp_path, open_isolation, make_place):
    async with open_isolation(tmp_path) as isolation:
        place = await make_place(isolation)
        yield place
        await place.close()


async def start_pair(place):
    sandbox = await place.build()
    count = place.command("/usr/bin/python3", "-c", COUNT)
    pair = [await sandbox.run_beside(count), await sandbox.run(count)]
    for process in pair:
        await place.read_until(process, b"tick")
    return sandbox, pair


def wait_until_frozen(place, sandbox):
    """Until the kernel says that everything stands still, and what was written is read."""
    directory = sandbox._body._design.group._directories["freezer"]

    def is_frozen():
        if (state := directory / "freezer.state").exists():
            return state.read_text() == "FROZEN\n"
        return "frozen 1" in (directory / "cgroup.events").read_text()

    eventually(is_frozen, "everything frozen")
    for process in sandbox._processes:
        with contextlib.suppress(BlockingIOError):
            while True:
                place.read_now(process)


async def test_everything_stands_still_and_goes_on(frozen_place):
    sandbox, pair = await start_pair(frozen_place)
    for _ in range(3):
        sandbox.freeze()
        sandbox.freeze()
        wait_until_frozen(frozen_place, sandbox)
        for process in pair:
            with pytest.raises(BlockingIOError):
                frozen_place.read_now(process)
        sandbox.thaw()
        sandbox.thaw()
        for process in pair:
            await frozen_place.read_until(process, b"tick")


async def test_the_frozen_are_killed(frozen_place):
    sandbox, pair = await start_pair(frozen_place)
    sandbox.freeze()
    wait_until_frozen(frozen_place, sandbox)
    sandbox.kill()
    assert [await process.wait() for process in pair] == [KILLED] * 2


async def test_the_frozen_are_closed_and_leave_nothing(frozen_place):
    sandbox, pair = await start_pair(frozen_place)
    directories = list(sandbox._body._design.group._directories.values())
    sandbox.freeze()
    await sandbox.close()
    assert [await process.wait() for process in pair] == [KILLED] * 2
    assert not [directory for directory in directories if directory.exists()]


async def test_a_signal_to_the_frozen_arrives_with_the_thaw(frozen_place):
    sandbox, (beside, _) = await start_pair(frozen_place)
    sandbox.freeze()
    wait_until_frozen(frozen_place, sandbox)
    beside.terminate()
    sandbox.thaw()
    assert (await beside.wait()).signal == 15


async def test_closing_the_isolation_closes_the_frozen(
    freezer, tmp_path, open_isolation, make_place
):
    async with open_isolation(tmp_path) as isolation:
        place = await make_place(isolation)
        sandbox, pair = await start_pair(place)
        sandbox.freeze()
    assert [await process.wait() for process in pair] == [KILLED] * 2
    await place.slot.close()
    assert not list((Path(tmp_path) / "state").rglob("*"))
