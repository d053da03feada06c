from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lambent.domain.layer import LayerPermission, LayerReference, LayerVersion
from lambent.store.layers import LayerStore, NotFound, PolicyChanged

TOOLS = LayerReference(account_id="000000000000", region="us-east-1", name="tools")
ELSEWHERE = [
    replace(TOOLS, account_id="111111111111"),
    replace(TOOLS, region="eu-west-1"),
    replace(TOOLS, name="other"),
]


def draft(layer=TOOLS, **changes):
    return LayerVersion(
        **{
            "layer": layer,
            "version": 0,
            "created": "2026-01-31T12:00:00.000+0000",
            "code_sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "code_bytes": 22,
            **changes,
        }
    )


def permission(statement_id="s", principal="*"):
    return LayerPermission(statement_id=statement_id, principal=principal)


@pytest.fixture
async def store(database):
    return await LayerStore.open(database)


def everything(store):
    return sorted(store.all_versions(), key=lambda version: version.arn)


async def test_a_version_is_there_for_readers_and_after_a_restart(store, database):
    published = await store.publish(
        draft(
            description="Tools",
            license_info="MIT",
            compatible_runtimes=("python3.12",),
            compatible_architectures=(),
        )
    )
    assert published.version == 1
    assert store.version(TOOLS, 1) == published
    assert everything(await LayerStore.open(database)) == [published]


async def test_what_is_not_there_is_none(store):
    await store.publish(draft())
    assert store.version(TOOLS, 2) is None
    assert all(store.version(layer, 1) is None for layer in ELSEWHERE)
    assert store.versions(ELSEWHERE[0]) == []
    assert store.layers("111111111111", "us-east-1") == []


async def test_versions_come_newest_first_and_layers_by_name(store):
    for name in ("b", "a", "b"):
        await store.publish(draft(replace(TOOLS, name=name)))
    assert [each.name for each in store.layers(TOOLS.account_id, TOOLS.region)] == ["a", "b"]
    assert [each.version for each in store.versions(replace(TOOLS, name="b"))] == [2, 1]


async def test_every_layer_counts_for_itself(store):
    await store.publish(draft())
    published = [await store.publish(draft(layer)) for layer in ELSEWHERE]
    assert [version.version for version in published] == [1, 1, 1]


async def test_many_publishers_get_each_a_number(store):
    published = await asyncio.gather(*(store.publish(draft()) for _ in range(20)))
    assert sorted(version.version for version in published) == list(range(1, 21))


async def test_a_number_is_never_given_again(store, database):
    await store.publish(draft())
    second = await store.publish(draft())
    assert await store.delete(TOOLS, 2) == second
    assert (await store.publish(draft())).version == 3
    for number in (1, 3):
        await store.delete(TOOLS, number)
    assert store.layers(TOOLS.account_id, TOOLS.region) == []
    reopened = await LayerStore.open(database)
    assert everything(reopened) == []
    assert (await reopened.publish(draft())).version == 4


async def test_of_many_that_delete_a_version_one_does(store):
    await store.publish(draft())
    deleted = await asyncio.gather(*(store.delete(TOOLS, 1) for _ in range(5)))
    assert sum(version is not None for version in deleted) == 1
    assert await store.delete(TOOLS, 1) is None


async def test_a_policy_lasts(store, database):
    version = await store.publish(draft())
    shared = replace(version, permissions=(permission(),), policy_revision_id="first")
    await store.replace_policy(shared, if_revision=None)
    assert store.version(TOOLS, 1) == shared
    assert everything(await LayerStore.open(database)) == [shared]


async def test_a_policy_that_changed_meanwhile_is_left_alone(store, database):
    version = await store.publish(draft())
    first = replace(version, permissions=(permission("a"),), policy_revision_id="first")
    await store.replace_policy(first, if_revision=None)
    late = replace(version, permissions=(permission("b"),), policy_revision_id="late")
    with pytest.raises(PolicyChanged):
        await store.replace_policy(late, if_revision=None)
    with pytest.raises(PolicyChanged):
        await store.replace_policy(late, if_revision="another")
    assert everything(await LayerStore.open(database)) == everything(store) == [first]
    await store.replace_policy(late, if_revision="first")
    assert store.version(TOOLS, 1) == late


async def test_a_version_that_is_gone_has_no_policy(store):
    version = await store.publish(draft())
    await store.delete(TOOLS, 1)
    with pytest.raises(NotFound):
        await store.replace_policy(version, if_revision=None)
    assert store.version(TOOLS, 1) is None
