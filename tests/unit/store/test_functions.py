from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from lambent.domain.function import Function
from lambent.store.functions import AlreadyExists, FunctionStore, NotFound, RevisionMismatch
from lambent.store.seal import Seal, SealBroken

ACCOUNT, REGION = "000000000000", "us-east-1"
GREET = (ACCOUNT, REGION, "greet")


@pytest.fixture
async def store(database, seal):
    return await FunctionStore.open(database, seal)


@pytest.fixture
def create(store, version_of):
    async def create(name="greet", *, account_id=ACCOUNT, region=REGION, tags=None, **changes):
        key = {"account_id": account_id, "region": region, "name": name}
        function = Function(**key, tags=tags or {})
        await store.create(function, version_of(**key, **changes))
        return function

    return create


@pytest.fixture
def reopened(database, seal):
    """The same functions as a later process would find them."""

    async def reopened():
        return await FunctionStore.open(database, seal)

    return reopened


def everything(store):
    return {
        version.qualified_arn: (store.function(version.account_id, version.region, version.name))
        for version in store.all_versions()
    }, sorted(store.all_versions(), key=lambda version: version.qualified_arn)


async def test_a_new_function_is_there_for_readers_and_after_a_restart(store, create, reopened):
    await create(tags={"team": "blue", "": "leer"}, environment={"A": "b"}, has_environment=True)
    assert store.version(*GREET).environment == {"A": "b"}
    assert store.function(*GREET).tags == {"team": "blue", "": "leer"}
    assert everything(await reopened()) == everything(store)


async def test_what_is_not_there_is_none(store, create):
    assert store.function(*GREET) is None
    assert store.version(*GREET) is None
    assert store.versions(*GREET) == []
    assert store.functions(ACCOUNT, REGION) == []
    await create()
    assert store.version(*GREET, "1") is None
    assert store.function(ACCOUNT, "eu-west-1", "greet") is None


async def test_a_name_is_taken_once_per_account_and_region(store, create, reopened):
    await create(description="first")
    with pytest.raises(AlreadyExists):
        await create(description="second", tags={"a": "b"})
    await create(account_id="111111111111")
    await create(region="eu-west-1")
    assert store.version(*GREET).description == "first"
    assert len(list(store.all_versions())) == 3
    assert everything(await reopened()) == everything(store)


async def test_of_many_that_create_one_function_one_succeeds(store, create):
    results = await asyncio.gather(
        *(create(description=str(number)) for number in range(20)), return_exceptions=True
    )
    assert sum(isinstance(result, AlreadyExists) for result in results) == 19


async def test_functions_are_listed_by_name(store, create, reopened):
    for name in ("b", "a-2", "C", "a", "a_1", "10", "9"):
        await create(name)
    await store.delete(ACCOUNT, REGION, "a_1")
    expected = ["10", "9", "C", "a", "a-2", "b"]
    for opened in (store, await reopened()):
        assert [function.name for function in opened.functions(ACCOUNT, REGION)] == expected
        for name, rest in (("", expected), (expected[1], expected[1:]), ("~", [])):
            found = opened.functions_from(ACCOUNT, REGION, name)
            assert [function.name for function in found] == rest


async def test_what_is_deleted_during_a_listing_does_not_come(store, create):
    for name in ("a", "b", "c"):
        await create(name)
    listing = store.functions_from(ACCOUNT, REGION, "a")
    assert next(listing).name == "a"
    await store.delete(ACCOUNT, REGION, "b")
    assert [function.name for function in listing] == ["c"]
    assert list(store.functions_from(ACCOUNT, "us-west-1", "a")) == []


async def test_a_version_is_replaced_if_nobody_else_did(store, create, version_of, reopened):
    await create()
    await store.replace_version(
        version_of(revision_id="second", description="new"), if_revision="first"
    )
    with pytest.raises(RevisionMismatch):
        await store.replace_version(version_of(revision_id="third"), if_revision="first")
    assert store.version(*GREET).description == "new"
    assert everything(await reopened()) == everything(store)


async def test_a_version_is_replaced_whatever_its_revision(store, create, version_of):
    await create()
    await store.replace_version(version_of(revision_id="second"), if_revision=None)
    assert store.version(*GREET).revision_id == "second"


async def test_a_version_is_current_as_long_as_its_environments_could_serve_it(
    store, create, version_of
):
    version = version_of()
    assert not store.is_current(version)
    await create()
    assert store.is_current(version)
    await store.replace_version(version_of(description="new"), if_revision=None)
    assert store.is_current(version)
    await store.replace_version(version_of(configuration_id="another"), if_revision=None)
    assert not store.is_current(version)


@pytest.mark.parametrize("revision", [None, "first"])
async def test_what_is_not_there_cannot_be_replaced(store, create, version_of, revision):
    with pytest.raises(NotFound):
        await store.replace_version(version_of(), if_revision=revision)
    await create()
    with pytest.raises(NotFound):
        await store.replace_version(version_of(version="1"), if_revision=revision)
    assert store.version(*GREET, "1") is None


async def test_of_many_that_replace_one_revision_one_succeeds(store, create, version_of, reopened):
    await create()
    results = await asyncio.gather(
        *(
            store.replace_version(version_of(revision_id=f"{number}"), if_revision="first")
            for number in range(20)
        ),
        return_exceptions=True,
    )
    (winner,) = (number for number, result in enumerate(results) if result is None)
    assert store.version(*GREET).revision_id == str(winner)
    assert (await reopened()).version(*GREET).revision_id == str(winner)


