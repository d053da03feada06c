"""Environments that are kept ready before anything needs them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.execution_environment.keeper_driver import (
    NAME,
    PUBLISHED,
    config,
    create,
    failed,
    open_keepers,
    ready,
)
from tests.unit.execution_environment.pool_driver import VERSION, other

from lambent.domain.function import Function
from lambent.domain.provisioned_concurrency import Allocation
from lambent.store.database import Database
from lambent.store.functions import FunctionStore
from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore
from lambent.store.seal import Seal

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion


@pytest.fixture
async def keep(monkeypatch, tmp_path):
    async with open_keepers(monkeypatch, tmp_path) as make:
        yield make


@pytest.fixture
async def kept(keep):
    return await keep()


def hold_places(kept):
    """The versions whose environments hold places among the executions of their functions."""
    held: list[FunctionVersion] = []

    def hold(version):
        held.append(version)
        return lambda: held.remove(version)

    kept.driver.pool.hold_places_with(hold)
    return held


async def test_environments_are_ready_before_anything_is_invoked(kept):
    held = hold_places(kept)
    asked = await kept.ask(2)
    assert kept.allocation(asked) == Allocation(wanted={"1": 2}, status="IN_PROGRESS")
    environments = await kept.started(2)
    assert {each.initialization_type for each in environments} == {"provisioned-concurrency"}
    environments[0].ready()
    await kept.until(asked, Allocation(wanted={"1": 2}, available=1))
    environments[1].ready()
    await kept.until(asked, ready(2))
    assert held == [PUBLISHED, PUBLISHED]


async def test_an_invocation_takes_one_of_them(kept):
    _, [environment] = await kept.ready(1)
    assert kept.driver.pool.has_provisioned(PUBLISHED)
    call = kept.driver.call("1", PUBLISHED)
    await kept.driver.until(lambda: environment.request_id == "1")
    assert not kept.driver.pool.has_provisioned(PUBLISHED)
    environment.finish()
    await call
    assert kept.driver.pool.has_provisioned(PUBLISHED)


async def test_what_they_cannot_take_spills_over(kept):
    _, [provisioned] = await kept.ready(1)
    first = kept.driver.call("1", PUBLISHED)
    second = kept.driver.call("2", PUBLISHED)
    spilled = await kept.driver.started()
    assert spilled.initialization_type == "on-demand"
    spilled.ready()
    await kept.driver.until(lambda: spilled.request_id == "2")
    spilled.finish()
    provisioned.finish()
    await asyncio.gather(first, second)
    # Both are idle: what was made ready ahead goes first.
    call = kept.driver.call("3", PUBLISHED)
    await kept.driver.until(lambda: provisioned.request_id == "3")
    provisioned.finish()
    await call


async def test_they_are_neither_reaped_nor_evicted(keep):
    kept = await keep(environments=2, memory_mib=1000)
    _, [environment] = await kept.ready(1)
    environment.freeze(1024)
    kept.driver.pool.reap(environment.last_used + 100_000)
    await kept.driver.idle(other("a"))
    await kept.driver.idle(other("b"))
    assert not environment.ended.is_set()
    # Frozen or not, its place is kept whole: it is to serve whenever it is asked.
    assert kept.driver.held_mib == 2 * 128


@pytest.mark.parametrize("death", ["die", "fail_invocation", "crash"])
async def test_those_that_die_are_replaced(kept, death):
    asked, [environment] = await kept.ready(1)
    if death == "fail_invocation":
        call = kept.driver.call("1", PUBLISHED)
        await kept.driver.until(lambda: environment.request_id == "1")
        environment.fail_invocation()
        await call
    elif death == "crash":
        environment.crash(OSError("gone"))
    else:
        environment.die()
        kept.driver.pool.reap(0)
    await kept.ended(environment)
    another = await kept.driver.started()
    assert another.initialization_type == "provisioned-concurrency"
    another.ready()
    await kept.until(asked, ready(1))


async def test_an_init_that_fails_is_told_and_tried_again_later(kept, monkeypatch):
    asked = await kept.ask(1)
    failing = await kept.driver.started()
    failing.fail_init()
    await kept.until(asked, failed("FUNCTION_ERROR_INIT_FAILURE"))
    await kept.ended(failing)
    await kept.look()
    assert len(kept.driver.world.made) == 1
    [one] = kept.keeper._kept.values()
    one.may_start_at = 0.0
    await kept.look()
    (await kept.driver.started()).ready()
    await kept.until(asked, ready(1))


async def test_one_that_the_platform_fails_is_told_differently(kept, caplog):
    asked = await kept.ask(1)
    (await kept.driver.started()).crash(OSError("no space"))
    assert "lambent doctor" in await kept.failed(asked)


async def test_pauses_grow_with_failures(kept):
    asked = await kept.ask(1)
    (await kept.driver.started()).fail_init()
    await kept.until(asked, failed("FUNCTION_ERROR_INIT_FAILURE"))
    [one] = kept.keeper._kept.values()
    pauses = []
    for _ in range(10):
        before = asyncio.get_running_loop().time()
        one.fail("again")
        pauses.append(round(one.may_start_at - before))
    assert pauses == [4, 8, 16, 32, 60, 60, 60, 60, 60, 60]


async def test_only_a_few_are_started_at_one_time(keep):
    kept = await keep(environments=100, parallel_starts=100)
    await kept.ask(50)
    first = await kept.started(10)
    await kept.look()
    assert len(kept.driver.world.made) == 10
    for each in first:
        each.ready()
    await kept.started(10)


async def test_what_the_host_has_no_room_for_fails(keep):
    kept = await keep(environments=1)
    asked = await kept.ask(2)
    (await kept.driver.started()).ready()
    reason = "This server has no room for the environments."
    await kept.until(asked, failed(reason, available=1, requested=2))


async def test_a_version_larger_than_the_host_fails(keep):
    kept = await keep(memory_mib=100)
    asked = await kept.ask(1)
    assert "MemorySize of 128 MB" in await kept.failed(asked)


async def test_room_is_made_for_them(keep):
    kept = await keep(environments=1)
    idle = await kept.driver.idle(other("idle"))
    asked = await kept.ask(1)
    await kept.ended(idle)
    (await kept.driver.started()).ready()
    await kept.until(asked, ready(1))


async def test_asking_for_more_adds_and_for_fewer_takes_away(kept):
    _, environments = await kept.ready(2)
    busy = kept.driver.call("1", PUBLISHED)
    await kept.driver.until(lambda: any(each.request_id for each in environments))
    more = await kept.ask(3, "2026-01-31T12:00:01+0000")
    third = await kept.driver.started()
    third.ready()
    await kept.until(more, ready(3))
    fewer = await kept.ask(1, "2026-01-31T12:00:02+0000")
    await kept.until(fewer, ready(1))
    left = [each for each in (*environments, third) if not each._closed.is_set()]
    assert [each.request_id for each in left] == ["1"]  # who is idle goes first
    left[0].finish()
    await busy
    assert kept.driver.pool.provisioned(PUBLISHED) == 1


@pytest.mark.parametrize("what", ["configuration", "version", "function"])
async def test_deleting_closes_them_when_they_are_done(kept, what):
    held = hold_places(kept)
    asked, environments = await kept.ready(2)
    assert len(held) == 2
    call = kept.driver.call("1", PUBLISHED)
    await kept.driver.until(lambda: any(each.request_id for each in environments))
    if what == "configuration":
        await kept.store.records.delete(asked)
    elif what == "version":
        await kept.functions.delete_version(*NAME, "1")
    else:
        await kept.functions.delete(*NAME)
    await kept.look()
    [idle] = [each for each in environments if each.request_id is None]
    [busy] = [each for each in environments if each.request_id is not None]
    await kept.ended(idle)
    assert not busy.ended.is_set()
    busy.finish()
    await call
    await kept.ended(busy)
    await kept.driver.until(lambda: held == [])


async def test_what_starts_while_it_is_deleted_is_closed(kept):
    asked = await kept.ask(1)
    environment = await kept.driver.started()
    await kept.store.records.delete(asked)
    await kept.look()
    environment.ready()
    await kept.ended(environment)


async def test_a_look_that_fails_is_logged_and_done_again(kept, caplog):
    everything = kept.store.records.everything

    def fail():
        kept.store.records.everything = everything
        raise OSError("it cannot be read")

    kept.store.records.everything = fail
    await kept.ask(1)
    await kept.look()
    assert "it cannot be read" in caplog.text
    kept.keeper._wake.set()
    await kept.driver.started()


async def test_a_function_made_anew_under_the_name_has_none(kept):
    _, [environment] = await kept.ready(1)
    await kept.functions.delete(*NAME)
    function = Function(account_id=NAME[0], region=NAME[1], name=NAME[2])
    await kept.functions.create(function, VERSION)
    # Its numbers go on where those of the first one ended.
    await kept.functions.publish(replace(PUBLISHED, version="2", configuration_id="anew"))
    await kept.look()
    await kept.ended(environment)
    await kept.look()
    assert len(kept.driver.world.made) == 1


async def test_another_configuration_of_the_version_replaces_them(kept):
    asked, [old] = await kept.ready(1)
    changed = replace(PUBLISHED, configuration_id="changed", revision_id="other")
    await kept.functions.replace_version(changed, if_revision=None)
    await kept.look()
    await kept.ended(old)
    new = await kept.driver.started()
    assert new.version == changed
    new.ready()
    await kept.until(asked, ready(1))


async def test_a_version_is_provisioned_once_it_is_active(kept):
    pending = replace(PUBLISHED, state="Pending")
    await kept.functions.replace_version(pending, if_revision=None)
    asked = await kept.ask(1)
    await kept.look()
    assert kept.driver.world.made == []
    await kept.functions.replace_version(PUBLISHED, if_revision=None)
    await kept.look()
    (await kept.driver.started()).ready()
    await kept.until(asked, ready(1))


async def test_what_was_asked_for_is_made_ready_again_after_a_restart(keep, tmp_path):
    async with Database.open(tmp_path / "database") as database:
        functions = await FunctionStore.open(database, Seal(bytes(32)))
        await create(functions)
        store = await ProvisionedConcurrencyStore.open(database, functions)
        await store.records.put(config(1))
    kept = await keep()
    (await kept.driver.started()).ready()
    await kept.until(config(1), ready(1))
