"""Reads events in order of time, page by page, through the indexes alone.

Rows are fetched one by one, so that a page costs what it looks at, however long the log.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_

from lambent.domain.quotas import LOG_EVENT_OVERHEAD_BYTES
from lambent.store.log_records import EventPage, EventQuery, LogEvent, Position
from lambent.store.schema import log_events, log_streams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Row

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
_PAGE_BYTES = 1024 * 1024
# How much one call looks through for matches before it answers a page that is not full, as AWS's
# does; bounds the time a reader thread is taken.
_SCAN_BYTES = 16 * 1024 * 1024
_SCAN_OVERHEAD_BYTES = 128


def search(connection: Connection, query: EventQuery) -> EventPage:
    """The next page of what the query asks for."""
    events: list[LogEvent] = []
    last: Position | None = None
    page_bytes = scanned_bytes = 0
    names = _StreamNames(connection)
    for row in _rows(connection, query):
        size = row.message_bytes + LOG_EVENT_OVERHEAD_BYTES
        is_full = len(events) == query.limit or (events and page_bytes + size > _PAGE_BYTES)
        if is_full or scanned_bytes > _SCAN_BYTES:
            return EventPage(events=events, last=last, is_complete=False)
        last = Position(row.timestamp_ms, row.id)
        scanned_bytes += row.message_bytes + _SCAN_OVERHEAD_BYTES
        stream = names.name(row.stream_id)
        if stream is None or not _is_wanted(query, stream, row.message):
            continue
        page_bytes += size
        events.append(
            LogEvent(
                position=last, stream=stream, ingestion_ms=row.ingestion_ms, message=row.message
            )
        )
    return EventPage(events=events, last=last, is_complete=True)


def _is_wanted(query: EventQuery, stream: str, message: str) -> bool:
    return stream.startswith(query.stream_prefix) and (
        query.matches is None or query.matches(message)
    )


def _rows(connection: Connection, query: EventQuery) -> Iterator[Row[tuple[object, ...]]]:
    columns = log_events.c
    if query.stream_ids is None:
        return _ordered_rows(connection, query, columns.group_id == query.group_id)
    return heapq.merge(
        *(
            _ordered_rows(connection, query, columns.stream_id == stream_id)
            for stream_id in query.stream_ids
        ),
        key=lambda row: (row.timestamp_ms, row.id),
        reverse=query.is_backward,
    )


def _ordered_rows(
    connection: Connection, query: EventQuery, owner: ColumnElement[bool]
) -> Iterator[Row[tuple[object, ...]]]:
    columns = log_events.c
    start_ms, end_ms = query.start_ms, query.end_ms
    position = tuple_(columns.timestamp_ms, columns.id)
    statement = select(log_events).where(owner)
    if query.after is not None:
        # The index is entered by the time alone; without this each page would begin at the start.
        if query.is_backward:
            end_ms = min(end_ms, query.after.timestamp_ms)
            statement = statement.where(position < tuple(query.after))
        else:
            start_ms = max(start_ms, query.after.timestamp_ms)
            statement = statement.where(position > tuple(query.after))
    order = (columns.timestamp_ms, columns.id)
    return iter(
        connection.execute(
            statement.where(columns.timestamp_ms.between(start_ms, end_ms)).order_by(
                *((column.desc() for column in order) if query.is_backward else order)
            )
        )
    )


class _StreamNames:
    """Names of streams by identifier; None for a stream that is deleted while its events are not."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._names: dict[int, str | None] = {}

    def name(self, stream_id: int) -> str | None:
        if stream_id not in self._names:
            self._names[stream_id] = self._connection.scalar(
                select(log_streams.c.name).where(log_streams.c.id == stream_id)
            )
        return self._names[stream_id]
