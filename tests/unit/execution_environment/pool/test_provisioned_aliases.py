"""Environments that are kept ready for what an alias points to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.execution_environment.keeper_driver import PUBLISHED, live, open_keepers, ready

from lambent.domain.provisioned_concurrency import Allocation

SECOND = replace(PUBLISHED, version="2", configuration_id="second")


@pytest.fixture
async def kept(monkeypatch, tmp_path):
    async with open_keepers(monkeypatch, tmp_path) as make:
        kept = await make()
        await kept.functions.publish(SECOND)
        await kept.aliases.create(live())
        yield kept


async def ready_for_alias(kept, count=1):
    asked = await kept.ask(count, qualifier="live")
    environments = await kept.started(count)
    for environment in environments:
        environment.ready()
    await kept.until(asked, ready(count, **{"1": count}))
    return asked, environments


async def test_they_are_of_the_version_the_alias_points_to(kept):
    _, [environment] = await ready_for_alias(kept)
    assert environment.version == PUBLISHED
    assert kept.driver.pool.has_provisioned(PUBLISHED)


async def test_they_follow_the_alias_to_another_version(kept):
    asked, [old] = await ready_for_alias(kept)
    await kept.aliases.replace(live("2"), if_revision="1")
    # Nobody is told that it is ready for the version it points to now.
    assert kept.allocation(asked) == Allocation(wanted={"2": 1}, available=1)
    await kept.look()
    await kept.ended(old)
    new = await kept.driver.started()
    assert new.version == SECOND
    new.ready()
    await kept.until(asked, ready(1, **{"2": 1}))


async def test_two_versions_of_an_alias_share_them(kept):
    asked, environments = await ready_for_alias(kept, 4)
    shared = replace(live(second_version="2", second_weight=0.25), revision_id="shared")
    await kept.aliases.replace(shared, if_revision="1")
    await kept.look()
    (await kept.driver.started()).ready()
    await kept.until(asked, ready(4, **{"1": 3, "2": 1}))
    assert kept.driver.pool.provisioned(PUBLISHED) == 3
    assert kept.driver.pool.provisioned(SECOND) == 1
    assert sum(each._closed.is_set() for each in environments) == 1


async def test_a_version_has_those_of_all_who_ask_for_it(kept):
    of_alias, [_] = await ready_for_alias(kept)
    of_version = await kept.ask(2)
    await kept.until(of_version, Allocation(wanted={"1": 2}, available=0))
    for environment in await kept.started(2):
        environment.ready()
    await kept.until(of_version, ready(2))
    await kept.until(of_alias, ready(1))


async def test_an_alias_without_any_published_version_has_none(kept):
    asked, [old] = await ready_for_alias(kept)
    await kept.aliases.replace(live("$LATEST"), if_revision="1")
    await kept.look()
    await kept.ended(old)
    assert "$LATEST" in await kept.failed(asked)
    await kept.aliases.replace(live("1"), if_revision="$LATEST")
    await kept.look()
    (await kept.driver.started()).ready()
    await kept.until(asked, ready(1))


async def test_they_go_with_the_alias(kept):
    _, [environment] = await ready_for_alias(kept)
    await kept.aliases.delete(live())
    await kept.ended(environment)
    assert kept.store.records.everything() == []
