"""Operations on log streams.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError
from lambent.store.log_records import LogStream, NoSuchLogError, StreamQuery
from lambent.telemetry.clock import now_ms
from lambent.telemetry.log_references import (
    group_arn,
    group_not_found,
    invalid_parameter,
    invalid_token,
    key_of_token,
    named_stream,
    requested_group,
    stream_not_found,
    token_after,
)

if TYPE_CHECKING:
    from lambent.domain.caller import Caller
    from lambent.store.logs import LogStore

_PAGE_STREAMS = 50
# AWS ignores sequence tokens since 2023, and still answers them, of so many digits.
_SEQUENCE_TOKEN_DIGITS = 56
_PLACE = re.compile(r"(\d{1,18}) (.*)", re.ASCII | re.DOTALL)


def sequence_token(stream: LogStream) -> str:
    return f"{stream.id:0{_SEQUENCE_TOKEN_DIGITS}d}"


async def create_log_stream(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    group = await requested_group(logs, caller, request)
    try:
        is_new = await logs.create_stream(group.id, request["logStreamName"], now_ms())
    except NoSuchLogError:
        raise group_not_found() from None
    if not is_new:
        raise ServiceError(
            "ResourceAlreadyExistsException", "The specified log stream already exists"
        )
    return {}


async def delete_log_stream(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    group = await requested_group(logs, caller, request)
    try:
        await logs.delete_stream(await named_stream(logs, group, request["logStreamName"]))
    except NoSuchLogError:
        raise stream_not_found() from None
    return {}


async def describe_log_streams(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    prefix = request.get("logStreamNamePrefix", "")
    order = request.get("orderBy", "LogStreamName")
    is_descending = request.get("descending", False)
    if order == "LastEventTime" and prefix:
        raise invalid_parameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
    group = await requested_group(logs, caller, request)
    listing = f"DescribeLogStreams {group.id} {order} {is_descending} {prefix}"
    limit = request.get("limit", _PAGE_STREAMS)
    streams = await logs.streams(
        StreamQuery(
            group_id=group.id,
            prefix=prefix,
            is_by_last_event=order == "LastEventTime",
            is_descending=is_descending,
            after=_place(request.get("nextToken"), listing),
            limit=limit + 1,
        )
    )
    arn = group_arn(group, caller)
    answer: dict[str, Any] = {"logStreams": [_described(stream, arn) for stream in streams[:limit]]}
    if len(streams) > limit:
        last = streams[limit - 1]
        answer["nextToken"] = token_after(f"{last.last_event_ms} {last.name}", listing)
    return answer


def _place(token: str | None, listing: str) -> tuple[int, str] | None:
    if token is None:
        return None
    place = _PLACE.fullmatch(key_of_token(token, listing))
    if place is None:
        raise invalid_token()
    return int(place[1]), place[2]


def _described(stream: LogStream, arn_of_group: str) -> dict[str, Any]:
    has_events = stream.first_event_ms is not None
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "firstEventTimestamp": stream.first_event_ms,
        "lastEventTimestamp": stream.last_event_ms if has_events else None,
        "lastIngestionTime": stream.last_ingestion_ms,
        "uploadSequenceToken": sequence_token(stream) if has_events else None,
        "arn": f"{arn_of_group}:log-stream:{stream.name}",
        # Always 0 since 2019; only groups tell their size.
        "storedBytes": 0,
    }
