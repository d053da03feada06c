from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

PER_TENANT = {"TenantIsolationMode": "PER_TENANT"}
SNAP_START = {"ApplyOn": "PublishedVersions"}


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


async def test_every_answer_about_a_function_tells_its_mode(api):
    created = await api.create("greet", TenancyConfig=PER_TENANT)
    await api.settle()
    published = await api("PublishVersion", FunctionName="greet")
    read = await api("GetFunction", FunctionName="greet", Qualifier="1")
    updated = await api.updated("UpdateFunctionConfiguration", FunctionName="greet", Timeout=9)
    [listed] = (await api("ListFunctions"))["Functions"]
    versions = (await api("ListVersionsByFunction", FunctionName="greet"))["Versions"]
    answers = [created, published, read["Configuration"], updated, listed, *versions]
    assert [answer["TenancyConfig"] for answer in answers] == [PER_TENANT] * 7


async def test_without_isolation_nothing_is_told(api):
    assert (await api.create("greet"))["TenancyConfig"] is None


async def test_snap_start_is_refused_at_creation_and_in_updates(api):
    said = "SnapStart is not supported for functions with tenant isolation mode."
    assert await refused(api.create(TenancyConfig=PER_TENANT, SnapStart=SNAP_START)) == said
    await api.active("greet", TenancyConfig=PER_TENANT)
    update = api("UpdateFunctionConfiguration", FunctionName="greet", SnapStart=SNAP_START)
    assert await refused(update) == said


async def test_provisioned_concurrency_is_refused(api):
    await api.active("greet", TenancyConfig=PER_TENANT)
    await api("PublishVersion", FunctionName="greet")
    put = api(
        "PutProvisionedConcurrencyConfig",
        FunctionName="greet",
        Qualifier="1",
        ProvisionedConcurrentExecutions=1,
    )
    assert await refused(put) == (
        "Provisioned Concurrency is not supported for functions with tenant isolation mode."
    )
