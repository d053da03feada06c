"""Operations on log groups and their tags.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError
from lambent.domain.quotas import TAGS
from lambent.store.log_records import GroupQuery, LogGroup, NoSuchLogError
from lambent.telemetry.clock import now_ms
from lambent.telemetry.log_references import (
    group_arn,
    group_not_found,
    invalid_parameter,
    key_of_token,
    name_of_identifier,
    named_group,
    requested_group,
    token_after,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lambent.domain.caller import Caller
    from lambent.store.logs import LogStore

_PAGE_GROUPS = 50
_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


async def create_log_group(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    name = request["logGroupName"]
    if name.lower().startswith("aws/"):
        raise invalid_parameter("Log groups starting with AWS/ are reserved for AWS.")
    _check_tags(request.get("tags", {}))
    group = LogGroup(
        account_id=caller.account_id,
        region=caller.region,
        name=name,
        created_ms=now_ms(),
        kms_key_id=request.get("kmsKeyId"),
        log_group_class=request.get("logGroupClass", "STANDARD"),
        is_protected=request.get("deletionProtectionEnabled", False),
        tags=request.get("tags", {}),
    )
    if not await logs.create_group(group):
        raise ServiceError(
            "ResourceAlreadyExistsException", "The specified log group already exists"
        )
    return {}


async def delete_log_group(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    group = await requested_group(logs, caller, request)
    if group.is_protected:
        raise ServiceError(
            "ValidationException",
            "The log group cannot be deleted: its deletion protection is enabled.",
        )
    try:
        await logs.delete_group(group.id)
    except NoSuchLogError:
        raise group_not_found() from None
    return {}


async def put_log_group_deletion_protection(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    group = await requested_group(logs, caller, request)
    try:
        await logs.set_protection(group.id, request["deletionProtectionEnabled"])
    except NoSuchLogError:
        raise group_not_found() from None
    return {}


async def describe_log_groups(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    prefix = request.get("logGroupNamePrefix", "")
    infix = request.get("logGroupNamePattern", "")
    if prefix and infix:
        raise invalid_parameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    identifiers = request.get("logGroupIdentifiers")
    listing = f"DescribeLogGroups {caller.account_id} {caller.region} {prefix} {infix}"
    token = request.get("nextToken")
    limit = request.get("limit", _PAGE_GROUPS)
    groups = await logs.groups(
        GroupQuery(
            account_id=caller.account_id,
            region=caller.region,
            prefix=prefix,
            infix=infix,
            log_group_class=request.get("logGroupClass"),
            names=None
            if identifiers is None
            else [name_of_identifier(identifier, caller) for identifier in identifiers],
            after="" if token is None else key_of_token(token, listing),
            limit=limit + 1,
        )
    )
    answer: dict[str, Any] = {"logGroups": [_described(group, caller) for group in groups[:limit]]}
    if len(groups) > limit:
        answer["nextToken"] = token_after(groups[limit - 1].name, listing)
    return answer


def _described(group: LogGroup, caller: Caller) -> dict[str, Any]:
    arn = group_arn(group, caller)
    return {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": group.stored_bytes,
        "kmsKeyId": group.kms_key_id,
        "logGroupClass": group.log_group_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.is_protected,
    }


async def put_retention_policy(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    days = request["retentionInDays"]
    if days not in _RETENTION_DAYS:
        raise invalid_parameter(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy "
            f"constraint: Member must satisfy enum value set: {list(_RETENTION_DAYS)}"
        )
    return await _set_retention(logs, caller, request, days)


async def delete_retention_policy(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    return await _set_retention(logs, caller, request, None)


async def _set_retention(
    logs: LogStore, caller: Caller, request: dict[str, Any], days: int | None
) -> dict[str, Any]:
    group = await requested_group(logs, caller, request)
    try:
        await logs.set_retention(group.id, days)
    except NoSuchLogError:
        raise group_not_found() from None
    return {}


async def list_tags_log_group(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    return {"tags": dict((await requested_group(logs, caller, request)).tags)}


async def tag_log_group(logs: LogStore, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    group = await requested_group(logs, caller, request)
    return await _add_tags(logs, group, request["tags"], "InvalidParameterException")


async def untag_log_group(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    group = await requested_group(logs, caller, request)
    return await _change_tags(logs, group, {}, request["tags"])


async def list_tags_for_resource(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    return {"tags": dict((await _tagged_group(logs, caller, request)).tags)}


async def tag_resource(logs: LogStore, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    group = await _tagged_group(logs, caller, request)
    return await _add_tags(logs, group, request["tags"], "TooManyTagsException")


async def untag_resource(logs: LogStore, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    group = await _tagged_group(logs, caller, request)
    return await _change_tags(logs, group, {}, request["tagKeys"])


async def _tagged_group(logs: LogStore, caller: Caller, request: dict[str, Any]) -> LogGroup:
    arn = request["resourceArn"]
    if not arn.startswith("arn:"):
        raise invalid_parameter("The specified resource ARN is invalid.")
    return await named_group(logs, caller, name_of_identifier(arn, caller))


def _check_tags(tags: Mapping[str, str]) -> None:
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid_parameter("Tag keys starting with 'aws:' are reserved.")


async def _add_tags(
    logs: LogStore, group: LogGroup, tags: Mapping[str, str], excess: str
) -> dict[str, Any]:
    """`excess` is the operation's error for too many tags."""
    _check_tags(tags)
    if len({*group.tags, *tags}) > TAGS:
        raise ServiceError(excess, f"A resource can have at most {TAGS} tags.")
    return await _change_tags(logs, group, tags, ())


async def _change_tags(
    logs: LogStore, group: LogGroup, added: Mapping[str, str], removed: Collection[str]
) -> dict[str, Any]:
    try:
        await logs.change_tags(group.id, added, removed)
    except NoSuchLogError:
        raise group_not_found() from None
    return {}
