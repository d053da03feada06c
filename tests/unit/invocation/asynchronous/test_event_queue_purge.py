"""Events that are forgotten, and those that come back: whatever is in memory meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.invocation.asynchronous.conftest import ACCOUNT, FAILED, REGION, Bench, throttled

from lambent.store.selection import Selection


@pytest.fixture
async def busy(bench, queue):
    """A function with one place, one event at work, and 599 that wait in memory and on the disk."""
    bench.pool.gates["echo"] = asyncio.Event()
    bench.reserve("echo", 1)
    await asyncio.gather(*(bench.accept(request_id=str(n)) for n in range(600)))
    await bench.pool.called(1)
    return queue


async def purge_when_it_waits(queue):
    while True:
        if purged := await queue.purge(Selection()):
            return purged
        await asyncio.sleep(0)


async def in_line(queue, name):
    while True:
        if queue._lanes[ACCOUNT, REGION, name].is_in_line:
            return
        await asyncio.sleep(0)


async def test_what_is_purged_is_never_run_and_what_runs_ends(bench, busy):
    [at_work] = busy.at_work.values()
    assert await busy.purge(Selection(name="echo")) == 599
    assert await bench.counts() == {("echo", "waiting"): 1}
    bench.pool.gates["echo"].set()
    await bench.settled({})
    assert [call.request_id for _, call in bench.pool.calls] == [at_work.request_id]


async def test_what_comes_after_a_purge_is_run(bench, busy):
    await busy.purge(Selection())
    await bench.accept(request_id="new")
    bench.pool.gates["echo"].set()
    await bench.settled({})
    assert [call.request_id for _, call in bench.pool.calls][1:] == ["new"]


async def test_what_is_not_meant_is_run_each_once(bench, busy):
    await bench.accept("other")
    assert await busy.purge(Selection(name="other", state="failed")) == 0
    assert await busy.purge(Selection(name="nobody")) == 0
    ids = {*range(100, 110), *busy.at_work}
    assert await busy.purge(Selection(ids=ids)) == 10
    bench.pool.gates["echo"].set()
    bench.reserve("echo", 50)
    await bench.settled({})
    ran = [call.request_id for name, call in bench.pool.calls if name == "echo"]
    assert len(ran) == len(set(ran)) == 590


async def test_a_retry_is_purged_before_it_comes(bench, queue):
    bench.pool.results["echo"] = [FAILED]
    await bench.accept()
    await bench.pool.called(1)
    assert await purge_when_it_waits(queue) == 1
    assert await bench.counts() == {}


async def test_an_event_that_could_not_run_is_purged_in_its_back_off(bench, queue):
    bench.pool.results["echo"] = [throttled()]
    await bench.accept()
    await bench.pool.called(1)
    assert await purge_when_it_waits(queue) == 1
    assert await bench.counts() == {}
    await bench.wait(3600)
    await bench.accept("other")
    await bench.settled({})
    assert [name for name, _ in bench.pool.calls] == ["echo", "other"]


async def test_a_place_that_nobody_wants_any_more_goes_to_the_next_in_line(database):
    bench = Bench(database, places=1)
    async with bench.open() as queue:
        bench.pool.gates["first"] = asyncio.Event()
        await bench.accept("first")
        await bench.pool.called(1)
        for name in ("purged", "next"):
            await bench.accept(name)
            await in_line(queue, name)
        assert await queue.purge(Selection(name="purged")) == 1
        bench.pool.gates["first"].set()
        await bench.settled({})
    assert [name for name, _ in bench.pool.calls] == ["first", "next"]


async def test_what_is_redriven_is_run_beside_what_is_held(bench, queue):
    bench.reserve("echo", 0)
    await bench.accept(request_id="failed")
    await bench.settled({("echo", "failed"): 1})
    bench.reserve("echo", 10)
    bench.pool.gates["echo"] = asyncio.Event()
    await bench.accept(request_id="held")
    await bench.pool.called(1)
    assert await bench.store.redrive(Selection(), bench.now_ms) == 1
    await queue.look_again()
    await queue.look_again()
    await bench.pool.called(2)
    bench.pool.gates["echo"].set()
    await bench.settled({})
    ran = [call.request_id for _, call in bench.pool.calls]
    assert ran == ["held", "failed"]


async def test_an_event_that_is_accepted_while_others_are_read_is_run_once(
    bench, queue, monkeypatch
):
    """It is on the disk, where it is read, before who accepted it is told so."""
    written, told = asyncio.Event(), asyncio.Event()
    write, due = queue.additions._write, bench.store.due

    async def write_and_wait(events):
        await write(events)
        written.set()
        await told.wait()

    async def due_meanwhile(*arguments, **options):
        monkeypatch.setattr(bench.store, "due", due)
        accepting.append(asyncio.create_task(bench.accept(request_id="second")))
        await written.wait()
        found = await due(*arguments, **options)
        asyncio.get_running_loop().call_later(0.01, told.set)
        return found

    accepting: list[asyncio.Task[None]] = []
    monkeypatch.setattr(queue.additions, "_write", write_and_wait)
    monkeypatch.setattr(bench.store, "due", due_meanwhile)
    first = bench.event(request_id="first", id=bench.store.next_id(), due_ms=bench.now_ms)
    await bench.store.add([first])
    await queue.look_again()
    await bench.pool.called(1)
    await accepting[0]
    await bench.settled({})
    assert [call.request_id for _, call in bench.pool.calls] == ["first", "second"]
