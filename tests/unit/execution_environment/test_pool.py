from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from tests.unit.execution_environment.fakes import VERSION, settle

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation
from lambent.execution_environment.pool import Pool, PoolLimits, PoolStatistics
from lambent.sandbox.sandbox import SandboxStartFailed

OTHER = replace(VERSION, name="other", configuration_id="other configuration")
INIT_ERROR_BODY = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"no module"}'


def invocation(request_id):
    return Invocation(
        request_id=request_id, invoked_arn=VERSION.arn, payload=b"{}", trace_header="Root=1"
    )


class Driver:
    """A pool, the runtimes it starts, and calls to it."""

    def __init__(self, pool, isolation):
        self.pool = pool
        self.isolation = isolation

    def call(self, request_id, version=VERSION, **options):
        return asyncio.create_task(self.pool.invoke(version, invocation(request_id), **options))

    async def runtime(self):
        return await self.isolation.started.get()

    async def served(self, request_id, version=VERSION):
        """A call in an environment started for it, which is idle afterwards; its runtime."""
        call = self.call(request_id, version)
        runtime = await self.runtime()
        assert await runtime.next() == request_id
        await runtime.respond(request_id)
        await call
        await self.idle(runtime)
        return runtime

    def environment(self):
        [environment] = self.pool._fleets["configuration"].environments
        return environment

    async def idle(self, runtime):
        before = self.pool.statistics().idle
        await runtime.poll()
        await self.until(lambda: self.pool.statistics().idle > before)

    async def until(self, condition):
        for _ in range(200):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError(self.pool.statistics())


