from __future__ import annotations

import pytest
from tests.unit.telemetry.subscriptions.conftest import ACCOUNT, FUNCTION, REGION, STREAM

from lambent.domain.errors import ServiceError

FILTER = {"logGroupName": "g", "filterName": "f", "filterPattern": "", "destinationArn": FUNCTION}


@pytest.fixture
async def group(append):
    return await append("old")


async def described(client, **request):
    answer = await client("DescribeSubscriptionFilters", logGroupName="g", **request)
    return answer["subscriptionFilters"]


async def refused(client, operation, **request):
    with pytest.raises(ServiceError) as failure:
        await client(operation, **request)
    return failure.value.code, failure.value.message


async def test_a_filter_is_described_as_aws_does(client, group):
    assert await client("PutSubscriptionFilter", **FILTER) == {}
    [found] = await described(client)
    assert found.pop("creationTime") > 1_700_000_000_000
    assert found == {
        **FILTER,
        "roleArn": None,
        "distribution": "ByLogStream",
        "applyOnTransformedLogs": False,
    }


async def test_only_later_events_are_to_be_sent(client, group, subscriptions, logs):
    await client("PutSubscriptionFilter", **FILTER)
    [stored] = subscriptions.of_group(ACCOUNT, REGION, group)
    assert stored.done_event_id == await logs.last_event_id() == 1


async def test_a_filter_of_the_same_name_is_replaced(client, group, subscriptions, append):
    await client("PutSubscriptionFilter", **FILTER)
    [before] = await described(client)
    await append("waiting")
    await client("PutSubscriptionFilter", **{**FILTER, "filterPattern": "[]"})
    [found] = await described(client)
    assert found == {**before, "filterPattern": "[]"}
    # What was not sent yet is the new one's to send.
    assert subscriptions.of_group(ACCOUNT, REGION, group)[0].done_event_id == 1


async def test_a_group_has_two_filters_at_most(client, group):
    for name in ("b", "a"):
        await client("PutSubscriptionFilter", **{**FILTER, "filterName": name})
    assert await refused(client, "PutSubscriptionFilter", **FILTER) == (
        "LimitExceededException",
        "Resource limit exceeded.",
    )
    await client("PutSubscriptionFilter", **{**FILTER, "filterName": "a"})
    assert [each["filterName"] for each in await described(client)] == ["a", "b"]


async def test_filters_are_listed_in_pages_and_by_prefix(client, group):
    for name in ("ab", "b"):
        await client("PutSubscriptionFilter", **{**FILTER, "filterName": name})
    assert [each["filterName"] for each in await described(client, filterNamePrefix="a")] == ["ab"]
    first = await client("DescribeSubscriptionFilters", logGroupName="g", limit=1)
    [second] = await described(client, limit=1, nextToken=first["nextToken"])
    assert second["filterName"] == "b"
    code, _ = await refused(
        client, "DescribeSubscriptionFilters", logGroupName="g", nextToken="no token"
    )
    assert code == "InvalidParameterException"


async def test_a_deleted_filter_is_gone(client, group):
    await client("PutSubscriptionFilter", **FILTER)
    assert await client("DeleteSubscriptionFilter", logGroupName="g", filterName="f") == {}
    assert await described(client) == []
    assert await refused(client, "DeleteSubscriptionFilter", logGroupName="g", filterName="f") == (
        "ResourceNotFoundException",
        "The specified subscription filter does not exist.",
    )


async def test_a_group_made_again_has_no_filters(client, group, logs, append):
    await client("PutSubscriptionFilter", **FILTER)
    await logs.delete_group(group)
    await append("again")
    assert await described(client) == []


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("PutSubscriptionFilter", FILTER),
        ("DescribeSubscriptionFilters", {"logGroupName": "g"}),
        ("DeleteSubscriptionFilter", {"logGroupName": "g", "filterName": "f"}),
    ],
)
async def test_without_its_group_there_is_no_filter(client, operation, request_):
    assert await refused(client, operation, **request_) == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


ROLE = {"roleArn": f"arn:aws:iam::{ACCOUNT}:role/logs"}
CROSS_ACCOUNT = (
    "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to "
    "create cross account lambda triggers."
)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        (
            {"destinationArn": FUNCTION.replace(ACCOUNT, "000000000000"), "logGroupName": "none"},
            "AccessDeniedException",
            CROSS_ACCOUNT,
        ),
        (
            {"destinationArn": STREAM},
            "InvalidParameterException",
            "destinationArn for vendor kinesis cannot be used without roleArn",
        ),
        (
            ROLE,
            "InvalidParameterException",
            "destinationArn for vendor lambda cannot be used with roleArn",
        ),
        (
            {"destinationArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"},
            "InvalidParameterException",
            "PutSubscriptionFilter operation cannot work with destinationArn for vendor sqs",
        ),
        (
            {"destinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:destination:d"},
            "InvalidParameterException",
            "Logical destinations are not available in this release of Lambent: name the stream or "
            "the function itself in destinationArn.",
        ),
        ({"destinationArn": "f"}, "InvalidParameterException", "Invalid destinationArn"),
        (
            {"destinationArn": STREAM.replace(REGION, "us-east-1"), **ROLE},
            "InvalidParameterException",
            "The destination must be in the account and the region of the log group.",
        ),
        ({"filterPattern": "{ $.a"}, "InvalidParameterException", "Invalid filter pattern"),
        (
            {"applyOnTransformedLogs": True},
            "InvalidParameterException",
            "applyOnTransformedLogs is not available in this release of Lambent: log groups have "
            "no transformers.",
        ),
        (
            {"emitSystemFields": ["@aws.account"]},
            "InvalidParameterException",
            "emitSystemFields is not available in this release of Lambent: log events have no "
            "system fields.",
        ),
        (
            {"logGroupName": "\ud800"},
            "InvalidParameterException",
            "The value of logGroupName is not valid Unicode.",
        ),
    ],
)
async def test_what_cannot_be_is_refused(client, group, changes, code, message):
    request = {**FILTER, **changes}
    assert await refused(client, "PutSubscriptionFilter", **request) == (code, message)
    assert await described(client) == []


async def test_a_destination_that_takes_nothing_is_refused(client, group, destinations):
    destinations.refusal = ServiceError("InvalidParameterException", "Could not execute")
    code, _ = await refused(client, "PutSubscriptionFilter", **FILTER)
    assert code == "InvalidParameterException"
    assert await described(client) == []
    assert [each.destination_arn for each in destinations.checked] == [FUNCTION]
