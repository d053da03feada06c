"""Log groups, streams and events in the database."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, insert, select, tuple_, update

from lambent.store.log_append import append, insert_group, insert_stream, is_group
from lambent.store.log_deletion import delete_expired, groups_with_expired, purge_slice
from lambent.store.log_following import Following, follow, last_event_id
from lambent.store.log_records import (
    EventPage,
    EventQuery,
    GroupQuery,
    LogGroup,
    LogStream,
    NoSuchLogError,
    StreamBatch,
    StreamQuery,
)
from lambent.store.log_search import search
from lambent.store.schema import deleted_logs, log_groups, log_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Row

    from lambent.store.database import Database

_LAST_CHARACTER = "\U0010ffff"


def _names(
    column: ColumnElement[str], prefix: str, after: str, *, is_descending: bool = False
) -> ColumnElement[bool]:
    """Names with the prefix that come after a name in the listing's direction.

    As one range, so that the index is entered at the right place; LIKE would also ignore case.
    """
    least, most = prefix, prefix + _LAST_CHARACTER
    if is_descending:
        return and_(column >= least, column < (min(most, after) if after else most))
    return and_(column > after if after >= least else column >= least, column < most)


def _find_group(connection: Connection, account_id: str, region: str, name: str) -> LogGroup | None:
    row = connection.execute(
        select(log_groups).where(is_group(account_id, region, name))
    ).one_or_none()
    return None if row is None else LogGroup(**row._mapping)


def _list_groups(connection: Connection, query: GroupQuery) -> list[LogGroup]:
    columns = log_groups.c
    statement = select(log_groups).where(
        columns.account_id == query.account_id,
        columns.region == query.region,
        _names(columns.name, query.prefix, query.after),
    )
    if query.infix:
        statement = statement.where(func.instr(columns.name, query.infix) > 0)
    if query.log_group_class is not None:
        statement = statement.where(columns.log_group_class == query.log_group_class)
    if query.names is not None:
        statement = statement.where(columns.name.in_(query.names))
    rows = connection.execute(statement.order_by(columns.name).limit(query.limit))
    return [LogGroup(**row._mapping) for row in rows]


def _change_tags(
    connection: Connection, group_id: int, added: Mapping[str, str], removed: Collection[str]
) -> None:
    is_group = log_groups.c.id == group_id
    tags: dict[str, str] | None = connection.scalar(select(log_groups.c.tags).where(is_group))
    if tags is None:
        raise NoSuchLogError
    kept = {key: value for key, value in {**tags, **added}.items() if key not in removed}
    connection.execute(update(log_groups).where(is_group).values(tags=kept))


def _delete_group(connection: Connection, group_id: int) -> tuple[str, str, str]:
    """The account, the region and the name it had."""
    columns = log_groups.c
    statement = delete(log_groups).where(columns.id == group_id)
    deleted = connection.execute(
        statement.returning(columns.account_id, columns.region, columns.name)
    ).one_or_none()
    if deleted is None:
        raise NoSuchLogError
    connection.execute(insert(deleted_logs).values(group_id=group_id))
    return deleted.account_id, deleted.region, deleted.name


def _list_streams(connection: Connection, query: StreamQuery) -> list[LogStream]:
    columns = log_streams.c
    statement = select(log_streams).where(columns.group_id == query.group_id)
    if query.is_by_last_event:
        order = [columns.last_event_ms, columns.name]
        if query.after is not None:
            place = tuple_(*order)
            is_after = place < query.after if query.is_descending else place > query.after
            statement = statement.where(is_after)
    else:
        order = [columns.name]
        after = "" if query.after is None else query.after[1]
        statement = statement.where(
            _names(columns.name, query.prefix, after, is_descending=query.is_descending)
        )
    directed = [column.desc() if query.is_descending else column.asc() for column in order]
    rows = connection.execute(statement.order_by(*directed).limit(query.limit))
    return [_stream(row) for row in rows]


def _stream(row: Row[tuple[object, ...]]) -> LogStream:
    return LogStream(**row._mapping)


def _delete_stream(connection: Connection, stream: LogStream) -> None:
    statement = delete(log_streams).where(log_streams.c.id == stream.id)
    if connection.execute(statement).rowcount == 0:
        raise NoSuchLogError
    connection.execute(insert(deleted_logs).values(group_id=stream.group_id, stream_id=stream.id))


class LogStore:
    """Answers nothing that a crash could take back: what is written is durable on return."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._has_deleted = asyncio.Event()
        self._has_deleted.set()  # an earlier run of the server may have left something behind
        self._on_append: list[Callable[[Sequence[StreamBatch]], None]] = []
        self._on_delete_group: list[Callable[[str, str, str], None]] = []

    def on_append(self, tell: Callable[[Sequence[StreamBatch]], None]) -> None:
        """Have `tell` called with all that is appended, once it is durable."""
        self._on_append.append(tell)

    def on_delete_group(self, tell: Callable[[str, str, str], None]) -> None:
        """Have `tell` called with the account, the region and the name of a deleted group."""
        self._on_delete_group.append(tell)

    async def create_group(self, group: LogGroup) -> bool:
        """Whether it is new; nothing is changed when it exists."""
        return await self._database.write(lambda connection: insert_group(connection, group))

    async def group(self, account_id: str, region: str, name: str) -> LogGroup | None:
        return await self._database.read(
            lambda connection: _find_group(connection, account_id, region, name)
        )

    async def groups(self, query: GroupQuery) -> list[LogGroup]:
        """By name."""
        return await self._database.read(lambda connection: _list_groups(connection, query))

    async def set_retention(self, group_id: int, days: int | None) -> None:
        await self._change_group(group_id, retention_days=days)

    async def set_protection(self, group_id: int, is_protected: bool) -> None:
        await self._change_group(group_id, is_protected=is_protected)

    async def _change_group(self, group_id: int, **values: int | None) -> None:
        statement = update(log_groups).where(log_groups.c.id == group_id).values(values)
        if not await self._database.write(
            lambda connection: connection.execute(statement).rowcount
        ):
            raise NoSuchLogError

    async def change_tags(
        self, group_id: int, added: Mapping[str, str], removed: Collection[str] = ()
    ) -> None:
        """Raises NoSuchLogError."""
        await self._database.write(
            lambda connection: _change_tags(connection, group_id, added, removed)
        )

    async def delete_group(self, group_id: int) -> None:
        """Makes it vanish at once; its events go with the next `purge`. Raises NoSuchLogError."""

        def committed(group: tuple[str, str, str]) -> None:
            for tell in self._on_delete_group:
                tell(*group)

        await self._database.write(
            lambda connection: _delete_group(connection, group_id), committed=committed
        )
        self._has_deleted.set()

    async def create_stream(self, group_id: int, name: str, created_ms: int) -> bool:
        """Whether it is new. Raises NoSuchLogError without the group."""
        return await self._database.write(
            lambda connection: insert_stream(connection, group_id, name, created_ms)
        )

    async def stream(self, group_id: int, name: str) -> LogStream | None:
        statement = select(log_streams).where(
            log_streams.c.group_id == group_id, log_streams.c.name == name
        )
        row = await self._database.read(
            lambda connection: connection.execute(statement).one_or_none()
        )
        return None if row is None else _stream(row)

    async def streams(self, query: StreamQuery) -> list[LogStream]:
        return await self._database.read(lambda connection: _list_streams(connection, query))

    async def delete_stream(self, stream: LogStream) -> None:
        """Like `delete_group`."""
        await self._database.write(lambda connection: _delete_stream(connection, stream))
        self._has_deleted.set()

    async def append(
        self, batches: Sequence[StreamBatch], *, now_ms: int, is_creating: bool = True
    ) -> None:
        """All of it in one transaction, or none. `now_ms` is the time of ingestion.

        Groups and streams that are missing are made, or, unless `is_creating`, NoSuchLogError is
        raised.
        """

        def committed(_: None) -> None:
            for tell in self._on_append:
                tell(batches)

        await self._database.write(
            lambda connection: append(connection, batches, now_ms=now_ms, is_creating=is_creating),
            committed=committed,
        )

    async def events(self, query: EventQuery) -> EventPage:
        return await self._database.read(lambda connection: search(connection, query))

    async def last_event_id(self) -> int:
        """The number of the newest event of all groups."""
        return await self._database.read(last_event_id)

    async def follow(self, group_id: int, after_event_id: int) -> Following | None:
        """See `log_following.follow`."""
        return await self._database.read(
            lambda connection: follow(connection, group_id, after_event_id)
        )

    async def wait_deleted(self) -> None:
        """Returns when there may be something to purge."""
        await self._has_deleted.wait()

    async def purge(self) -> None:
        """Removes the events of deleted groups and streams, in slices between other writes."""
        self._has_deleted.clear()
        while await self._database.write(purge_slice):
            pass

    async def expire(self, now_ms: int) -> int:
        """Removes what is older than its group's retention, in slices; answers how many events."""
        removed = 0
        groups = await self._database.read(
            lambda connection: groups_with_expired(connection, now_ms)
        )
        for group_id in groups:
            slice_of_group = partial(delete_expired, group_id=group_id, now_ms=now_ms)
            while count := await self._database.write(slice_of_group):
                removed += count
        return removed
