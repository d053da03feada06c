from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.unit.execution_environment.fakes import settle
from tests.unit.execution_environment.pool_driver import VERSION, open_driver, other, refused

from lambent.domain.errors import ServiceError
from lambent.execution_environment.pool import host
from lambent.execution_environment.pool.pool import PoolStatistics

OTHER = other("other")
EMPTY = PoolStatistics(environments=0, idle=0, waiting=0, starting=0)


@pytest.fixture
async def drive(monkeypatch):
    async with AsyncExitStack() as stack:

        async def make(**options):
            return await stack.enter_async_context(open_driver(monkeypatch, **options))

        yield make


@pytest.fixture
async def driver(drive):
    return await drive()


async def test_a_call_has_an_environment_started_and_leaves_it_for_the_next(driver):
    call = driver.call("1")
    environment = await driver.started()
    assert driver.pool.statistics() == PoolStatistics(environments=1, idle=0, waiting=1, starting=1)
    environment.ready()
    await driver.until(lambda: environment.request_id == "1")
    environment.finish(b'"one"')
    assert (await call).payload == b'"one"'
    assert driver.pool.statistics() == PoolStatistics(environments=1, idle=1, waiting=0, starting=0)
    call = driver.call("2")
    await driver.until(lambda: environment.request_id == "2")
    environment.finish(b'"two"')
    assert (await call).payload == b'"two"'
    assert len(driver.world.made) == 1


async def test_calls_at_one_time_have_environments_of_their_own(driver):
    calls = {request_id: driver.call(request_id) for request_id in ("1", "2", "3")}
    for _ in calls:
        (await driver.started()).ready()
    await driver.until(lambda: all(each.request_id for each in driver.world.made))
    for environment in driver.world.made:
        environment.finish(environment.request_id.encode())
    for request_id, call in calls.items():
        assert (await call).payload == request_id.encode()


async def test_functions_and_their_configurations_do_not_share_environments(driver):
    await driver.idle()
    await driver.idle(OTHER)
    await driver.idle(replace(VERSION, configuration_id="changed"))
    assert driver.pool.statistics().idle == 3


async def test_the_last_used_environment_is_used_first(driver):
    first_call, first = await driver.at_work()
    second_call, second = await driver.at_work()
    second.finish()
    first.finish()
    await asyncio.gather(first_call, second_call)
    call = driver.call("3")
    await driver.until(lambda: first.request_id == "3")
    first.finish()
    await call


async def test_a_call_waits_for_a_runtime_that_is_about_to_ask(driver, clock):
    call, environment = await driver.at_work()
    environment.answer()
    await call
    following = driver.call("2")
    await settle()
    assert driver.pool.statistics().waiting == 1
    environment.next()
    await driver.until(lambda: environment.request_id == "2")
    environment.finish()
    await following
    await clock.advance(1)
    assert len(driver.world.made) == 1


async def test_a_call_does_not_wait_for_long(driver, clock):
    call, slow = await driver.at_work()
    slow.answer()
    await call
    following = driver.call("2")
    await clock.advance(0.02)
    quick = await driver.started()
    quick.ready()
    await driver.until(lambda: quick.request_id == "2")
    quick.finish()
    await following


async def test_two_calls_do_not_both_wait_for_one_runtime(driver, clock):
    call, environment = await driver.at_work()
    environment.answer()
    await call
    following = [driver.call("2"), driver.call("3")]
    await clock.advance(0.005)
    environment.next()
    await driver.until(lambda: environment.request_id == "2")
    await clock.advance(0.02)
    another = await driver.started()
    another.ready()
    await driver.until(lambda: another.request_id == "3")
    for each in (environment, another):
        each.finish()
    await asyncio.gather(*following)


async def test_a_caller_that_left_is_no_longer_counted_as_waiting(driver):
    call = driver.call("1")
    await driver.started()
    call.cancel()
    await asyncio.wait([call])
    assert driver.pool.statistics().waiting == 0


async def test_an_environment_that_nobody_needs_any_more_is_idle(driver):
    call = driver.call("1")
    environment = await driver.started()
    call.cancel()
    await asyncio.wait([call])
    environment.ready()
    assert driver.pool.statistics().idle == 1


