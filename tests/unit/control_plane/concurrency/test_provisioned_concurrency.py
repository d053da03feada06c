from __future__ import annotations

import asyncio

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.provisioned_concurrency import Allocation

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:echo"
PUT = "PutProvisionedConcurrencyConfig"
GET = "GetProvisionedConcurrencyConfig"
DELETE = "DeleteProvisionedConcurrencyConfig"
LIST = "ListProvisionedConcurrencyConfigs"


@pytest.fixture
async def function(api):
    await api.active(Publish=True)
    return api


async def put(api, count=5, qualifier="1", name="echo"):
    return await api(
        PUT, FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


async def publish(api, *descriptions):
    for text in descriptions:
        await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Description=text)
        await api("PublishVersion", FunctionName="echo")


async def test_what_is_put_is_in_progress(function):
    expected = {
        "RequestedProvisionedConcurrentExecutions": 5,
        "AvailableProvisionedConcurrentExecutions": 0,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "StatusReason": None,
        "LastModified": "2026-01-31T12:00:00+0000",
    }
    assert await put(function) == expected
    assert await function(GET, FunctionName="echo", Qualifier="1") == expected
    assert await function(GET, FunctionName="echo:1", Qualifier="1") == expected


async def test_how_far_it_has_come_is_told(function):
    await put(function)
    store = function.plane.provisioned_concurrency
    [config] = store.records.everything()
    allocation = Allocation(wanted={"1": 5}, available=2, status="FAILED", reason="why")
    store.allocate({config: allocation})
    answer = await function(GET, FunctionName="echo", Qualifier="1")
    assert answer["AvailableProvisionedConcurrentExecutions"] == 2
    assert answer["AllocatedProvisionedConcurrentExecutions"] == 2
    assert (answer["Status"], answer["StatusReason"]) == ("FAILED", "why")


async def test_a_version_without_one_has_none(function):
    code, message = await refused(function(GET, FunctionName="echo", Qualifier="1"))
    assert code == "ProvisionedConcurrencyConfigNotFoundException"
    assert message == "No Provisioned Concurrency Config found for this function"


async def test_what_is_deleted_is_gone_however_often(function):
    await put(function)
    for _ in range(2):
        assert await function(DELETE, FunctionName="echo", Qualifier="1") == {}
    code, _ = await refused(function(GET, FunctionName="echo", Qualifier="1"))
    assert code == "ProvisionedConcurrencyConfigNotFoundException"


@pytest.mark.parametrize("operation", [PUT, GET, DELETE])
@pytest.mark.parametrize(
    ("name", "qualifier", "message"),
    [
        ("echo", "live", f"Cannot find alias arn: {ARN}:live"),
        ("gone", "live", f"Cannot find alias arn: {ARN.replace('echo', 'gone')}:live"),
        ("echo", "10", f"Function not found: {ARN}:10"),
        ("gone", "1", f"Function not found: {ARN.replace('echo', 'gone')}:1"),
    ],
)
async def test_what_is_not_there_is_named_as_aws_does(
    function, operation, name, qualifier, message
):
    call = function(
        operation, FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=1
    )
    assert await refused(call) == ("ResourceNotFoundException", message)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (
            PUT,
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        (GET, "The function resource provided must be an alias or a published version."),
        (DELETE, "The function resource provided must be an alias or a published version."),
    ],
)
async def test_latest_cannot_be_provisioned(function, operation, message):
    call = function(
        operation, FunctionName="echo", Qualifier="$LATEST", ProvisionedConcurrentExecutions=1
    )
    assert await refused(call) == ("InvalidParameterValueException", message)


async def test_an_account_keeps_enough_for_all_others(function):
    assert await refused(put(function, 1001)) == (
        "InvalidParameterValueException",
        "Specified ConcurrentExecutions for function is greater than account's unreserved "
        "concurrency [1000].",
    )
    assert await refused(put(function, 901)) == (
        "InvalidParameterValueException",
        "Specified ConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
    )
    await put(function, 900)


async def test_what_others_have_counts_and_what_it_had_itself_does_not(function):
    await function.active("second", Publish=True)
    await put(function, 500, name="second")
    code, message = await refused(put(function, 501))
    assert (code, message[-6:]) == ("InvalidParameterValueException", "[500].")
    await put(function, 300)
    await put(function, 400)
    settings = await function("GetAccountSettings")
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 100


async def test_they_are_listed_by_version_in_pages(function):
    await publish(function, "two", "three")
    assert await function(LIST, FunctionName="echo") == {
        "ProvisionedConcurrencyConfigs": [],
        "NextMarker": None,
    }
    for version in ("3", "1", "2"):
        await put(function, int(version), version)
    first = await function(LIST, FunctionName="echo", MaxItems=2)
    assert [each["FunctionArn"] for each in first["ProvisionedConcurrencyConfigs"]] == [
        f"{ARN}:1",
        f"{ARN}:2",
    ]
    second = await function(LIST, FunctionName="echo", MaxItems=2, Marker=first["NextMarker"])
    [last] = second["ProvisionedConcurrencyConfigs"]
    assert last["RequestedProvisionedConcurrentExecutions"] == 3
    assert second["NextMarker"] is None


async def test_aliases_are_listed_after_versions(function):
    await publish(function, *(str(number) for number in range(2, 11)))
    for alias in ("live", "beta"):
        await function("CreateAlias", FunctionName="echo", Name=alias, FunctionVersion="3")
        await put(function, 1, alias)
    for version in ("10", "2"):
        await put(function, 1, version)
    listed, marker = [], None
    while True:
        page = await function(
            LIST, FunctionName="echo", MaxItems=1, **({"Marker": marker} if marker else {})
        )
        listed += [each["FunctionArn"] for each in page["ProvisionedConcurrencyConfigs"]]
        marker = page["NextMarker"]
        if marker is None:
            break
    assert listed == [f"{ARN}:{qualifier}" for qualifier in ("2", "10", "beta", "live")]


