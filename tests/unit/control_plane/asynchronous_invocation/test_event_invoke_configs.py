from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambent.domain.errors import ServiceError

ACCOUNT = "arn:aws:lambda:eu-central-1:123456789012"
ARN = f"{ACCOUNT}:function:echo"
GONE = f"{ACCOUNT}:function:gone"
PUT = "PutFunctionEventInvokeConfig"
UPDATE = "UpdateFunctionEventInvokeConfig"
GET = "GetFunctionEventInvokeConfig"
DELETE = "DeleteFunctionEventInvokeConfig"
LIST = "ListFunctionEventInvokeConfigs"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:records"
NOWHERE = {"OnSuccess": {"Destination": None}, "OnFailure": {"Destination": None}}


@pytest.fixture
async def function(api):
    """A function with version 1 and an alias of it."""
    await api.active(Publish=True)
    await api("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="1")
    return api


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


async def listed(api, **request):
    return (await api(LIST, FunctionName="echo", **request))["FunctionEventInvokeConfigs"]


def none_at(qualifier, arn=ARN):
    return (
        "ResourceNotFoundException",
        f"The function {arn}:{qualifier} doesn't have an EventInvokeConfig",
    )


NO_FUNCTION = ("ResourceNotFoundException", "The function doesn't exist.")


async def test_what_is_put_is_read_again(function):
    expected = {
        "LastModified": datetime(2026, 1, 31, 12, tzinfo=UTC),
        "FunctionArn": f"{ARN}:$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": None,
        "DestinationConfig": NOWHERE,
    }
    assert await function(PUT, FunctionName="echo", MaximumRetryAttempts=0) == expected
    assert await function(GET, FunctionName="echo") == expected
    assert await function(GET, FunctionName="echo", Qualifier="$LATEST") == expected
    assert await listed(function) == [expected]


async def test_put_forgets_what_it_does_not_name_and_update_keeps_it(function):
    both = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60}
    await function(PUT, FunctionName="echo", **both)
    answer = await function(PUT, FunctionName="echo", MaximumRetryAttempts=0)
    assert (answer["MaximumRetryAttempts"], answer["MaximumEventAgeInSeconds"]) == (0, None)
    to_queue = {"OnSuccess": {"Destination": QUEUE}}
    await function(PUT, FunctionName="echo", DestinationConfig=to_queue, **both)
    function.clock.advance(seconds=1)
    answer = await function(UPDATE, FunctionName="echo", MaximumRetryAttempts=0)
    assert (answer["MaximumRetryAttempts"], answer["MaximumEventAgeInSeconds"]) == (0, 60)
    assert answer["DestinationConfig"]["OnSuccess"] == {"Destination": QUEUE}
    assert answer["LastModified"] == function.clock.now
    assert await function(GET, FunctionName="echo") == answer


async def test_an_update_with_destinations_replaces_all_of_them(function):
    await function(
        PUT, FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": QUEUE}}
    )
    to_failure = {"OnFailure": {"Destination": QUEUE}}
    answer = await function(UPDATE, FunctionName="echo", DestinationConfig=to_failure)
    assert answer["DestinationConfig"] == {
        "OnSuccess": {"Destination": None},
        "OnFailure": {"Destination": QUEUE},
    }


@pytest.mark.parametrize(
    ("name", "qualifier", "expected"),
    [
        ("echo", None, "$LATEST"),
        ("echo:$LATEST", "$LATEST", "$LATEST"),
        ("echo", "1", "1"),
        ("echo:1", None, "1"),
        ("echo", "live", "live"),
        ("echo:live", None, "live"),
        (f"{ARN}:live", "live", "live"),
    ],
)
async def test_each_qualifier_has_its_own(function, name, qualifier, expected):
    request = {"FunctionName": name} | ({"Qualifier": qualifier} if qualifier else {})
    answer = await function(PUT, **request, MaximumRetryAttempts=1)
    assert answer["FunctionArn"] == f"{ARN}:{expected}"
    assert [each["FunctionArn"] for each in await listed(function)] == [f"{ARN}:{expected}"]


