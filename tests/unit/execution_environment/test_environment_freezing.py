from __future__ import annotations

import pytest
from tests.unit.execution_environment.environment_driver import FIRST, SECOND
from tests.unit.execution_environment.fakes import FREEZE_AFTER_SECONDS

from lambent.execution_environment.lifecycle import EnvironmentState

A_WHILE = FREEZE_AFTER_SECONDS + 0.1


async def test_an_idle_environment_is_frozen_after_a_while(driver, clock):
    runtime = await driver.ready()
    await driver.call(runtime)
    await clock.advance(A_WHILE / 2)
    assert not driver.environment.is_frozen
    await clock.advance(A_WHILE / 2)
    assert driver.environment.is_frozen
    assert driver.state is EnvironmentState.FROZEN
    assert runtime.sandbox.is_frozen


async def test_one_that_was_never_invoked_is_frozen_too(driver, clock):
    runtime = await driver.ready()
    await clock.advance(A_WHILE)
    assert runtime.sandbox.is_frozen


async def test_one_that_can_not_be_frozen_stays_ready_and_does_not_count_as_frozen(driver, clock):
    driver.isolation.can_freeze = False
    runtime = await driver.ready()
    await clock.advance(A_WHILE)
    assert driver.state is EnvironmentState.READY
    assert not driver.environment.is_frozen
    await driver.call(runtime)


async def test_it_goes_on_with_the_next_invocation(driver, clock):
    runtime = await driver.ready()
    await clock.advance(A_WHILE)
    invoking = await driver.invoked(runtime)
    assert not runtime.sandbox.is_frozen
    assert not driver.environment.is_frozen
    await runtime.respond(FIRST, b"1")
    assert (await invoking).payload == b"1"


async def test_one_in_use_is_never_frozen(driver, clock):
    runtime = await driver.ready()
    for request_id in (FIRST, SECOND, FIRST):
        await clock.advance(A_WHILE - 1)
        await driver.call(runtime, request_id)
    assert not driver.environment.is_frozen
    invoking = await driver.invoked(runtime)
    await clock.advance(2.9)
    assert not runtime.sandbox.is_frozen
    await runtime.respond(FIRST)
    await invoking


async def test_one_whose_runtime_ends_meanwhile_has_a_new_one_for_the_next(driver, clock):
    runtime = await driver.ready()
    await clock.advance(A_WHILE)
    runtime.exit(None, by_signal=9)
    await driver.until_reset()
    invoking = driver.invoke()
    again = await driver.runtime()
    assert await again.next() == FIRST
    await again.respond(FIRST, b"1")
    assert (await invoking).payload == b"1"


async def test_a_frozen_one_can_be_closed(driver, clock):
    await driver.ready()
    await clock.advance(A_WHILE)
    await driver.close()


async def test_it_tells_what_it_is_and_does(driver, clock):
    environment = driver.environment
    assert (environment.invocations, environment.memory_bytes()) == (0, 0)
    runtime = await driver.ready()
    runtime.sandbox.memory_peak = 8192
    await driver.call(runtime)
    assert (environment.invocations, environment.memory_bytes()) == (1, 4096)
    assert environment.created_ms > 0
    assert environment.id in environment.log_stream_name


@pytest.mark.parametrize(
    ("kind", "allowed", "seconds"),
    [("on-demand", 900, 10), ("provisioned-concurrency", 3, 130), ("snap-start", 900, 900)],
)
async def test_an_init_may_take_as_long_as_its_kind_allows(drive, clock, kind, allowed, seconds):
    driver = drive(initialization_type=kind, timeout_seconds=allowed)
    await driver.runtime()
    await clock.advance(seconds - 0.5)
    assert driver.state is EnvironmentState.INITIALIZING
    await clock.advance(1)
    await driver.available.get()
    assert driver.environment.state is EnvironmentState.RESET


async def test_an_init_ahead_of_time_reports_itself_and_not_with_the_first_invocation(drive):
    driver = drive(initialization_type="provisioned-concurrency")
    runtime = await driver.ready()
    await driver.call(runtime)
    assert len(driver.lines("INIT_REPORT")) == 1
    assert "Init Duration" not in driver.lines("REPORT")[0]
