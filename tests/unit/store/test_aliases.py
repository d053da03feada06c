from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from lambent.domain.alias import Alias
from lambent.domain.function import Function
from lambent.domain.records import FunctionRecord
from lambent.store.aliases import AliasStore
from lambent.store.functions import (
    AlreadyExists,
    FunctionStore,
    InUse,
    NotFound,
    RevisionMismatch,
)
from lambent.store.records import FunctionRecords

KEY: dict[str, Any] = {"account_id": "000000000000", "region": "us-east-1", "name": "greet"}
GREET = tuple(KEY.values())


def alias(own="live", **changes):
    return Alias(**{**KEY, "alias": own, "version": "1", "revision_id": "first", **changes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(FunctionRecord):
    text: str


@pytest.fixture
async def functions(database, seal, version_of):
    """With one function, greet, which has the versions 1 to 3."""
    store = await FunctionStore.open(database, seal)
    await store.create(Function(**KEY), version_of(**KEY))
    for number in ("1", "2", "3"):
        await store.publish(version_of(**KEY, version=number))
    return store


@pytest.fixture
async def store(database, functions):
    return await AliasStore.open(database, functions)


@pytest.fixture
def reopened(database, seal):
    """The same aliases as a later process would find them."""

    async def reopened():
        return await AliasStore.open(database, await FunctionStore.open(database, seal))

    return reopened


async def test_an_alias_is_there_for_readers_and_after_a_restart(store, reopened):
    routed = alias("next", second_version="2", second_weight=0.1, description="soon")
    await store.create(routed)
    await store.create(alias())
    for opened in (store, await reopened()):
        assert opened.get(*GREET, "next") == routed
        assert opened.of_function(*GREET) == [alias(), routed]
        assert opened.pointing_to(*GREET, "1") == [alias(), routed]
        assert opened.pointing_to(*GREET, "2") == [routed]


async def test_what_is_not_there_is_none(store):
    await store.create(alias())
    assert store.get(*GREET, "next") is None
    assert store.get("000000000000", "us-east-1", "other", "live") is None
    assert store.get("000000000000", "eu-west-1", "greet", "live") is None
    assert store.of_function("000000000001", "us-east-1", "greet") == []


async def test_an_alias_can_stand_for_latest(store, reopened):
    await store.create(alias(version="$LATEST"))
    assert (await reopened()).get(*GREET, "live").version == "$LATEST"


async def test_a_name_is_given_once(store):
    await store.create(alias())
    with pytest.raises(AlreadyExists):
        await store.create(alias(version="2"))
    assert store.get(*GREET, "live") == alias()


@pytest.mark.parametrize(
    "wrong", [{"version": "7"}, {"second_version": "7"}, {"name": "other"}, {"region": "eu-west-1"}]
)
async def test_an_alias_needs_what_it_points_to(store, wrong):
    with pytest.raises(NotFound):
        await store.create(alias(**wrong))
    assert store.of_function(*GREET) == []


async def test_a_change_is_for_one_revision(store, reopened):
    await store.create(alias())
    changed = alias(version="2", revision_id="second")
    await store.replace(changed, if_revision="first")
    with pytest.raises(RevisionMismatch):
        await store.replace(alias(version="3", revision_id="third"), if_revision="first")
    with pytest.raises(NotFound):
        await store.replace(alias(version="7", revision_id="third"), if_revision="second")
    with pytest.raises(NotFound):
        await store.replace(alias("next"), if_revision="first")
    for opened in (store, await reopened()):
        assert opened.of_function(*GREET) == [changed]


async def test_a_version_stays_while_an_alias_points_to_it(store, functions, reopened):
    await store.create(alias(second_version="2", second_weight=0.0))
    await store.create(alias("next"))
    with pytest.raises(InUse) as caught:
        await functions.delete_version(*GREET, "1")
    assert caught.value.aliases == ["live", "next"]
    with pytest.raises(InUse) as caught:
        await functions.delete_version(*GREET, "2")
    assert caught.value.aliases == ["live"]
    assert await functions.delete_version(*GREET, "3")
    await store.delete(alias())
    assert await functions.delete_version(*GREET, "2")
    assert (await reopened()).of_function(*GREET) == [alias("next")]


async def test_whoever_comes_first_no_alias_points_to_nothing(store, functions, reopened):
    for number in range(20):
        name = f"a{number}"
        await asyncio.gather(
            store.create(alias(name, version="2")),
            functions.delete_version(*GREET, "2"),
            store.create(alias(f"b{number}", version="3")),
            return_exceptions=True,
        )
        await store.delete(alias(name))
    for opened in (store, await reopened()):
        versions = {version.version for version in functions.versions(*GREET)}
        assert {each.version for each in opened.of_function(*GREET)} <= versions


async def test_a_deleted_alias_is_gone_with_what_belongs_to_it(
    store, functions, database, reopened
):
    notes = await FunctionRecords.open(database, functions, Note)
    await store.create(alias())
    await notes.put(Note(**KEY, qualifier="live", revision_id="r", text="of the alias"))
    await notes.put(Note(**KEY, qualifier="1", revision_id="r", text="of the version"))
    await store.delete(alias())
    await store.delete(alias())  # nothing more to do
    for opened in (notes, await FunctionRecords.open(database, functions, Note)):
        assert [note.qualifier for note in opened.of_function(*GREET)] == ["1"]
    assert store.get(*GREET, "live") is None
    assert (await reopened()).of_function(*GREET) == []


async def test_a_function_takes_its_aliases_with_it(store, functions, database, version_of):
    await store.create(alias(second_version="2", second_weight=0.5))
    assert await functions.delete(*GREET)
    assert store.of_function(*GREET) == []
    count = text("SELECT count(*) FROM aliases")
    assert await database.read(lambda connection: connection.scalar(count)) == 0
    await functions.create(Function(**KEY), version_of(**KEY))
    assert store.get(*GREET, "live") is None


async def test_one_of_many_changes_at_the_same_time_wins(store, reopened):
    await store.create(alias())
    changes = [alias(description=str(n), revision_id=str(n)) for n in range(10)]
    results = await asyncio.gather(
        *(store.replace(change, if_revision="first") for change in changes), return_exceptions=True
    )
    (winner,) = (number for number, result in enumerate(results) if result is None)
    for opened in (store, await reopened()):
        assert opened.get(*GREET, "live") == changes[winner]
