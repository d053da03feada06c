from __future__ import annotations

import pytest

from lambent.domain.function import Function
from lambent.domain.provisioned_concurrency import Allocation, ProvisionedConcurrency
from lambent.store.functions import FunctionStore, NotFound
from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore

PLACE = ("000000000000", "us-east-1")


def config(version="1", requested=5, name="greet", region="us-east-1"):
    return ProvisionedConcurrency(
        account_id="000000000000",
        region=region,
        name=name,
        version=version,
        requested=requested,
        last_modified="2026-01-31T12:00:00+0000",
    )


def anything(others):
    return None


@pytest.fixture
async def functions(database, seal, version_of):
    store = await FunctionStore.open(database, seal)
    for name, region in (("greet", "us-east-1"), ("other", "us-east-1"), ("greet", "eu-west-1")):
        function = Function(account_id="000000000000", region=region, name=name)
        await store.create(function, version_of(name=name, region=region))
        for number in ("1", "2"):
            await store.publish(version_of(name=name, region=region, version=number))
    return store


@pytest.fixture
def store(database, functions):
    return ProvisionedConcurrencyStore(database)


async def test_what_is_put_can_be_read(store):
    await store.put(config("2", 3), anything)
    await store.put(config("1", 5), anything)
    await store.put(config("1", 7, name="other"), anything)
    assert await store.get(*PLACE, "greet", "1") == config("1", 5)
    assert await store.get(*PLACE, "greet", "3") is None
    assert await store.of_function(*PLACE, "greet") == [config("1", 5), config("2", 3)]
    assert len(await store.everything()) == 3
    assert await store.total(*PLACE) == 15
    assert await store.total("000000000000", "eu-west-1") == 0


async def test_what_is_put_again_replaces_what_was_there(store):
    await store.put(config("1", 5), anything)
    await store.put(config("1", 2), anything)
    assert await store.everything() == [config("1", 2)]


async def test_the_check_is_told_what_all_others_of_the_region_ask_for(store):
    told: list[int] = []
    await store.put(config("1", 5), told.append)
    await store.put(config("2", 7, name="other"), told.append)
    await store.put(config("1", 9, region="eu-west-1"), told.append)
    await store.put(config("1", 6), told.append)
    assert told == [0, 5, 0, 7]


async def test_what_the_check_refuses_is_not_stored(store):
    def refuse(others):
        raise ValueError("too many")

    await store.put(config("1", 5), anything)
    with pytest.raises(ValueError, match="too many"):
        await store.put(config("1", 6), refuse)
    assert await store.everything() == [config("1", 5)]


async def test_a_version_that_is_not_there_has_none(store):
    with pytest.raises(NotFound):
        await store.put(config("3"), anything)
    assert await store.everything() == []


async def test_it_goes_with_its_version_and_function(store, functions):
    for version in ("1", "2"):
        await store.put(config(version), anything)
        await store.put(config(version, name="other"), anything)
    await functions.delete_version(*PLACE, "greet", "1")
    assert await store.of_function(*PLACE, "greet") == [config("2")]
    await functions.delete(*PLACE, "other")
    assert await store.everything() == [config("2")]


async def test_a_changed_version_keeps_it(store, functions, version_of):
    await store.put(config(), anything)
    changed = version_of(version="1", revision_id="second")
    await functions.replace_version(changed, if_revision=None)
    assert await store.everything() == [config()]


async def test_what_is_deleted_is_gone_however_often(store):
    await store.put(config(), anything)
    for _ in range(2):
        await store.delete(*PLACE, "greet", "1")
    assert await store.everything() == []


async def test_whoever_listens_is_told_after_the_commit(store):
    told = []
    store.on_change(lambda: told.append("changed"))
    await store.put(config(), anything)
    await store.delete(*PLACE, "greet", "1")
    assert told == ["changed", "changed"]


async def test_it_is_in_progress_until_somebody_says_otherwise(store):
    await store.put(config(), anything)
    assert store.allocation(config()) == Allocation(available=0, status="IN_PROGRESS")
    store.allocate({config(): Allocation(available=5, status="READY")})
    assert store.allocation(config()).status == "READY"
    assert store.allocation(config(requested=6)).status == "IN_PROGRESS"