@pytest.mark.parametrize("operation", [PUT, UPDATE])
async def test_something_must_be_configured(function, operation):
    expected = (
        "InvalidParameterValueException",
        "You must specify at least one of error handling or destination setting.",
    )
    assert await refused(function(operation, FunctionName="echo")) == expected
    assert await refused(function(operation, FunctionName="gone")) == expected


@pytest.mark.parametrize("operation", [PUT, UPDATE])
@pytest.mark.parametrize(
    "request_",
    [
        {"FunctionName": "gone"},
        {"FunctionName": GONE},
        {"FunctionName": "echo", "Qualifier": "dead"},
        {"FunctionName": "echo", "Qualifier": "2"},
        {"FunctionName": "echo", "Qualifier": "$LATEST.PUBLISHED"},
    ],
)
async def test_what_is_not_there_cannot_be_configured(function, operation, request_):
    call = function(operation, **request_, MaximumRetryAttempts=1)
    assert await refused(call) == NO_FUNCTION


async def test_what_was_never_put_is_not_there(function):
    for operation in (GET, DELETE):
        assert await refused(function(operation, FunctionName="gone")) == none_at("$LATEST", GONE)
        assert await refused(function(operation, FunctionName="echo:live")) == none_at("live")
        assert await refused(function(operation, FunctionName="echo", Qualifier="9")) == none_at(9)
    update = function(UPDATE, FunctionName="echo", MaximumRetryAttempts=0)
    assert await refused(update) == none_at("$LATEST")
    assert await refused(function(LIST, FunctionName="gone")) == NO_FUNCTION


async def test_what_is_deleted_is_gone_once(function):
    for qualifier in ("$LATEST", "1", "live"):
        await function(PUT, FunctionName="echo", Qualifier=qualifier, MaximumRetryAttempts=1)
    assert await function(DELETE, FunctionName="echo") == {}
    assert [each["FunctionArn"] for each in await listed(function)] == [f"{ARN}:1", f"{ARN}:live"]
    assert await refused(function(DELETE, FunctionName="echo")) == none_at("$LATEST")


async def test_it_goes_with_its_alias_version_or_function(function):
    for qualifier in ("$LATEST", "1", "live"):
        await function(PUT, FunctionName="echo", Qualifier=qualifier, MaximumRetryAttempts=1)
    await function("DeleteAlias", FunctionName="echo", Name="live")
    await function("CreateAlias", FunctionName="echo", Name="live", FunctionVersion="$LATEST")
    assert await refused(function(GET, FunctionName="echo:live")) == none_at("live")
    await function("DeleteFunction", FunctionName="echo", Qualifier="1")
    assert await refused(function(GET, FunctionName="echo:1")) == none_at("1")
    await function("DeleteFunction", FunctionName="echo")
    await function.active()
    assert await listed(function) == []


async def test_they_are_listed_in_pages(function):
    for qualifier in ("live", "1", "$LATEST"):
        await function(PUT, FunctionName="echo", Qualifier=qualifier, MaximumRetryAttempts=1)
    first = await function(LIST, FunctionName="echo", MaxItems=2)
    second = await function(LIST, FunctionName="echo", MaxItems=2, Marker=first["NextMarker"])
    assert [
        each["FunctionArn"].removeprefix(ARN)
        for page in (first, second)
        for each in page["FunctionEventInvokeConfigs"]
    ] == [":$LATEST", ":1", ":live"]
    assert second["NextMarker"] is None


async def test_none_is_left_of_a_version_that_is_deleted_at_the_same_moment(function, monkeypatch):
    records = function.plane.event_invoke_configs
    put = records.put

    async def put_too_late(record, **options):
        await function("DeleteFunction", FunctionName="echo", Qualifier="2")
        await put(record, **options)

    await function.updated("UpdateFunctionConfiguration", FunctionName="echo", Description="two")
    await function("PublishVersion", FunctionName="echo")
    monkeypatch.setattr(records, "put", put_too_late)
    call = function(PUT, FunctionName="echo", Qualifier="2", MaximumRetryAttempts=1)
    assert await refused(call) == NO_FUNCTION
    assert await listed(function) == []
