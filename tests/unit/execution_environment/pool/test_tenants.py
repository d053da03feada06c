"""Functions with tenant isolation: an environment has one tenant, from its start to its end."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from tests.unit.execution_environment.pool_driver import VERSION, open_driver, other, refused

if TYPE_CHECKING:
    from lambent.domain.errors import ServiceError

OTHER = other("other")


@pytest.fixture
async def drive(monkeypatch):
    async with AsyncExitStack() as stack:

        async def make(**options):
            return await stack.enter_async_context(open_driver(monkeypatch, **options))

        yield make


def throttled(error: ServiceError) -> bool:
    return (error.code, error.message) == ("TooManyRequestsException", "Rate Exceeded.")


async def test_a_tenant_never_gets_the_environment_of_another(drive):
    driver = await drive()
    blue = await driver.idle(tenant_id="blue")
    green = await driver.idle(tenant_id="green")
    assert (blue.tenant_id, green.tenant_id) == ("blue", "green")
    for environment in (green, blue):
        call = driver.call("again", tenant_id=environment.tenant_id)
        await driver.until(lambda each=environment: each.request_id == "again")
        environment.finish()
        await call
    assert driver.world.made == [blue, green]


async def test_one_that_becomes_free_is_not_for_another_tenant_who_waits(drive):
    driver = await drive()
    first, blue = await driver.at_work(tenant_id="blue")
    waiting = driver.call("2", tenant_id="green")
    green = await driver.started()
    blue.finish()
    await first
    assert not waiting.done()
    green.ready()
    await driver.until(lambda: green.request_id == "2")
    green.finish()
    await waiting


async def test_versions_do_not_share_a_tenant(drive):
    driver = await drive()
    await driver.idle(tenant_id="blue")
    await driver.idle(OTHER, tenant_id="blue")
    assert len(driver.world.made) == 2


async def test_idle_ones_of_other_tenants_make_room_on_a_full_host(drive):
    driver = await drive(environments=1)
    blue = await driver.idle(tenant_id="blue")
    call, green = await driver.at_work(tenant_id="green")
    assert driver.world.living == [green]
    assert blue.ended.is_set()
    green.finish()
    await call


async def test_a_function_has_so_many_for_all_its_tenants_and_no_more(drive):
    driver = await drive(tenant_environments=2)
    blue = await driver.idle(tenant_id="blue")
    await driver.idle(tenant_id="green")
    assert throttled(await refused(driver.call(tenant_id="red")))
    # Who has an environment goes on, and other functions are not concerned.
    again = driver.call("again", tenant_id="blue")
    await driver.until(lambda: blue.request_id == "again")
    blue.finish()
    await again
    await driver.idle(OTHER, tenant_id="red")
    await driver.idle(other("plain"))
    # One that has gone leaves its place.
    blue.last_used = 0.0
    driver.pool.reap(time.monotonic())
    await driver.until(blue.ended.is_set)
    await driver.idle(tenant_id="red")


async def test_the_limit_holds_in_a_burst_of_new_tenants(drive):
    driver = await drive(tenant_environments=2)
    calls = [driver.call(tenant_id=f"tenant-{number}") for number in range(5)]
    for _ in range(2):
        (await driver.started()).ready()
    for call in calls[2:]:
        assert throttled(await refused(call))
    await driver.until(lambda: all(each.request_id for each in driver.world.made))
    for environment in driver.world.made:
        environment.finish()
    for call in calls[:2]:
        await call
    assert len(driver.world.made) == 2


async def test_nothing_is_kept_of_tenants_without_environments(drive):
    driver = await drive()
    environments = [await driver.idle(tenant_id=f"tenant-{number}") for number in range(3)]
    for environment in environments:
        environment.last_used = 0.0
    driver.pool.reap(time.monotonic())
    await driver.until(lambda: all(each.ended.is_set() for each in environments))
    await driver.until(lambda: not driver.pool.environments())
    driver.pool.reap(time.monotonic())
    assert driver.pool._host.fleets == {}
    assert not driver.pool._host.of_tenants
    assert VERSION.arn not in driver.pool._host.of_tenants
