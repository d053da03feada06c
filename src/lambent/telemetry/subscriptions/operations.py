"""PutSubscriptionFilter, DescribeSubscriptionFilters and DeleteSubscriptionFilter.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from lambent.domain.errors import ServiceError, resource_not_found
from lambent.domain.identifiers import new_uuid
from lambent.domain.log_subscription import LogSubscription, subscription_id
from lambent.domain.quotas import SUBSCRIPTION_FILTERS
from lambent.telemetry.clock import now_ms
from lambent.telemetry.filter_pattern import parse_filter_pattern
from lambent.telemetry.log_references import (
    invalid_parameter,
    key_of_token,
    named_group,
    token_after,
)
from lambent.telemetry.logs_api import checked
from lambent.telemetry.subscriptions.destinations import destination_of

if TYPE_CHECKING:
    from lambent.domain.caller import Caller
    from lambent.store.log_records import LogGroup
    from lambent.telemetry.subscriptions.delivery import LogSubscriptions

Operation: TypeAlias = Callable[
    ["LogSubscriptions", "Caller", dict[str, Any]], Awaitable[dict[str, Any]]
]

_PAGE_FILTERS = 50
_NOT_AVAILABLE = {
    "applyOnTransformedLogs": "log groups have no transformers",
    "fieldSelectionCriteria": "log events have no system fields",
    "emitSystemFields": "log events have no system fields",
}


async def put_subscription_filter(
    subscriptions: LogSubscriptions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    _check_available(request)
    _check_destination(caller, request)
    parse_filter_pattern(request["filterPattern"])
    group = await named_group(subscriptions.logs, caller, request["logGroupName"])
    # What is there already is not sent.
    done = await subscriptions.logs.last_event_id()
    subscription = _requested(group, request, done)
    await subscriptions.destinations.check(subscription)
    async with subscriptions.records.changes:
        others = subscriptions.of_group(caller.account_id, caller.region, group.id)
        replaced = next((each for each in others if each.id == subscription.id), None)
        if replaced is not None:
            subscription = replace(
                subscription,
                created_ms=replaced.created_ms,
                done_event_id=replaced.done_event_id,
            )
        elif len(others) >= SUBSCRIPTION_FILTERS:
            raise ServiceError("LimitExceededException", "Resource limit exceeded.")
        await subscriptions.put(subscription)
    return {}


def _check_available(request: dict[str, Any]) -> None:
    for member, why in _NOT_AVAILABLE.items():
        if request.get(member):
            raise invalid_parameter(f"{member} is not available in this release of Lambent: {why}.")


def _check_destination(caller: Caller, request: dict[str, Any]) -> None:
    destination = destination_of(request["destinationArn"])
    if destination is None:
        raise invalid_parameter("Invalid destinationArn")
    vendor = destination.vendor
    if vendor == "logs":
        raise invalid_parameter(
            "Logical destinations are not available in this release of Lambent: name the stream or "
            "the function itself in destinationArn."
        )
    if vendor not in ("lambda", "kinesis", "firehose"):
        raise invalid_parameter(
            f"PutSubscriptionFilter operation cannot work with destinationArn for vendor {vendor}"
        )
    if vendor == "lambda" and destination.account_id != caller.account_id:
        raise ServiceError(
            "AccessDeniedException",
            "Cross-account lambda invocation passing is not allowed. You must use "
            "DestinationPolicies to create cross account lambda triggers.",
        )
    if vendor == "lambda" and "roleArn" in request:
        raise invalid_parameter("destinationArn for vendor lambda cannot be used with roleArn")
    if vendor != "lambda" and "roleArn" not in request:
        raise invalid_parameter(
            f"destinationArn for vendor {vendor} cannot be used without roleArn"
        )
    if (destination.account_id, destination.region) != (caller.account_id, caller.region):
        raise invalid_parameter(
            "The destination must be in the account and the region of the log group."
        )


def _requested(group: LogGroup, request: dict[str, Any], done: int) -> LogSubscription:
    return LogSubscription(
        account_id=group.account_id,
        region=group.region,
        id=subscription_id(group.id, request["filterName"]),
        revision_id=new_uuid(),
        group_id=group.id,
        group=group.name,
        filter_name=request["filterName"],
        pattern=request["filterPattern"],
        destination_arn=request["destinationArn"],
        role_arn=request.get("roleArn"),
        distribution=request.get("distribution", "ByLogStream"),
        created_ms=now_ms(),
        done_event_id=done,
    )


async def describe_subscription_filters(
    subscriptions: LogSubscriptions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    group = await named_group(subscriptions.logs, caller, request["logGroupName"])
    prefix, token = request.get("filterNamePrefix", ""), request.get("nextToken")
    listing = f"DescribeSubscriptionFilters {group.id} {prefix}"
    after = "" if token is None else key_of_token(token, listing)
    found = [
        each
        for each in subscriptions.of_group(caller.account_id, caller.region, group.id)
        if each.filter_name.startswith(prefix) and each.filter_name > after
    ]
    limit = request.get("limit", _PAGE_FILTERS)
    answer: dict[str, Any] = {"subscriptionFilters": [_described(each) for each in found[:limit]]}
    if len(found) > limit:
        answer["nextToken"] = token_after(found[limit - 1].filter_name, listing)
    return answer


def _described(subscription: LogSubscription) -> dict[str, Any]:
    return {
        "filterName": subscription.filter_name,
        "logGroupName": subscription.group,
        "filterPattern": subscription.pattern,
        "destinationArn": subscription.destination_arn,
        "roleArn": subscription.role_arn,
        "distribution": subscription.distribution,
        "applyOnTransformedLogs": False,
        "creationTime": subscription.created_ms,
    }


async def delete_subscription_filter(
    subscriptions: LogSubscriptions, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    group = await named_group(subscriptions.logs, caller, request["logGroupName"])
    identifier = subscription_id(group.id, request["filterName"])
    async with subscriptions.records.changes:
        found = subscriptions.records.get(caller.account_id, caller.region, identifier)
        if found is None or not await subscriptions.delete(found):
            raise resource_not_found("The specified subscription filter does not exist.")
    return {}


OPERATIONS: dict[str, Operation] = {
    "PutSubscriptionFilter": checked(put_subscription_filter),
    "DescribeSubscriptionFilters": checked(describe_subscription_filters),
    "DeleteSubscriptionFilter": checked(delete_subscription_filter),
}
