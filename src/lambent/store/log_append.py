"""Writing log events, and the groups and streams they are the first of.

This is what the database does most. SQLAlchemy takes longer to put a statement together than
SQLite takes to run it (a hundred new environments, each with a stream of its own: 0.2 s), so here
they are put together once, and run for many streams at a time where that can be.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, case, exists, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from lambent.store.log_records import LogGroup, NoSuchLogError, StreamBatch
from lambent.store.schema import log_events, log_groups, log_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import BindParameter, ColumnElement, Connection

    Text = str | BindParameter[str]

_Row = dict[str, object]


def is_group(account_id: Text, region: Text, name: Text) -> ColumnElement[bool]:
    columns = log_groups.c
    return and_(columns.account_id == account_id, columns.region == region, columns.name == name)


_IS_GROUP_OF_BATCH = is_group(bindparam("account_id"), bindparam("region"), bindparam("group"))
_FIND_GROUP = select(log_groups.c.id).where(_IS_GROUP_OF_BATCH)
_FIND_STREAM = select(log_streams.c.group_id, log_streams.c.id).where(
    _IS_GROUP_OF_BATCH,
    log_streams.c.group_id == log_groups.c.id,
    log_streams.c.name == bindparam("stream"),
)
_HAS_GROUP = select(exists().where(log_groups.c.id == bindparam("group_id")))
_INSERT_GROUP = sqlite_insert(log_groups).on_conflict_do_nothing()
_INSERT_STREAM = sqlite_insert(log_streams).on_conflict_do_nothing()
_INSERT_EVENTS = insert(log_events)
_ADD_BYTES = (
    update(log_groups)
    .where(log_groups.c.id == bindparam("of_group"))
    .values(stored_bytes=log_groups.c.stored_bytes + bindparam("added_bytes"))
)
_EARLIEST: BindParameter[int] = bindparam("earliest_ms")
_LATEST: BindParameter[int] = bindparam("latest_ms")
_IS_FIRST = or_(log_streams.c.first_event_ms.is_(None), log_streams.c.first_event_ms > _EARLIEST)
_IS_LAST = log_streams.c.last_event_ms < _LATEST
_COUNT_EVENTS = (
    update(log_streams)
    .where(log_streams.c.id == bindparam("of_stream"))
    .values(
        first_event_ms=case((_IS_FIRST, _EARLIEST), else_=log_streams.c.first_event_ms),
        last_event_ms=case((_IS_LAST, _LATEST), else_=log_streams.c.last_event_ms),
        last_ingestion_ms=bindparam("now_ms"),
    )
)


def insert_group(connection: Connection, group: LogGroup) -> bool:
    """Whether it is new; nothing is changed when it exists."""
    columns = asdict(group)
    del columns["id"]
    return connection.execute(_INSERT_GROUP, columns).rowcount == 1


def insert_stream(connection: Connection, group_id: int, name: str, created_ms: int) -> bool:
    """Whether it is new. Raises NoSuchLogError without the group."""
    if not connection.scalar(_HAS_GROUP, {"group_id": group_id}):
        raise NoSuchLogError
    columns = {"group_id": group_id, "name": name, "created_ms": created_ms, "last_event_ms": 0}
    return connection.execute(_INSERT_STREAM, columns).rowcount == 1


def append(
    connection: Connection, batches: Sequence[StreamBatch], *, now_ms: int, is_creating: bool
) -> None:
    """See `LogStore.append`."""
    events: list[_Row] = []
    groups: list[_Row] = []
    streams: list[_Row] = []
    for batch in batches:
        if not batch.events:
            continue
        group_id, stream_id = _target(connection, batch, now_ms=now_ms, is_creating=is_creating)
        its_place = {"group_id": group_id, "stream_id": stream_id, "ingestion_ms": now_ms}
        added_bytes = 0
        for timestamp_ms, text in batch.events:
            message, size = _storable(text)
            added_bytes += size
            its_content = {"timestamp_ms": timestamp_ms, "message": message, "message_bytes": size}
            events.append(its_place | its_content)
        groups.append({"of_group": group_id, "added_bytes": added_bytes})
        streams.append(_counted(stream_id, [timestamp for timestamp, _ in batch.events], now_ms))
    if events:
        connection.execute(_COUNT_EVENTS, streams)
        connection.execute(_ADD_BYTES, groups)
        connection.execute(_INSERT_EVENTS, events)


def _counted(stream_id: int, timestamps: list[int], now_ms: int) -> _Row:
    earliest_ms, latest_ms = min(timestamps), max(timestamps)
    return {
        "of_stream": stream_id,
        "earliest_ms": earliest_ms,
        "latest_ms": latest_ms,
        "now_ms": now_ms,
    }


def _target(
    connection: Connection, batch: StreamBatch, *, now_ms: int, is_creating: bool
) -> tuple[int, int]:
    """The identifiers of the batch's group and stream."""
    names = {"account_id": batch.account_id, "region": batch.region, "group": batch.group}
    found = connection.execute(_FIND_STREAM, {**names, "stream": batch.stream}).one_or_none()
    if found is not None:
        return found.group_id, found.id
    if not is_creating:
        raise NoSuchLogError
    group = LogGroup(
        account_id=batch.account_id, region=batch.region, name=batch.group, created_ms=now_ms
    )
    insert_group(connection, group)
    group_id = connection.scalar(_FIND_GROUP, names)
    assert group_id is not None
    insert_stream(connection, group_id, batch.stream, now_ms)
    return _target(connection, batch, now_ms=now_ms, is_creating=False)


def _storable(message: str) -> tuple[str, int]:
    """The message, and its bytes; halves of surrogate pairs, which have no UTF-8, become `?`."""
    try:
        return message, len(message.encode())
    except UnicodeEncodeError:
        encoded = message.encode(errors="replace")
        return encoded.decode(), len(encoded)
