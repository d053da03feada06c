"""Room on the host: who goes for whom, who waits, who is refused."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.unit.execution_environment.fakes import settle
from tests.unit.execution_environment.pool_driver import VERSION, open_driver, other, refused

from lambent.domain.quotas import MIB

BIG = other("big", memory_mib=300)


@pytest.fixture
async def drive(monkeypatch):
    async with AsyncExitStack() as stack:

        async def make(**options):
            return await stack.enter_async_context(open_driver(monkeypatch, **options))

        yield make


async def test_the_least_recently_used_makes_room(drive):
    driver = await drive(environments=2)
    oldest = await driver.idle()
    newer = await driver.idle(other("newer"))
    await driver.idle(other("third"))
    assert oldest.ended.is_set()
    assert not newer.ended.is_set()
    assert driver.held_environments == 2


async def test_what_is_closing_counts_until_nothing_of_it_is_left(drive):
    driver = await drive(environments=1)
    closing = await driver.idle()
    closing.may_end.clear()
    call = driver.call("2", other("other"))
    await settle()
    assert len(driver.world.made) == 1
    assert not call.done()
    closing.may_end.set()
    environment = await driver.started()
    environment.ready()
    await driver.until(lambda: environment.request_id == "2")
    environment.finish()
    await call
    assert driver.held_environments == 1


async def test_one_that_closes_makes_room_for_one(drive):
    driver = await drive(environments=2)
    for name in ("a", "b"):
        (await driver.idle(other(name))).may_end.clear()
    calls = [driver.call(name, other(name)) for name in ("c", "d")]
    await settle()
    for each in driver.world.made:
        each.may_end.set()
    for _ in calls:
        (await driver.started()).ready()
    await driver.until(lambda: all(each.request_id for each in driver.world.living))
    for each in driver.world.living:
        each.finish()
    await asyncio.gather(*calls)


async def test_calls_are_throttled_when_all_environments_are_busy(drive):
    driver = await drive(environments=1)
    busy, environment = await driver.at_work()
    for version in (VERSION, other("other")):
        error = await refused(driver.call("2", version))
        assert (error.code, error.message) == ("TooManyRequestsException", "Rate Exceeded.")
        assert error.members == {
            "Reason": "ConcurrentInvocationLimitExceeded",
            "retryAfterSeconds": "1",
        }
    environment.finish()
    await busy


async def test_throttling_fails_the_last_to_come(drive):
    driver = await drive(environments=1)
    first, second = driver.call("1"), driver.call("2")
    assert (await refused(second)).code == "TooManyRequestsException"
    environment = await driver.started()
    environment.ready()
    await driver.until(lambda: environment.request_id == "1")
    environment.finish()
    await first


async def test_one_that_has_answered_is_as_good_as_idle(drive):
    driver = await drive(environments=1)
    call, environment = await driver.at_work()
    environment.answer()
    await call
    following = driver.call("2", other("other"))
    await settle()
    assert not following.done()
    environment.next()
    another = await driver.started()
    another.ready()
    await driver.until(lambda: another.request_id == "2")
    another.finish()
    await following
    assert environment.ended.is_set()


async def test_one_that_has_answered_and_never_asks_again_is_not_waited_for(drive, clock):
    driver = await drive(environments=1)
    call, environment = await driver.at_work()
    environment.answer()
    await call
    following = driver.call("2", other("other"))
    await clock.advance(4)
    assert (await refused(following)).code == "TooManyRequestsException"


async def test_what_starts_or_works_counts_with_all_it_may_take(drive):
    driver = await drive(memory_mib=300)
    call, environment = await driver.at_work()
    starting = driver.call("2")
    second = await driver.started()
    assert driver.held_mib == 256
    assert (await refused(driver.call("3"))).code == "TooManyRequestsException"
    second.ready()
    await driver.until(lambda: second.request_id == "2")
    for each in (environment, second):
        each.finish()
    await asyncio.gather(call, starting)


async def test_what_is_frozen_counts_with_what_it_has(drive):
    driver = await drive(memory_mib=300)
    for number in range(9):
        await driver.idle(other(f"idle {number}"), frozen_mib=15)
    assert len(driver.world.living) == 9
    driver.pool.reap(0)
    assert driver.held_mib == 9 * 15


@pytest.mark.parametrize(("used_mib", "held_mib"), [(0, 128), (129, 128), (128, 128), (1, 1)])
async def test_what_cannot_be_known_counts_whole(drive, used_mib, held_mib):
    driver = await drive()
    await driver.idle(frozen_mib=used_mib)
    driver.pool.reap(0)
    assert driver.held_mib == held_mib


async def test_what_runs_while_it_is_idle_counts_whole(drive):
    driver = await drive()
    environment = await driver.idle()
    environment.used_bytes = MIB
    driver.pool.reap(0)
    assert driver.held_mib == 128


async def test_what_is_thawed_counts_whole_again(drive):
    driver = await drive()
    environment = await driver.idle(frozen_mib=15)
    driver.pool.reap(0)
    call = driver.call("2")
    await driver.until(lambda: environment.request_id == "2")
    assert driver.held_mib == 128
    environment.finish()
    await call


async def test_others_make_room_for_what_is_thawed(drive):
    driver = await drive(memory_mib=260)
    thawed = await driver.idle(frozen_mib=15)
    oldest = await driver.idle(other("oldest"), frozen_mib=15)
    driver.pool.reap(0)
    busy, working = await driver.at_work(other("busy"))
    call = driver.call("2")
    await driver.until(lambda: thawed.request_id == "2")
    assert oldest.ended.is_set()
    assert driver.held_mib == 256
    for each in (working, thawed):
        each.finish()
    await asyncio.gather(busy, call)


async def test_what_cannot_be_thawed_stays_frozen(drive):
    driver = await drive(memory_mib=300)
    frozen = await driver.idle(frozen_mib=15)
    driver.pool.reap(0)
    working = [await driver.at_work(other(name)) for name in ("a", "b")]
    assert (await refused(driver.call("2"))).code == "TooManyRequestsException"
    assert driver.pool.statistics().idle == 1
    assert driver.held_mib == 256 + 15
    for call, environment in working:
        environment.finish()
        await call
    call = driver.call("3")
    await driver.until(lambda: frozen.request_id == "3")
    frozen.finish()
    await call


async def test_a_caller_that_leaves_while_room_is_made_leaves_the_environment(drive):
    driver = await drive(memory_mib=300)
    frozen = await driver.idle(frozen_mib=15)
    driver.pool.reap(0)
    closing = await driver.idle(other("closing"))
    closing.may_end.clear()
    busy, working = await driver.at_work(other("busy"))
    call = driver.call("2")
    await settle()
    assert frozen.request_id is None
    call.cancel()
    await asyncio.wait([call])
    assert driver.pool.statistics().idle == 1
    working.finish()
    await busy


async def test_many_small_ones_make_room_for_a_large_one(drive):
    driver = await drive(memory_mib=340)
    for number in range(10):
        await driver.idle(other(f"idle {number}"), frozen_mib=20)
    call, environment = await driver.at_work(BIG)
    assert driver.held_mib <= 340
    assert len(driver.world.living) == 3
    environment.finish()
    await call


async def test_nobody_is_closed_for_one_there_would_be_no_room_for_all_the_same(drive):
    driver = await drive(memory_mib=400)
    idle = await driver.idle(frozen_mib=20)
    busy, environment = await driver.at_work(other("busy"))
    assert (await refused(driver.call("2", BIG))).code == "TooManyRequestsException"
    assert not idle.ended.is_set()
    environment.finish()
    await busy


async def test_a_function_larger_than_the_host_is_told_so(drive):
    driver = await drive(memory_mib=1024)
    error = await refused(driver.call("1", other("huge", memory_mib=2048)))
    assert error.code == "InvalidParameterValueException"
    assert "MemorySize of 2048 MB is more than the 1024 MB" in error.message
    assert driver.pool._host.fleets == {}


async def test_thousands_of_small_idle_environments_fit(drive):
    driver = await drive(memory_mib=16 * 1024, environments=2000)
    for number in range(1000):
        await driver.idle(replace(VERSION, configuration_id=str(number)), frozen_mib=12)
    assert len(driver.world.living) == 1000
    assert driver.held_mib <= 16 * 1024
