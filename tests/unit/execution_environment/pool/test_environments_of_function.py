"""A limit of each function's own: who comes when all of its environments are at work waits."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from tests.support.versions import function_version
from tests.unit.execution_environment.pool_driver import VERSION, open_driver, refused

from lambent.domain.invocation import Invocation


@pytest.fixture
async def drive(monkeypatch):
    async with AsyncExitStack() as stack:

        async def start(most: int = 1):
            return await stack.enter_async_context(
                open_driver(monkeypatch, environments_of_function=most)
            )

        yield start


async def test_a_burst_starts_as_many_as_there_may_be_at_once_and_the_rest_waits(drive):
    driver = await drive(3)
    calls = [driver.call(str(number)) for number in range(5)]
    started = [await driver.started() for _ in range(3)]
    assert driver.pool.statistics().waiting == 5
    for environment in started:
        environment.ready()
    for environment in (*started, *started[:2]):
        await driver.until(lambda each=environment: each.request_id is not None)
        environment.finish()
    await asyncio.gather(*calls)
    assert driver.world.made == started


async def test_one_between_its_answer_and_its_next_request_is_waited_for(drive, monkeypatch):
    monkeypatch.setattr("lambent.execution_environment.pool.pool._NEXT_GRACE_SECONDS", 0)
    driver = await drive(1)
    call, environment = await driver.at_work()
    environment.answer()
    await call
    waiting = driver.call("2")
    await asyncio.sleep(0.01)  # the loop's own clock: the grace is over
    assert driver.world.made == [environment]
    environment.next()
    await driver.until(lambda: environment.request_id == "2")
    environment.finish()
    await waiting


async def test_the_place_of_one_that_could_not_be_made_is_for_the_next_who_waits(drive):
    driver = await drive(1)
    first, second = driver.call("1"), driver.call("2")
    environment = await driver.started()
    environment.crash(OSError("no more processes"))
    assert (await refused(first)).code == "ServiceException"
    another = await driver.started()
    another.ready()
    await driver.until(lambda: another.request_id == "2")
    another.finish()
    await second


async def test_whoever_goes_away_in_line_leaves_the_place_to_the_others(drive):
    driver = await drive(1)
    first = driver.call("1")
    environment = await driver.started()
    second, third = driver.call("2"), driver.call("3")
    await driver.until(lambda: driver.pool.statistics().waiting == 3)
    second.cancel()
    environment.ready()
    for call, request_id in ((first, "1"), (third, "3")):
        await driver.until(lambda each=request_id: environment.request_id == each)
        environment.finish()
        await call
    assert driver.world.made == [environment]


async def test_all_tenants_of_a_function_without_tenant_isolation_share_its_environments(drive):
    driver = await drive(1)
    version = function_version(runtime=VERSION.runtime)
    invocation = Invocation(
        request_id="1", invoked_arn=version.arn, payload=b"{}", trace_header="", tenant_id="blue"
    )
    call = asyncio.create_task(driver.pool.invoke(version, invocation))
    environment = await driver.started()
    assert environment.tenant_id is None
    call.cancel()
    environment.ready()


async def test_a_call_waits_no_longer_than_it_can_and_leaves_its_turn_to_the_next(drive):
    driver = await drive(1)
    call, environment = await driver.at_work()
    hasty, patient = driver.call("hasty", patience_seconds=0.0), driver.call("patient")
    with pytest.raises(TimeoutError):
        await hasty
    assert driver.pool.statistics().waiting == 1
    environment.finish()
    await call
    await driver.until(lambda: environment.request_id == "patient")
    environment.finish()
    await patient


async def test_a_call_that_has_its_environment_is_in_no_hurry_any_more(drive):
    driver = await drive(1)
    call, environment = await driver.at_work()
    waiting = driver.call("2", patience_seconds=0.001)
    environment.finish()
    await call
    await driver.until(lambda: environment.request_id == "2")
    await asyncio.sleep(0.01)  # the loop's own clock: it would be out of patience
    environment.finish()
    await waiting
