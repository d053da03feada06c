"""Reads a log group's events in order of arrival, from where the last reading ended.

Only numbers of events are compared: the writer gives them out in the order of its commits, so that
none appears later below one that was seen already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from lambent.store.log_records import LogEvent, Position
from lambent.store.schema import log_events, log_groups, log_streams

if TYPE_CHECKING:
    from sqlalchemy import Connection

# How far one reading goes, whatever it finds. The rows of other groups are stepped over.
_READ_EVENTS = 10_000
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What arrived after an event."""

    events: list[LogEvent]
    last_event_id: int  # up to which everything was looked at
    is_complete: bool  # there was nothing after it


def last_event_id(connection: Connection) -> int:
    """The number of the newest event of all groups."""
    return connection.scalar(select(func.max(log_events.c.id))) or 0


def follow(connection: Connection, group_id: int, after_event_id: int) -> Following | None:
    """The group's next events after that one; None when there is no such group any more."""
    if connection.scalar(select(log_groups.c.id).where(log_groups.c.id == group_id)) is None:
        return None
    newest = last_event_id(connection)
    last = min(newest, after_event_id + _READ_EVENTS)
    columns = log_events.c
    statement = (
        select(log_events, log_streams.c.name.label("stream"))
        .join(log_streams, log_streams.c.id == columns.stream_id)
        # The sum keeps SQLite from the index of the group, which is by time: all of the group's
        # history would be gone through for its newest events.
        .where(columns.group_id + 0 == group_id, columns.id > after_event_id, columns.id <= last)
        .order_by(columns.id)
    )
    events: list[LogEvent] = []
    read_bytes = 0
    for row in connection.execute(statement):
        if read_bytes + row.message_bytes > _READ_BYTES and read_bytes:
            last = row.id - 1
            break
        read_bytes += row.message_bytes
        events.append(
            LogEvent(
                position=Position(row.timestamp_ms, row.id),
                stream=row.stream,
                ingestion_ms=row.ingestion_ms,
                message=row.message,
            )
        )
    last = max(last, after_event_id)
    return Following(events=events, last_event_id=last, is_complete=last >= newest)
