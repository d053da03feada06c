from __future__ import annotations

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
