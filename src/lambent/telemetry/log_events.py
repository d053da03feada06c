"""PutLogEvents, GetLogEvents and FilterLogEvents.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lambent.domain.quotas import LOG_EVENT_BYTES, LOG_EVENT_OVERHEAD_BYTES
from lambent.store.log_records import (
    EventPage,
    EventQuery,
    LogEvent,
    LogGroup,
    NoSuchLogError,
    Position,
    StreamBatch,
)
from lambent.telemetry.clock import now_ms
from lambent.telemetry.filter_pattern import parse_filter_pattern
from lambent.telemetry.log_references import (
    event_identifier,
    invalid_parameter,
    invalid_token,
    key_of_token,
    named_stream,
    requested_group,
    stream_not_found,
    token_after,
)
from lambent.telemetry.log_streams import sequence_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.domain.caller import Caller
    from lambent.store.logs import LogStore

_BATCH_BYTES = 1024 * 1024
_HOUR_MS = 60 * 60 * 1000
_DAY_MS = 24 * _HOUR_MS
_OLDEST_MS = 14 * _DAY_MS
_NEWEST_MS = 2 * _HOUR_MS
_PAGE_EVENTS = 10_000
_FIRST_LATEST_FIRST_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z
# What the database can compare; a token's checksum keeps out accidents, not malice.
_POSITION = re.compile(r"(\d{1,18})/(-?\d{1,18})", re.ASCII)
_LAST_MS = 10**18 - 1
# `f/` and `b/`, as AWS's tokens begin, then a token of ours.
_DIRECTED_TOKEN = re.compile(r"(?P<direction>[fb])/(?P<token>[\w=-]+)", re.ASCII)


async def put_log_events(logs: LogStore, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    events = [(event["timestamp"], event["message"]) for event in request["logEvents"]]
    _check_sizes([message for _, message in events])
    timestamps = [timestamp for timestamp, _ in events]
    if any(later < earlier for earlier, later in pairwise(timestamps)):
        raise invalid_parameter(
            "Log events in a single PutLogEvents request must be in chronological order."
        )
    group = await requested_group(logs, caller, request)
    stream = await named_stream(logs, group, request["logStreamName"])
    accepted, rejected = _accepted(timestamps, group)
    _check_span(timestamps[accepted])
    batch = StreamBatch(
        account_id=group.account_id,
        region=group.region,
        group=group.name,
        stream=stream.name,
        events=events[accepted],
    )
    try:
        await logs.append([batch], now_ms=now_ms(), is_creating=False)
    except NoSuchLogError:
        raise stream_not_found() from None
    return {"nextSequenceToken": sequence_token(stream), "rejectedLogEventsInfo": rejected}


def _check_sizes(messages: list[str]) -> None:
    sizes = [
        len(message.encode(errors="replace")) + LOG_EVENT_OVERHEAD_BYTES for message in messages
    ]
    if max(sizes) > LOG_EVENT_BYTES:
        raise invalid_parameter(
            f"Log event too large: {max(sizes)} bytes exceeds limit of {LOG_EVENT_BYTES}"
        )
    if sum(sizes) > _BATCH_BYTES:
        raise invalid_parameter(
            f"Upload too large: {sum(sizes)} bytes exceeds limit of {_BATCH_BYTES}"
        )


def _check_span(timestamps: Sequence[int]) -> None:
    if timestamps and timestamps[-1] - timestamps[0] > _DAY_MS:
        raise invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than "
            "24 hours."
        )


def _accepted(timestamps: list[int], group: LogGroup) -> tuple[slice, dict[str, int] | None]:
    """Which of the events, in order of time, are kept; and what AWS tells about the others."""
    now = now_ms()
    retention_ms = group.retention_days * _DAY_MS if group.retention_days else None
    too_old = _count_before(timestamps, now - _OLDEST_MS)
    expired = 0 if retention_ms is None else _count_before(timestamps, now - retention_ms)
    too_new = _count_before(timestamps, now + _NEWEST_MS + 1)
    rejected = {
        **({"tooNewLogEventStartIndex": too_new} if too_new < len(timestamps) else {}),
        **({"tooOldLogEventEndIndex": too_old} if too_old else {}),
        **({"expiredLogEventEndIndex": expired} if expired > too_old else {}),
    }
    return slice(max(too_old, expired), too_new), rejected or None


def _count_before(timestamps: list[int], limit_ms: int) -> int:
    return sum(timestamp < limit_ms for timestamp in timestamps)


async def get_log_events(logs: LogStore, caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
    group = await requested_group(logs, caller, request)
    stream = await named_stream(logs, group, request["logStreamName"])
    listing = f"GetLogEvents {stream.id}"
    token = request.get("nextToken")
    after, is_backward = _directed_position(token, listing)
    if token is None:
        is_backward = not request.get("startFromHead", False)
    start_ms = min(request.get("startTime", 0), _LAST_MS)
    page = await logs.events(
        EventQuery(
            group_id=group.id,
            stream_ids=[stream.id],
            start_ms=start_ms,
            end_ms=_end_ms(request, is_exclusive=True),
            after=after,
            is_backward=is_backward,
            limit=request.get("limit", _PAGE_EVENTS),
        )
    )
    events = page.events[::-1] if is_backward else page.events
    first, last = _edges(events, after or Position(start_ms, 0), is_backward=is_backward)
    return {
        "events": [_answered(event) for event in events],
        "nextForwardToken": _directed_token("f", last, listing),
        "nextBackwardToken": _directed_token("b", first, listing),
    }


def _edges(
    events: list[LogEvent], after: Position, *, is_backward: bool
) -> tuple[Position, Position]:
    """Before and after which positions the neighbouring pages begin.

    At an end of the log the token in the direction of travel stays what it was, which is how AWS's
    callers see the end; the other one leads back to the event at `after`.
    """
    if events:
        return events[0].position, events[-1].position
    timestamp_ms, event_id = after
    if is_backward:
        return after, Position(timestamp_ms, event_id - 1)
    return Position(timestamp_ms, event_id + 1), after


async def filter_log_events(
    logs: LogStore, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    matches = parse_filter_pattern(request.get("filterPattern", ""))
    prefix, names = request.get("logStreamNamePrefix", ""), request.get("logStreamNames")
    if prefix and names is not None:
        raise invalid_parameter(
            "logStreamNamePrefix and logStreamNames are mutually exclusive parameters."
        )
    group = await requested_group(logs, caller, request)
    listing = f"FilterLogEvents {group.id}"
    token = request.get("nextToken")
    after, is_backward = _directed_position(token, listing)
    if token is None:
        is_backward = _is_latest_first(request)
    page = await logs.events(
        EventQuery(
            group_id=group.id,
            stream_ids=None if names is None else await _stream_ids(logs, group, names),
            stream_prefix=prefix,
            start_ms=min(request.get("startTime", 0), _LAST_MS),
            end_ms=_end_ms(request, is_exclusive=False),
            after=after,
            is_backward=is_backward,
            limit=request.get("limit", _PAGE_EVENTS),
            matches=matches if request.get("filterPattern") else None,
        )
    )
    return {
        "events": [_filtered(event) for event in page.events],
        "searchedLogStreams": [],  # always, since 2020
        "nextToken": _following_token(page, listing, is_backward=is_backward),
    }


def _is_latest_first(request: dict[str, Any]) -> bool:
    if request.get("startFromHead", True):
        return False
    if request.get("startTime", 0) < _FIRST_LATEST_FIRST_MS:
        raise invalid_parameter(
            "startFromHead can be false only when startTime is on or after Jan 1, 2024 00:00:00 UTC."
        )
    return True


async def _stream_ids(logs: LogStore, group: LogGroup, names: list[str]) -> list[int]:
    return [(await named_stream(logs, group, name)).id for name in dict.fromkeys(names)]


def _following_token(page: EventPage, listing: str, *, is_backward: bool) -> str | None:
    if page.is_complete or page.last is None:
        return None
    return _directed_token("b" if is_backward else "f", page.last, listing)


def _directed_token(direction: str, position: Position, listing: str) -> str:
    key = f"{position.timestamp_ms}/{position.event_id}"
    return f"{direction}/{token_after(key, f'{listing} {direction}')}"


def _directed_position(token: str | None, listing: str) -> tuple[Position | None, bool]:
    """Where a token points, and whether it goes backward. Raises ServiceError."""
    if token is None:
        return None, False
    match = _DIRECTED_TOKEN.fullmatch(token)
    if match is None:
        raise invalid_token()
    key = key_of_token(match["token"], f"{listing} {match['direction']}")
    position = _POSITION.fullmatch(key)
    if position is None:
        raise invalid_token()
    return Position(int(position[1]), int(position[2])), match["direction"] == "b"


def _end_ms(request: dict[str, Any], *, is_exclusive: bool) -> int:
    """The last millisecond asked for; only GetLogEvents excludes `endTime` itself."""
    end_ms: int = request.get("endTime", _LAST_MS)
    return min(end_ms - 1 if is_exclusive and "endTime" in request else end_ms, _LAST_MS)


def _answered(event: LogEvent) -> dict[str, Any]:
    return {
        "timestamp": event.position.timestamp_ms,
        "message": event.message,
        "ingestionTime": event.ingestion_ms,
    }


def _filtered(event: LogEvent) -> dict[str, Any]:
    return {
        "logStreamName": event.stream,
        **_answered(event),
        "eventId": event_identifier(event.position),
    }
