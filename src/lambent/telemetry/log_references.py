"""How requests name log groups and streams, and how answers do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError, resource_not_found
from lambent.domain.paging import key_of, marker_after

if TYPE_CHECKING:
    from lambent.domain.caller import Caller
    from lambent.store.log_records import LogGroup, LogStream, Position
    from lambent.store.logs import LogStore

_GROUP_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:logs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):"
    r"log-group:(?P<name>[^:*]+)(?::\*)?",
    re.ASCII,
)


def invalid_parameter(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def group_not_found() -> ServiceError:
    return resource_not_found("The specified log group does not exist.")


def stream_not_found() -> ServiceError:
    return resource_not_found("The specified log stream does not exist.")


def group_arn(group: LogGroup, caller: Caller) -> str:
    return f"arn:{caller.partition}:logs:{group.region}:{group.account_id}:log-group:{group.name}"


def name_of_identifier(identifier: str, caller: Caller) -> str:
    """The group a name or an ARN means. Raises ServiceError for another account's or region's."""
    if not identifier.startswith("arn:"):
        return identifier
    match = _GROUP_ARN.fullmatch(identifier)
    if match is None:
        raise invalid_parameter("The specified log group ARN is invalid.")
    if match["account"] != caller.account_id or match["region"] != caller.region:
        raise group_not_found()
    return match["name"]


async def named_group(logs: LogStore, caller: Caller, name: str) -> LogGroup:
    group = await logs.group(caller.account_id, caller.region, name)
    if group is None:
        raise group_not_found()
    return group


async def requested_group(logs: LogStore, caller: Caller, request: dict[str, Any]) -> LogGroup:
    """The group of a request with logGroupName or logGroupIdentifier."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name is not None and identifier is not None:
        raise ServiceError(
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )
    if name is None and identifier is None:
        raise invalid_parameter("Either LogGroup name or LogGroup ARN must be specified.")
    if name is None:
        name = name_of_identifier(str(identifier), caller)
    return await named_group(logs, caller, name)


async def named_stream(logs: LogStore, group: LogGroup, name: str) -> LogStream:
    stream = await logs.stream(group.id, name)
    if stream is None:
        raise stream_not_found()
    return stream


def event_identifier(position: Position) -> str:
    """56 digits that sort by time, as AWS's do."""
    timestamp_ms, event_id = position
    return f"{timestamp_ms:020d}{event_id:036d}"


def token_after(key: str, listing: str) -> str:
    """A nextToken that continues `listing` after `key`.

    `listing` names everything the token is good for, so that it opens no other group's pages.
    """
    return marker_after(key, listing)


def key_of_token(token: str, listing: str) -> str:
    """The key inside a token of this listing. Raises ServiceError for any other token."""
    try:
        return key_of(token, listing)
    except ServiceError:
        raise invalid_token() from None


def invalid_token() -> ServiceError:
    return invalid_parameter("The specified nextToken is invalid.")