async def test_a_caller_that_left_at_the_last_moment_loses_nobody_an_environment(driver):
    call = driver.call("1")
    environment = await driver.started()
    environment.ready()
    call.cancel()  # its task has not seen its environment yet
    await asyncio.wait([call])
    assert call.cancelled()
    assert driver.pool.statistics().idle == 1


async def test_a_start_that_nobody_waits_for_any_more_does_not_happen(drive):
    driver = await drive(parallel_starts=1)
    first, second = driver.call("1"), driver.call("2")
    environment = await driver.started()
    second.cancel()
    await asyncio.wait([second])
    environment.ready()
    await driver.until(lambda: environment.request_id == "1")
    environment.finish()
    await first
    await settle()
    assert len(driver.world.made) == 1
    assert driver.pool.statistics().starting == 0
    assert driver.held_environments == 1


async def test_only_so_many_of_a_function_start_at_one_time(drive):
    driver = await drive(parallel_starts=2)
    calls = [driver.call(str(number)) for number in range(3)]
    first, second = await driver.started(), await driver.started()
    await settle()
    assert len(driver.world.made) == 2
    assert driver.pool.statistics().starting == 3
    first.ready()
    third = await driver.started()
    for environment in (second, third):
        environment.ready()
    await driver.until(lambda: all(each.request_id for each in driver.world.made))
    for environment in driver.world.made:
        environment.finish()
    await asyncio.gather(*calls)


async def test_a_burst_of_one_function_keeps_no_other_waiting(drive):
    driver = await drive(parallel_starts=2, environments=1000)
    burst = [driver.call(str(number)) for number in range(100)]
    for _ in range(2):
        await driver.started()
    alone = driver.call("alone", OTHER)
    environment = await driver.started()
    assert environment.version is OTHER
    environment.ready()
    await driver.until(lambda: environment.request_id == "alone")
    environment.finish()
    await alone
    for call in burst:
        call.cancel()
    await asyncio.wait(burst)


async def test_an_init_that_hangs_keeps_no_other_from_starting(drive, clock):
    driver = await drive(parallel_starts=1)
    calls = [driver.call("1"), driver.call("2")]
    hanging = await driver.started()
    await settle()
    assert len(driver.world.made) == 1
    await clock.advance(1.0)
    quick = await driver.started()
    quick.ready()
    await driver.until(lambda: quick.request_id == "1")
    quick.finish()
    await calls[0]
    calls[1].cancel()
    hanging.ready()


async def test_a_function_grows_only_so_fast(drive):
    driver = await drive(scaling_rate=2)
    working = [await driver.at_work() for _ in range(2)]
    error = await refused(driver.call("3"))
    assert (error.code, error.message) == ("TooManyRequestsException", "Rate Exceeded.")
    assert error.members == {
        "Reason": "FunctionInvocationRateLimitExceeded",
        "retryAfterSeconds": "1",
    }
    await driver.idle(OTHER)  # has a rate of its own
    for call, environment in working:
        environment.finish()
        await call


async def test_an_environment_that_was_idle_too_long_is_closed(drive):
    driver = await drive(idle_seconds=60)
    environment = await driver.idle()
    now = time.monotonic()
    driver.pool.reap(now + 59)
    assert driver.pool.statistics().idle == 1
    driver.pool.reap(now + 61)
    await environment.ended.wait()
    await driver.until(lambda: driver.pool.statistics() == EMPTY)
    driver.pool.reap(now + 62)
    assert driver.pool._host.fleets == {}


async def test_an_environment_of_an_old_configuration_is_closed(drive):
    current = {VERSION.configuration_id, OTHER.configuration_id}
    driver = await drive(is_current=lambda version: version.configuration_id in current)
    old, kept = await driver.idle(), await driver.idle(OTHER)
    current.remove(VERSION.configuration_id)
    driver.pool.reap(time.monotonic())
    await old.ended.wait()
    assert not kept.ended.is_set()
    assert driver.pool.statistics().idle == 1


async def test_a_busy_environment_is_not_closed(drive):
    driver = await drive(idle_seconds=0, is_current=lambda version: False)
    call, environment = await driver.at_work()
    driver.pool.reap(time.monotonic() + 1000)
    environment.finish(b"1")
    assert (await call).payload == b"1"