async def test_a_function_that_is_not_there_lists_none(function):
    assert await refused(function(LIST, FunctionName="gone")) == (
        "ResourceNotFoundException",
        f"Function not found: {ARN.replace('echo', 'gone')}",
    )


async def test_it_goes_with_its_version(function):
    await put(function)
    await function("DeleteFunction", FunctionName="echo", Qualifier="1")
    assert (await function(LIST, FunctionName="echo"))["ProvisionedConcurrencyConfigs"] == []
    settings = await function("GetAccountSettings")
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000


@pytest.fixture
async def alias(function):
    await function("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    return function


async def test_an_alias_has_its_own(alias):
    assert (await put(alias, 2, "live"))["Status"] == "IN_PROGRESS"
    answer = await alias(GET, FunctionName="echo", Qualifier="live")
    assert answer["RequestedProvisionedConcurrentExecutions"] == 2
    code, _ = await refused(alias(GET, FunctionName="echo", Qualifier="1"))
    assert code == "ProvisionedConcurrencyConfigNotFoundException"


async def test_an_alias_that_moves_is_in_progress_again(alias):
    await put(alias, 1, "live")
    store = alias.plane.provisioned_concurrency
    [config] = store.records.everything()
    store.allocate({config: Allocation(wanted={"1": 1}, available=1, status="READY")})
    assert (await alias(GET, FunctionName="echo", Qualifier="live"))["Status"] == "READY"
    await publish(alias, "two")
    await alias("UpdateAlias", FunctionName="echo", Name="live", FunctionVersion="2")
    answer = await alias(GET, FunctionName="echo", Qualifier="live")
    assert answer["Status"] == "IN_PROGRESS"
    assert answer["AllocatedProvisionedConcurrentExecutions"] == 1


async def test_a_version_has_one_of_its_own_or_of_an_alias(alias):
    await put(alias, 1, "1")
    assert await refused(put(alias, 1, "live")) == (
        "ResourceConflictException",
        "Alias can't be used for Provisioned Concurrency configuration on an already "
        "Provisioned version",
    )
    await alias(DELETE, FunctionName="echo", Qualifier="1")
    await put(alias, 1, "live")
    await put(alias, 2, "live")
    assert await refused(put(alias, 1, "1")) == (
        "ResourceConflictException",
        "Version is pointed by a Provisioned Concurrency alias",
    )


async def test_it_goes_with_its_alias(alias):
    await put(alias, 1, "live")
    await alias("DeleteAlias", FunctionName="echo", Name="live")
    assert await refused(alias(GET, FunctionName="echo", Qualifier="live")) == (
        "ResourceNotFoundException",
        f"Cannot find alias arn: {ARN}:live",
    )
    assert (await alias(LIST, FunctionName="echo"))["ProvisionedConcurrencyConfigs"] == []


async def test_an_alias_of_latest_cannot_be_provisioned(function):
    await function("CreateAlias", FunctionName="echo", Name="dev", FunctionVersion="$LATEST")
    assert await refused(put(function, 1, "dev")) == (
        "InvalidParameterValueException",
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
    )


async def test_it_is_a_part_of_what_is_reserved_for_the_function(function):
    await function("PutFunctionConcurrency", FunctionName="echo", ReservedConcurrentExecutions=5)
    await put(function, 3)
    await publish(function, "two")
    for qualifier, count in (("2", 3), ("1", 6)):
        assert await refused(put(function, count, qualifier)) == (
            "InvalidParameterValueException",
            "Requested Provisioned Concurrency should not be greater than the "
            "reservedConcurrentExecution for function",
        )
    await put(function, 2, "2")
    settings = await function("GetAccountSettings")
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 995


async def test_of_concurrent_callers_no_more_than_fits_succeed(function):
    await publish(function, "two", "three")
    results = await asyncio.gather(
        *(put(function, 400, version) for version in ("1", "2", "3")), return_exceptions=True
    )
    assert sum(isinstance(result, ServiceError) for result in results) == 1


async def test_an_alias_moves_to_no_version_that_has_its_own(alias):
    await put(alias, qualifier="live")
    await publish(alias, "b")
    await put(alias, qualifier="2")
    moved = {"FunctionName": "echo", "Name": "live"}
    split = {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.5}}}
    for request in ({"FunctionVersion": "2"}, split):
        assert await refused(alias("UpdateAlias", **moved, **request)) == (
            "ResourceConflictException",
            "Alias can't be used for Provisioned Concurrency configuration on an already "
            "Provisioned version",
        )
    assert await refused(alias("UpdateAlias", **moved, FunctionVersion="$LATEST")) == (
        "InvalidParameterValueException",
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
    )
    assert (await alias("GetAlias", **moved))["FunctionVersion"] == "1"
    await alias(DELETE, FunctionName="echo", Qualifier="2")
    await alias("UpdateAlias", **moved, FunctionVersion="2")


async def test_an_alias_and_its_next_version_are_not_both_provisioned_at_once(alias):
    await put(alias, qualifier="live")
    await publish(alias, "b")
    answers = await asyncio.gather(
        alias("UpdateAlias", FunctionName="echo", Name="live", FunctionVersion="2"),
        put(alias, qualifier="2"),
        return_exceptions=True,
    )
    assert sum(isinstance(each, ServiceError) for each in answers) == 1
