"""Deletes events in slices small enough that no other write waits long for one.

Each function is one job of the writer thread. Measured on a two-core machine, a full slice takes
some tens of milliseconds.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, select, update

from lambent.store.schema import deleted_logs, log_events, log_groups, log_streams

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

_SLICE_ROWS = 2000
_SLICE_BYTES = 4 * 1024 * 1024
_DAY_MS = 24 * 60 * 60 * 1000


def purge_slice(connection: Connection) -> bool:
    """Removes a little of what is marked as deleted; False when nothing is marked."""
    mark = connection.execute(select(deleted_logs).order_by(deleted_logs.c.id).limit(1)).first()
    if mark is None:
        return False
    if mark.stream_id is None:
        is_owned = log_events.c.group_id == mark.group_id
    else:
        is_owned = log_events.c.stream_id == mark.stream_id
    if not _delete_events(connection, mark.group_id, is_owned) and not _delete_streams(
        connection, mark
    ):
        connection.execute(delete(deleted_logs).where(deleted_logs.c.id == mark.id))
    return True


def groups_with_expired(connection: Connection, now_ms: int) -> list[int]:
    groups = log_groups.c
    has_expired = exists().where(
        log_events.c.group_id == groups.id,
        log_events.c.timestamp_ms < now_ms - groups.retention_days * _DAY_MS,
    )
    statement = select(groups.id).where(groups.retention_days.is_not(None), has_expired)
    return list(connection.scalars(statement))


def delete_expired(connection: Connection, group_id: int, now_ms: int) -> int:
    """Removes a slice of one group's expired events; answers how many."""
    # Asked again for each slice: the retention may have been raised meanwhile.
    days = connection.scalar(select(log_groups.c.retention_days).where(log_groups.c.id == group_id))
    if days is None:
        return 0
    is_expired = (log_events.c.group_id == group_id) & (
        log_events.c.timestamp_ms < now_ms - days * _DAY_MS
    )
    return _delete_events(connection, group_id, is_expired)


def _delete_events(connection: Connection, group_id: int, which: ColumnElement[bool]) -> int:
    columns = log_events.c
    rows = connection.execute(
        select(columns.id, columns.message_bytes).where(which).limit(_SLICE_ROWS)
    ).all()
    sums = list(accumulate(row.message_bytes for row in rows))
    count = max(1, sum(total <= _SLICE_BYTES for total in sums)) if rows else 0
    if count:
        identifiers = [row.id for row in rows[:count]]
        connection.execute(delete(log_events).where(columns.id.in_(identifiers)))
        connection.execute(
            update(log_groups)
            .where(log_groups.c.id == group_id)
            .values(stored_bytes=log_groups.c.stored_bytes - sums[count - 1])
        )
    return count


def _delete_streams(connection: Connection, mark: Row[tuple[object, ...]]) -> int:
    """Removes some of the streams of a deleted group; answers how many."""
    if mark.stream_id is not None:
        return 0
    some = (
        select(log_streams.c.id).where(log_streams.c.group_id == mark.group_id).limit(_SLICE_ROWS)
    )
    return connection.execute(delete(log_streams).where(log_streams.c.id.in_(some))).rowcount