async def test_published_versions_come_after_latest_in_order(store, create, version_of, reopened):
    await create()
    for number in range(1, 12):
        await store.publish(version_of(version=str(number)))
    await store.replace_version(version_of(version="3", description="x"), if_revision=None)
    await store.replace_version(version_of(description="y"), if_revision=None)
    expected = ["$LATEST", *map(str, range(1, 12))]
    for opened in (store, await reopened()):
        assert [version.version for version in opened.versions(*GREET)] == expected
        assert opened.function(*GREET).next_version == 12


async def test_a_number_is_never_used_again(store, create, version_of, reopened):
    await create()
    await store.publish(version_of(version="1"))
    assert await store.delete_version(*GREET, "1") is True
    assert await store.delete_version(*GREET, "1") is False
    with pytest.raises(AlreadyExists):
        await store.publish(version_of(version="1"))
    for opened in (store, await reopened()):
        assert opened.function(*GREET).next_version == 2
        assert [version.version for version in opened.versions(*GREET)] == ["$LATEST"]


async def test_a_number_cannot_be_skipped(store, create, version_of):
    await create()
    with pytest.raises(AlreadyExists):
        await store.publish(version_of(version="2"))
    assert store.function(*GREET).next_version == 1


async def test_publishers_at_the_same_time_get_a_number_once(store, create, version_of, reopened):
    await create()
    results = await asyncio.gather(
        *(store.publish(version_of(version="1", description=str(n))) for n in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, AlreadyExists) for result in results) == 9
    assert store.function(*GREET).next_version == 2
    assert everything(await reopened()) == everything(store)


async def test_only_an_existing_function_has_versions(store, version_of):
    with pytest.raises(NotFound):
        await store.publish(version_of(version="1"))


async def test_a_deleted_function_is_gone_with_everything(
    store, create, version_of, database, reopened
):
    await create(tags={"a": "b"})
    await store.publish(version_of(version="1"))
    assert await store.delete(*GREET) is True
    assert await store.delete(*GREET) is False
    for opened in (store, await reopened()):
        assert opened.function(*GREET) is None
        assert opened.versions(*GREET) == []
        assert opened.functions(ACCOUNT, REGION) == []
    for table in ("functions", "function_versions", "function_tags"):
        count = text(f"SELECT count(*) FROM {table}")
        assert await database.read(lambda connection, count=count: connection.scalar(count)) == 0


async def test_a_function_created_again_counts_on(store, create, version_of, reopened):
    for number in ("1", "2"):
        await create()
        assert store.function(*GREET).next_version == int(number)
        await store.publish(version_of(version=number))
        await store.delete(*GREET)
    store = await reopened()
    await store.create(Function(account_id=ACCOUNT, region=REGION, name="greet"), version_of())
    assert store.function(*GREET).next_version == 3
    assert everything(await reopened()) == everything(store)


async def test_latest_cannot_be_deleted(store, create):
    await create()
    with pytest.raises(ValueError, match="LATEST"):
        await store.delete_version(*GREET, "$LATEST")


async def test_all_versions_can_be_visited_while_they_change(store, create):
    for name in ("a", "b", "c"):
        await create(name)
    visited = []
    for version in store.all_versions():
        visited.append(version.name)
        await store.delete(ACCOUNT, REGION, version.name)
        await create(f"new-{version.name}")
    assert sorted(visited) == ["a", "b", "c"]


async def test_readers_never_see_what_could_not_be_stored(store, create, version_of, database):
    await create()
    await database.write(
        lambda connection: connection.exec_driver_sql(
            "CREATE TEMP TRIGGER broken BEFORE UPDATE ON function_versions "
            "BEGIN SELECT raise(abort, 'broken disk'); END"
        ).close()
    )
    with pytest.raises(Exception, match="broken disk"):
        await store.replace_version(version_of(description="new"), if_revision=None)
    assert store.version(*GREET).description == ""


async def test_memory_follows_even_if_the_writer_was_cancelled(store, version_of, database):
    function = Function(account_id=ACCOUNT, region=REGION, name="greet")
    task = asyncio.ensure_future(store.create(function, version_of()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await database.write(lambda connection: None)
    assert store.function(*GREET) == function


async def test_writers_of_every_kind_at_once_leave_memory_and_disk_alike(
    store, create, version_of, reopened
):
    async def churn(number):
        for step in range(12):
            name = f"f{(number + step) % 3}"
            key = {"account_id": ACCOUNT, "region": REGION, "name": name}
            function = store.function(ACCOUNT, REGION, name)
            try:
                if function is None:
                    await create(name, tags={"by": str(number)})
                elif step % 4 == 0:
                    await store.publish(version_of(**key, version=str(function.next_version)))
                elif step % 4 == 1:
                    await store.replace_version(
                        version_of(**key, revision_id=f"{number}-{step}"), if_revision=None
                    )
                elif step % 4 == 2:
                    await store.delete_version(*key.values(), str(function.next_version - 1))
                else:
                    await store.delete(*key.values())
            except (AlreadyExists, NotFound):
                pass

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(churn(number))
    assert everything(await reopened()) == everything(store)


async def test_variables_are_not_on_the_disk_in_plain_text(create, tmp_path):
    await create(environment={"PASSWORD": "hunter2-hunter2"}, has_environment=True)
    for path in tmp_path.iterdir():
        assert b"hunter2-hunter2" not in path.read_bytes(), path


async def test_variables_sealed_with_another_key_are_reported_at_the_start(create, database):
    await create(environment={"A": "b"})
    with pytest.raises(SealBroken):
        await FunctionStore.open(database, Seal(b"k" * 32))
