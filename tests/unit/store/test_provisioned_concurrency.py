from __future__ import annotations

import pytest

from lambent.domain.function import Function
from lambent.domain.provisioned_concurrency import Allocation, ProvisionedConcurrency
from lambent.store.functions import FunctionStore
from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore


def config(requested=5):
    return ProvisionedConcurrency(
        account_id="000000000000",
        region="us-east-1",
        name="greet",
        qualifier="1",
        revision_id="r",
        requested=requested,
        last_modified="2026-01-31T12:00:00+0000",
    )


@pytest.fixture
async def functions(database, seal, version_of):
    functions = await FunctionStore.open(database, seal)
    function = Function(account_id="000000000000", region="us-east-1", name="greet")
    await functions.create(function, version_of(name="greet", region="us-east-1"))
    await functions.publish(version_of(name="greet", region="us-east-1", version="1"))
    return functions


async def test_what_is_put_is_there_after_a_restart(database, functions):
    store = await ProvisionedConcurrencyStore.open(database, functions)
    await store.records.put(config())
    again = await ProvisionedConcurrencyStore.open(database, functions)
    assert again.records.everything() == [config()]


async def test_it_is_in_progress_until_somebody_says_otherwise(database, functions):
    store = await ProvisionedConcurrencyStore.open(database, functions)
    wanted = {"1": 5}
    assert store.allocation(config(), wanted) == Allocation(wanted=wanted, status="IN_PROGRESS")
    store.allocate({config(): Allocation(wanted=wanted, available=5, status="READY")})
    assert store.allocation(config(), wanted).status == "READY"
    assert store.allocation(config(requested=6), {"1": 6}).status == "IN_PROGRESS"


async def test_what_was_told_of_another_version_is_not_the_end_of_the_way(database, functions):
    store = await ProvisionedConcurrencyStore.open(database, functions)
    failed = Allocation(wanted={"1": 5}, available=3, status="FAILED", reason="why")
    store.allocate({config(): failed})
    moved = store.allocation(config(), {"2": 5})
    assert moved == Allocation(wanted={"2": 5}, available=3, status="IN_PROGRESS")
