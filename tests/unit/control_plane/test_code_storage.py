from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lambent.control_plane.code_storage import CodeStorage
from lambent.domain.errors import ServiceError


@pytest.fixture
def small(api, archive_of):
    """A server on which an account may store three small packages, and no more."""
    plane = api.plane
    storage = CodeStorage(plane.functions, plane.layers, 3 * len(archive_of()))
    return replace(api, plane=replace(plane, code_storage=storage))


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    assert (caught.value.code, caught.value.message) == (
        "CodeStorageExceededException",
        "Code storage limit exceeded.",
    )


async def test_every_version_of_functions_and_layers_counts(small, archive_of):
    await small.active(Publish=True)
    await small("PublishLayerVersion", LayerName="tools", Content={"ZipFile": archive_of()})
    settings = await small("GetAccountSettings")
    assert settings["AccountLimit"]["TotalCodeSize"] == 3 * len(archive_of())
    assert settings["AccountUsage"]["TotalCodeSize"] == 3 * len(archive_of())
    await refused(small.create("other"))
    await refused(
        small("PublishLayerVersion", LayerName="tools", Content={"ZipFile": archive_of()})
    )
    await small.updated("UpdateFunctionConfiguration", FunctionName="echo", Description="new")
    await refused(small("PublishVersion", FunctionName="echo"))


async def test_an_update_counts_for_what_it_adds(small, archive_of):
    await small.active()
    await refused(small("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("#" * 2000)))
    await small.updated("UpdateFunctionCode", FunctionName="echo", ZipFile=archive_of("x = 1"))


async def test_what_is_deleted_counts_no_more_and_others_never_did(small, archive_of):
    await small.active(Publish=True)
    await small.create("second")
    await small.of(account_id="210987654321").create()
    await small.of(region="us-east-1").create()
    await refused(small.create("third"))
    await small("DeleteFunction", FunctionName="second")
    await small.create("third")


async def test_parallel_requests_store_no_more_than_one_after_the_other(small, archive_of):
    size = len(archive_of())
    created = await asyncio.gather(
        *(small.create(f"f{number}") for number in range(6)), return_exceptions=True
    )
    refusals = [each for each in created if isinstance(each, ServiceError)]
    assert {each.code for each in refusals} == {"CodeStorageExceededException"}
    assert len(refusals) == 3
    assert (await small("GetAccountSettings"))["AccountUsage"]["TotalCodeSize"] == 3 * size
    # What failed keeps no room.
    [kept, *_] = [each["FunctionName"] for each in created if isinstance(each, dict)]
    await small("DeleteFunction", FunctionName=kept)
    await small.create("after")


async def test_a_dry_run_keeps_no_room(small, archive_of):
    await small.active()
    update = {"FunctionName": "echo", "DryRun": True}
    for _ in range(5):
        await small("UpdateFunctionCode", **update, ZipFile=archive_of("#" * 100))
    await refused(small("UpdateFunctionCode", **update, ZipFile=archive_of("#" * 2000)))
    await small.create("second")
    await small.create("third")


async def test_a_function_that_cannot_be_published_is_not_created(small):
    await small.create("first", Publish=True)
    await refused(small.create("second", Publish=True))
    listed = (await small("ListFunctions"))["Functions"]
    assert [each["FunctionName"] for each in listed] == ["first"]
