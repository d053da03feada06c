"""The `drive` fixture checks that nothing is left."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.execution_environment.environment_driver import (
    FIRST,
    INIT,
    INIT_ERROR_BODY,
    report_line,
)
from tests.unit.execution_environment.fakes import settle

from lambent.execution_environment.environment import EnvironmentUnavailable
from lambent.execution_environment.lifecycle import EnvironmentState


async def test_it_can_be_closed_before_anything_has_happened(drive):
    driver = drive()
    await driver.close()
    assert driver.isolation.starts == 0


async def test_it_can_be_closed_while_the_sandbox_starts(drive, fakes):
    fakes.isolation.may_start.clear()
    driver = drive()
    await settle()
    driver.environment.close()
    driver.isolation.may_start.set()
    await driver.living
    await driver.environment.wait_started()


async def test_it_can_be_closed_while_the_runtime_initialises(driver, clock):
    runtime = await driver.runtime()
    await driver.close()
    assert runtime.ended.is_set()
    await clock.advance(100)  # no timer is left
    assert driver.lines("INIT_REPORT") == []
    assert driver.available.empty()


async def test_it_can_be_closed_when_it_is_ready(driver):
    runtime = await driver.ready()
    await driver.close()
    assert runtime.ended.is_set()
    with pytest.raises(EnvironmentUnavailable):
        await driver.invoke()


@pytest.mark.parametrize("options", [{}, {"wants_log_tail": True}])
async def test_closing_lets_an_invocation_that_was_answered_end_well(driver, options):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime, **options)
    runtime.print("the last words\n")
    await runtime.respond(FIRST, b"1")
    await driver.close()
    result = await invoking
    assert (result.payload, b"the last words" in result.log_tail) == (b"1", bool(options))
    assert "the last words" in driver.lines()
    assert driver.lines("END") == [f"END RequestId: {FIRST}"]
    assert driver.lines("REPORT") == [report_line(init=INIT)]


async def test_closing_fails_the_invocation_at_work(driver, clock):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    driver.environment.close()
    await clock.advance(100)
    with pytest.raises(EnvironmentUnavailable):
        await invoking
    await driver.living
    assert driver.available.empty()


async def test_it_can_be_closed_after_the_caller_has_gone(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    invoking.cancel()
    await asyncio.wait([invoking])
    await driver.close()


async def test_it_can_be_closed_between_answer_and_next(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    await runtime.respond(FIRST, b"1")
    await driver.close()
    assert (await invoking).payload == b"1"


async def test_it_can_be_closed_when_it_was_reset(driver):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    await driver.close()
    driver.environment.close()
    assert driver.state is EnvironmentState.SHUTDOWN


async def test_it_can_be_closed_while_a_reset_runtime_starts(driver):
    await (await driver.runtime()).fail_init(INIT_ERROR_BODY)
    await driver.available.get()
    driver.isolation.may_start.clear()
    invoking = driver.invoke()
    await settle()
    driver.environment.close()
    driver.isolation.may_start.set()
    with pytest.raises(EnvironmentUnavailable):
        await invoking
    await driver.living


async def test_it_can_be_cancelled(driver):
    runtime = await driver.ready()
    invoking = await driver.invoked(runtime)
    driver.living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driver.living
    with pytest.raises(EnvironmentUnavailable):
        await invoking
    assert runtime.ended.is_set()