async def test_the_pool_reaps_by_itself(drive, clock):
    current = {VERSION.configuration_id}
    driver = await drive(is_current=lambda version: version.configuration_id in current)
    environment = await driver.idle()
    await clock.advance(1.1)
    assert not environment.ended.is_set()
    current.clear()
    await clock.advance(1.1)
    await environment.ended.wait()


async def test_a_start_that_fails_fails_one_call_and_is_logged(driver, caplog):
    calls = [driver.call("1"), driver.call("2")]
    failing, working = await driver.started(), await driver.started()
    failing.crash(OSError("no space"))
    error = await refused(calls[0])
    assert error.code == "ServiceException"
    assert "lambent doctor" in error.message
    assert "no space" in caplog.text
    working.ready()
    await driver.until(lambda: working.request_id == "2")
    working.finish()
    await calls[1]


@pytest.mark.parametrize("failing", ["opened", "Environment"])
async def test_an_odd_failure_of_a_start_is_no_other_calls(driver, caplog, monkeypatch, failing):
    def fail(*arguments, **options):
        raise KeyError("Plaintext")

    with monkeypatch.context() as patched:
        patched.setattr(driver.world if failing == "opened" else host, failing, fail)
        assert (await refused(driver.call())).code == "ServiceException"
        await settle()
    assert "KeyError: 'Plaintext'" in caplog.text
    assert driver.pool.statistics() == EMPTY
    assert (driver.held_mib, driver.held_environments) == (0, 0)
    call, environment = await driver.at_work()
    environment.finish()
    await call


async def test_a_place_that_cannot_be_held_leaves_nothing_behind(driver):
    def fail(version):
        raise KeyError(version)

    driver.pool.hold_places_with(fail)
    with pytest.raises(KeyError):
        await driver.pool.provision(VERSION)
    assert driver.pool.statistics() == EMPTY
    assert (driver.held_mib, driver.held_environments) == (0, 0)


async def test_closing_ends_everything_and_fails_what_waits(monkeypatch):
    async with open_driver(monkeypatch, parallel_starts=1) as driver:
        idle = await driver.idle(OTHER)
        at_work, working = await driver.at_work()
        starting, waiting = driver.call("3"), driver.call("4")
        initialising = await driver.started()
    for call in (at_work, starting, waiting):
        assert (await refused(call)).code == "ServiceException"
    assert all(each.ended.is_set() for each in (idle, working, initialising))
    assert driver.pool.statistics() == EMPTY
    assert (await refused(driver.call("5"))).code == "ServiceException"


async def test_an_environment_that_is_ready_while_the_pool_closes_is_closed(driver):
    call, environment = await driver.at_work()
    environment.answer()
    await call
    driver.pool._is_closing = True
    environment.next()
    await environment.ended.wait()
    assert driver.pool.statistics().idle == 0


async def test_all_environments_are_told_of(driver):
    environments = [await driver.idle(), await driver.idle(OTHER)]
    assert driver.pool.environments() == environments


async def test_draining_waits_for_extensions_that_still_work_after_the_answer(driver):
    call, environment = await driver.at_work()
    environment.answer()
    await call
    draining = asyncio.create_task(driver.pool.drain())
    await settle()
    assert not draining.done()
    environment.next()
    await draining


async def test_draining_waits_for_an_invocation_whose_caller_has_gone(driver):
    call, environment = await driver.at_work()
    call.cancel()
    draining = asyncio.create_task(driver.pool.drain())
    await settle()
    assert not draining.done()
    environment.next()
    await draining


async def test_draining_ends_with_the_invocations(driver):
    call, _ = await driver.at_work()
    draining = asyncio.create_task(driver.pool.drain())
    await settle()
    driver.pool.end_invocations()
    await refused(call)
    await draining


async def test_without_anything_at_work_nothing_is_waited_for(driver):
    await driver.idle()
    await driver.pool.drain()


async def test_a_function_whose_variables_nobody_can_read_does_not_start(driver):
    driver.world.unreadable = ServiceError("KMSDisabledException", "The key is disabled.")
    assert (await refused(driver.call())).code == "KMSDisabledException"
    assert driver.pool.statistics() == EMPTY
    driver.world.unreadable = None
    call, environment = await driver.at_work()
    environment.finish()
    await call
    driver.world.unreadable = ServiceError("KMSDisabledException", "The key is disabled.")
    call = driver.call("2")  # what runs has read them
    await driver.until(lambda: environment.request_id == "2")
    environment.finish()
    await call