@pytest.fixture
async def drive(fakes):
    """Opens pools; when they are closed, nothing may be left."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:

        async def make(
            environments=10, parallel_starts=4, idle_seconds=600.0, is_current=lambda version: True
        ):
            limits = PoolLimits(
                environments=environments,
                parallel_starts=parallel_starts,
                idle_seconds=idle_seconds,
            )
            pool = await stack.enter_async_context(Pool(fakes.parts, limits, is_current))
            return Driver(pool, fakes.isolation)

        yield make
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}


@pytest.fixture
async def driver(drive):
    return await drive()


async def code_of(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code


async def test_a_call_has_an_environment_started_and_leaves_it_for_the_next(driver):
    call = driver.call("1")
    runtime = await driver.runtime()
    assert driver.pool.statistics() == PoolStatistics(environments=1, idle=0, waiting=1, starting=1)
    assert await runtime.next() == "1"
    await runtime.respond("1", b'"one"')
    assert (await call).payload == b'"one"'
    await driver.idle(runtime)
    assert driver.pool.statistics() == PoolStatistics(environments=1, idle=1, waiting=0, starting=0)
    call = driver.call("2", wants_log_tail=True)
    assert (await runtime.receive()).headers["lambda-runtime-aws-request-id"] == "2"
    await runtime.respond("2", b'"two"')
    await runtime.poll()
    result = await call
    assert result.payload == b'"two"'
    assert result.log_tail.startswith(b"START RequestId: 2")
    assert driver.isolation.starts == 1


async def test_calls_at_one_time_have_environments_of_their_own(driver):
    calls = {request_id: driver.call(request_id) for request_id in ("1", "2", "3")}
    runtimes = [await driver.runtime() for _ in calls]
    for runtime in runtimes:
        request_id = await runtime.next()
        await runtime.respond(request_id, request_id.encode())
    for request_id, call in calls.items():
        assert (await call).payload == request_id.encode()
    assert driver.isolation.starts == 3


async def test_functions_and_their_configurations_do_not_share_environments(driver):
    await driver.served("1")
    await driver.served("2", OTHER)
    await driver.served("3", replace(VERSION, configuration_id="changed"))
    assert driver.pool.statistics().idle == 3


async def test_the_last_used_environment_is_used_first(driver):
    calls = [driver.call("1"), driver.call("2")]
    first, second = await driver.runtime(), await driver.runtime()
    for runtime in (first, second):
        await runtime.respond(await runtime.next())
    await asyncio.gather(*calls)
    await driver.idle(second)
    await driver.idle(first)
    driver.call("3")
    assert (await first.receive()).headers["lambda-runtime-aws-request-id"] == "3"


async def test_a_call_waits_for_a_runtime_that_is_about_to_ask(driver, clock):
    call = driver.call("1")
    runtime = await driver.runtime()
    await runtime.respond(await runtime.next())
    await call
    following = driver.call("2")
    await settle()
    assert driver.pool.statistics().waiting == 1
    assert await runtime.next() == "2"
    await runtime.respond("2", b"2")
    assert (await following).payload == b"2"
    await clock.advance(1)
    assert driver.isolation.starts == 1


async def test_a_call_does_not_wait_for_long(driver, clock):
    call = driver.call("1")
    slow = await driver.runtime()
    await slow.respond(await slow.next())
    await call
    following = driver.call("2")
    await clock.advance(0.02)
    other = await driver.runtime()
    assert await other.next() == "2"
    await other.respond("2", b"2")
    assert (await following).payload == b"2"


async def test_two_calls_do_not_both_wait_for_one_runtime(driver, clock):
    call = driver.call("1")
    runtime = await driver.runtime()
    await runtime.respond(await runtime.next())
    await call
    following = [driver.call("2"), driver.call("3")]
    await settle()
    await clock.advance(0.02)
    others = [await driver.runtime(), await driver.runtime()]
    for each in others:
        await each.respond(await each.next())
    await asyncio.gather(*following)


async def test_an_environment_that_starts_already_is_waited_for(driver):
    first = driver.call("1")
    busy = await driver.runtime()
    await busy.next()
    second = driver.call("2")
    starting = await driver.runtime()
    await busy.respond("1")
    assert await busy.next() == "2"  # faster than the one that was started for it
    third = driver.call("3")
    await settle()
    assert driver.isolation.starts == 2
    assert await starting.next() == "3"
    await starting.respond("3", b"3")
    assert (await third).payload == b"3"
    await busy.respond("2")
    await asyncio.gather(first, second)


async def test_a_call_at_the_moment_an_environment_is_given_away_has_its_own_started(driver):
    first = driver.call("1")
    runtime = await driver.runtime()
    environment = driver.environment()
    is_ready = environment.runtime_is_ready
    calls = []

    def call_then_be_ready():
        calls.append(driver.call("2"))  # its turn comes before that of what awaits the start
        is_ready()

    environment.runtime_is_ready = call_then_be_ready
    assert await runtime.next() == "1"  # and keeps the environment for as long as it likes
    async with asyncio.timeout(5):
        other = await driver.runtime()
    assert await other.next() == "2"
    await other.respond("2", b"2")
    assert (await calls[0]).payload == b"2"
    del environment.runtime_is_ready
    await runtime.respond("1")
    await first


async def test_a_caller_that_left_is_no_longer_counted_as_waiting(driver):
    call = driver.call("1")
    await driver.runtime()
    call.cancel()
    await asyncio.wait([call])
    assert driver.pool.statistics().waiting == 0


async def test_an_init_that_hangs_keeps_no_other_function_from_starting(drive, clock):
    driver = await drive(parallel_starts=1)
    hanging = driver.call("1")
    await driver.runtime()
    call = driver.call("2", OTHER)
    await clock.advance(1.5)
    async with asyncio.timeout(5):
        runtime = await driver.runtime()
    assert await runtime.next() == "2"
    await runtime.respond("2", b"2")
    assert (await call).payload == b"2"
    assert not hanging.done()
    hanging.cancel()


async def test_an_environment_that_nobody_needs_any_more_is_idle(driver):
    call = driver.call("1")
    runtime = await driver.runtime()
    call.cancel()
    await asyncio.wait([call])
    await driver.idle(runtime)
    following = driver.call("2")
    assert (await runtime.receive()).headers["lambda-runtime-aws-request-id"] == "2"
    await runtime.respond("2", b"2")
    assert (await following).payload == b"2"


async def test_a_caller_that_left_at_the_last_moment_loses_nobody_an_environment(driver):
    call = driver.call("1")
    runtime = await driver.runtime()
    available = asyncio.Event()
    handed_over = driver.pool._available

    def cancel_then(environment):
        handed_over(environment)
        call.cancel()  # the caller's task has not seen its environment yet
        available.set()

    environment = driver.environment()
    environment._tell_available = cancel_then
    await runtime.poll()
    await available.wait()
    await asyncio.wait([call])
    assert call.cancelled()
    assert driver.pool.statistics().idle == 1


async def test_a_start_that_nobody_waits_for_any_more_does_not_happen(drive):
    driver = await drive(parallel_starts=1)
    first, second = driver.call("1"), driver.call("2")
    runtime = await driver.runtime()
    second.cancel()
    await asyncio.wait([second])
    await runtime.respond(await runtime.next())
    await first
    await settle()
    assert driver.isolation.starts == 1
    assert driver.pool.statistics().starting == 0


async def test_only_so_many_start_at_one_time(drive):
    driver = await drive(parallel_starts=2)
    calls = [driver.call(str(number)) for number in range(3)]
    first, second = await driver.runtime(), await driver.runtime()
    await settle()
    assert driver.isolation.starts == 2
    assert driver.pool.statistics().starting == 3
    await first.respond(await first.next())
    third = await driver.runtime()
    for runtime in (second, third):
        await runtime.respond(await runtime.next())
    await asyncio.gather(*calls)


async def test_the_least_recently_used_makes_room(drive):
    driver = await drive(environments=2)
    oldest = await driver.served("1")
    newer = await driver.served("2", OTHER)
    await driver.served("3", replace(VERSION, configuration_id="third"))
    await oldest.ended.wait()
    assert not newer.ended.is_set()
    await driver.until(lambda: driver.pool.statistics().environments == 2)


async def test_calls_are_throttled_when_all_environments_are_busy(drive):
    driver = await drive(environments=1)
    busy = driver.call("1")
    runtime = await driver.runtime()
    await runtime.next()
    with pytest.raises(ServiceError) as caught:
        await driver.call("2")
    assert caught.value.code == "TooManyRequestsException"
    assert caught.value.message == "Rate Exceeded."
    assert caught.value.members == {"Reason": "ConcurrentInvocationLimitExceeded"}
    await runtime.respond("1", b"1")
    assert (await busy).payload == b"1"


async def test_throttling_fails_one_call_for_each_environment_missing(drive):
    driver = await drive(environments=1)
    calls = [driver.call("1"), driver.call("2")]
    runtime = await driver.runtime()
    # Which of the two waits for the environment does not matter to anybody.
    done, [waiting] = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    assert await code_of(done.pop()) == "TooManyRequestsException"
    await runtime.respond(await runtime.next(), b"1")
    assert (await waiting).payload == b"1"


async def test_an_environment_that_was_idle_too_long_is_closed(drive):
    driver = await drive(idle_seconds=60)
    runtime = await driver.served("1")
    now = time.monotonic()
    driver.pool.reap(now + 59)
    assert driver.pool.statistics().idle == 1
    driver.pool.reap(now + 61)
    await runtime.ended.wait()
    await driver.until(lambda: driver.pool.statistics().environments == 0)
    driver.pool.reap(now + 62)
    assert driver.pool._fleets == {}


async def test_an_environment_of_an_old_configuration_is_closed(drive):
    current = {"configuration", "other configuration"}
    driver = await drive(is_current=lambda version: version.configuration_id in current)
    old, kept = await driver.served("1"), await driver.served("2", OTHER)
    current.remove("configuration")
    driver.pool.reap(time.monotonic())
    await old.ended.wait()
    assert not kept.ended.is_set()
    assert driver.pool.statistics().idle == 1


async def test_a_busy_environment_is_not_closed(drive):
    driver = await drive(idle_seconds=0, is_current=lambda version: False)
    call = driver.call("1")
    runtime = await driver.runtime()
    await runtime.next()
    driver.pool.reap(time.monotonic() + 1000)
    await runtime.respond("1", b"1")
    assert (await call).payload == b"1"


async def test_the_pool_reaps_by_itself(drive, clock):
    current = {"configuration"}
    driver = await drive(is_current=lambda version: version.configuration_id in current)
    runtime = await driver.served("1")
    await clock.advance(1.1)
    assert not runtime.ended.is_set()
    current.clear()
    await clock.advance(1.1)
    await runtime.ended.wait()


@pytest.mark.parametrize("failure", [SandboxStartFailed("no"), OSError("no space")])
async def test_a_start_that_fails_is_answered_and_logged(driver, caplog, failure):
    driver.isolation.failure = failure
    with pytest.raises(ServiceError) as caught:
        await driver.call("1")
    assert caught.value.code == "ServiceException"
    assert "lambent doctor" in caught.value.message
    assert str(failure) in caplog.text
    assert driver.pool.statistics() == PoolStatistics(environments=0, idle=0, waiting=0, starting=0)
    driver.isolation.failure = None
    await driver.served("2")


async def test_a_start_that_fails_fails_one_call_only(driver):
    driver.isolation.failure = SandboxStartFailed("no")
    calls = [driver.call("1"), driver.call("2")]
    assert [await code_of(call) for call in calls] == ["ServiceException"] * 2
    assert driver.pool.statistics().environments == 0


async def test_an_environment_that_fails_later_fails_its_own_call(driver, caplog):
    call = driver.call("1")
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    driver.isolation.failure = SandboxStartFailed("no")
    assert await code_of(call) == "ServiceException"
    await driver.until(lambda: driver.pool.statistics().environments == 0)
    assert "failed" in caplog.text


async def test_an_idle_environment_that_crashed_serves_again(driver):
    runtime = await driver.served("1")
    runtime.exit(1)
    await driver.until(lambda: driver.environment().state == "reset")
    call = driver.call("2")
    again = await driver.runtime()
    assert await again.next() == "2"
    await again.respond("2", b"2")
    assert (await call).payload == b"2"
    assert driver.pool.statistics().environments == 1


async def test_a_function_that_fails_to_initialise_keeps_its_environment(driver):
    call = driver.call("1")
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    result = await call
    assert (result.payload, result.is_function_error) == (INIT_ERROR_BODY, True)
    assert driver.pool.statistics() == PoolStatistics(environments=1, idle=1, waiting=0, starting=0)


async def test_closing_ends_everything_and_fails_what_waits(fakes):
    limits = PoolLimits(environments=10, parallel_starts=1, idle_seconds=600)
    async with Pool(fakes.parts, limits, lambda version: True) as pool:
        driver = Driver(pool, fakes.isolation)
        idle = await driver.served("1", OTHER)
        at_work = driver.call("2")
        working = await driver.runtime()
        await working.next()
        starting, waiting = driver.call("3"), driver.call("4")
        initialising = await driver.runtime()
    for call in (at_work, starting, waiting):
        assert await code_of(call) == "ServiceException"
    assert all(each.ended.is_set() for each in (idle, working, initialising))
    assert pool.statistics() == PoolStatistics(environments=0, idle=0, waiting=0, starting=0)
    assert await code_of(driver.call("5")) == "ServiceException"


async def test_an_environment_that_is_ready_while_the_pool_closes_is_closed(driver):
    call = driver.call("1")
    runtime = await driver.runtime()
    await runtime.respond(await runtime.next())
    await call
    environment = driver.environment()
    driver.pool._is_closing = True
    await runtime.poll()
    await runtime.ended.wait()
    assert driver.pool.statistics().idle == 0
    assert environment.state == "shutdown"
