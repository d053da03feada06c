"""The durable part of the asynchronous queue.

Written by one server, which has the directory's lock: that lock is the lease on every event, and
which events are at work is known in its memory only. After a crash all of them are due again.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update

from lambent.domain.asynchronous_event import AsynchronousEvent, FailedEvent
from lambent.store.database import Write, together
from lambent.store.schema import asynchronous_events as table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import BindParameter, Connection, RowMapping

    from lambent.domain.arn import FunctionKey
    from lambent.store.database import Database
    from lambent.store.selection import Selection, State

_columns = table.c
_LANE = (_columns.account_id, _columns.region, _columns.name)
_GIVEN: tuple[BindParameter[str], ...] = tuple(bindparam(column.name) for column in _LANE)
# All but the payload, for lists.
_DESCRIPTION = [column for column in _columns if column is not _columns.payload]
_SLICE = 1000  # rows of one statement that changes many: the writer has others to serve

# Put together once: SQLAlchemy takes longer for that than SQLite for running them.
_INSERT = insert(table)
_DELETE = delete(table).where(_columns.id == bindparam("event_id"))
_RETRY = (
    update(table)
    .where(_columns.id == bindparam("event_id"))
    .values(due_ms=bindparam("new_due_ms"), attempts=bindparam("new_attempts"))
)
_FAIL = (
    update(table)
    .where(_columns.id == bindparam("event_id"))
    .values(
        state="failed",
        due_ms=bindparam("new_due_ms"),
        attempts=bindparam("new_attempts"),
        condition=bindparam("new_condition"),
        error=bindparam("new_error"),
    )
)
_WAITS = _columns.state == "waiting"
_NEXT_LANE = (
    select(*_LANE, _columns.due_ms)
    .where(_WAITS, tuple_(*_LANE) > tuple_(*_GIVEN))
    .order_by(*_LANE, _columns.due_ms)
    .limit(1)
)
_ORDER = (
    select(_columns.id, _columns.due_ms, func.length(_columns.payload).label("payload_bytes"))
    .where(_WAITS, *(column == given for column, given in zip(_LANE, _GIVEN, strict=True)))
    .order_by(_columns.due_ms, _columns.id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What is to be written of an event that was at work."""

    event: AsynchronousEvent
    # None: it is done, and forgotten. Otherwise it is tried again, or kept as failed.
    next: AsynchronousEvent | FailedEvent | None
    deliveries: Write | None = None  # what is to be sent about it


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An event without its payload, as lists have it."""

    event: AsynchronousEvent
    state: State
    payload_bytes: int
    condition: str | None
    error: str | None


class EventStore:
    """Made by `EventStore.open`."""

    def __init__(self, database: Database, first_id: int) -> None:
        self._database = database
        self._ids = itertools.count(first_id)
        self.last_id = first_id - 1  # that was given to an event

    @classmethod
    async def open(cls, database: Database) -> EventStore:
        last = await database.read(
            lambda connection: connection.scalar(select(func.max(_columns.id)))
        )
        return cls(database, (last or 0) + 1)

    def next_id(self) -> int:
        self.last_id = next(self._ids)
        return self.last_id

    async def add(self, events: Sequence[AsynchronousEvent]) -> None:
        """They are durable when this returns; all of them, or it raises and none is."""
        rows = [_row(event) for event in events]
        await self._database.write(lambda connection: _execute(connection, rows))

    async def settle(self, settled: Sequence[Settled]) -> None:
        """All in one transaction."""
        done = [{"event_id": each.event.id} for each in settled if each.next is None]
        retried = [
            {
                "event_id": each.next.id,
                "new_due_ms": each.next.due_ms,
                "new_attempts": each.next.attempts,
            }
            for each in settled
            if isinstance(each.next, AsynchronousEvent)
        ]
        failed = [_failure(each.next) for each in settled if isinstance(each.next, FailedEvent)]
        deliveries = together([each.deliveries for each in settled if each.deliveries is not None])

        def job(connection: Connection) -> None:
            for statement, rows in ((_DELETE, done), (_RETRY, retried), (_FAIL, failed)):
                if rows:
                    connection.execute(statement, rows)
            deliveries.job(connection)

        await self._database.write(job, committed=lambda _: deliveries.committed())

    async def functions(self) -> dict[FunctionKey, int]:
        """Those with events that wait, and when the first of each is due (ms).

        Costs as much as there are functions, however many events.
        """
        return await self._database.read(_functions)

    async def due(
        self,
        function: FunctionKey,
        now_ms: int,
        *,
        most: int,
        most_bytes: int,
        but: Collection[int],
    ) -> tuple[list[AsynchronousEvent], int | None]:
        """The next events that are due, none of which is in `but`, in the queue's order.

        At most so many, and not more bytes of payload than that unless the first alone is more.
        And when the first of all others is due (ms), or None if there is no other.
        """

        def read(connection: Connection) -> tuple[list[AsynchronousEvent], int | None]:
            chosen, next_due_ms = _choose(connection, function, now_ms, most, most_bytes, but)
            rows = connection.execute(
                select(table).where(_columns.id.in_(chosen)).order_by(_columns.due_ms, _columns.id)
            )
            return [_event(row, row["payload"]) for row in rows.mappings()], next_due_ms

        return await self._database.read(read)

    # For people

    async def counts(self) -> dict[tuple[FunctionKey, State], int]:
        def read(connection: Connection) -> dict[tuple[FunctionKey, State], int]:
            query = select(*_LANE, _columns.state, func.count()).group_by(*_LANE, _columns.state)
            return {((row[0], row[1], row[2]), row[3]): row[4] for row in connection.execute(query)}

        return await self._database.read(read)

    async def list(self, selection: Selection, *, after: int, most: int) -> list[Listed]:
        """Those with a larger number than `after`, in the order of acceptance."""

        def read(connection: Connection) -> list[Listed]:
            size = func.length(_columns.payload).label("payload_bytes")
            query = (
                select(*_DESCRIPTION, size)
                .where(_columns.id > after, *selection.conditions(_columns))
                .order_by(_columns.id)
                .limit(most)
            )
            return [_listed(row) for row in connection.execute(query).mappings()]

        return await self._database.read(read)

    async def find(self, name: str) -> tuple[Listed, bytes] | None:
        """The event with a number or a request identifier, and its payload.

        A request identifier is searched in the whole queue.
        """
        wanted = (
            _columns.id == int(name)
            if name.isascii() and name.isdigit() and len(name) < 19
            else _columns.request_id == name
        )

        def read(connection: Connection) -> tuple[Listed, bytes] | None:
            size = func.length(_columns.payload).label("payload_bytes")
            query = select(*_DESCRIPTION, _columns.payload, size).where(wanted).limit(1)
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else (_listed(row), row["payload"])

        return await self._database.read(read)

    async def redrive(self, selection: Selection, now_ms: int) -> int:
        """Have the failed ones tried as if they had just come; how many there were."""
        changed = {
            "state": "waiting",
            "due_ms": now_ms,
            "accepted_ms": now_ms,
            "attempts": 0,
            "condition": None,
            "error": None,
        }
        conditions = [_columns.state == "failed", *selection.conditions(_columns)]

        def job(connection: Connection) -> int:
            ids = select(_columns.id).where(*conditions).limit(_SLICE)
            statement = update(table).where(_columns.id.in_(ids)).values(changed)
            return connection.execute(statement).rowcount

        return await self._in_slices(job)

    async def purge_some(self, selection: Selection, *, but: Collection[int]) -> int:
        """Forget some events, or all, but none of those numbers; 0 when there is no other."""
        conditions = selection.conditions(_columns)
        if but:
            conditions.append(_columns.id.not_in(list(but)))
        ids = select(_columns.id).where(*conditions).limit(_SLICE)
        statement = delete(table).where(_columns.id.in_(ids))
        return await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def expire(self, before_ms: int) -> int:
        """Forget those that failed before that time; how many there were."""
        is_old = (_columns.state == "failed", _columns.due_ms < before_ms)

        def job(connection: Connection) -> int:
            ids = select(_columns.id).where(*is_old).limit(_SLICE)
            return connection.execute(delete(table).where(_columns.id.in_(ids))).rowcount

        return await self._in_slices(job)

    async def _in_slices(self, job: Callable[[Connection], int]) -> int:
        total = 0
        while changed := await self._database.write(job):
            total += changed
        return total


def _execute(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    connection.execute(_INSERT, rows)


def _row(event: AsynchronousEvent) -> dict[str, object]:
    return {
        "id": event.id,
        "account_id": event.account_id,
        "region": event.region,
        "name": event.name,
        "state": "waiting",
        "due_ms": event.due_ms,
        "request_id": event.request_id,
        "qualifier": event.qualifier,
        "accepted_ms": event.accepted_ms,
        "attempts": event.attempts,
        "trace_header": event.trace_header,
        "client_context": event.client_context,
        "tenant_id": event.tenant_id,
        "payload": event.payload,
    }


def _event(row: RowMapping, payload: bytes) -> AsynchronousEvent:
    return AsynchronousEvent(
        id=row["id"],
        account_id=row["account_id"],
        region=row["region"],
        name=row["name"],
        due_ms=row["due_ms"],
        request_id=row["request_id"],
        qualifier=row["qualifier"],
        accepted_ms=row["accepted_ms"],
        attempts=row["attempts"],
        trace_header=row["trace_header"],
        client_context=row["client_context"],
        tenant_id=row["tenant_id"],
        payload=payload,
    )


def _listed(row: RowMapping) -> Listed:
    return Listed(
        event=_event(row, b""),
        state=row["state"],
        payload_bytes=row["payload_bytes"],
        condition=row["condition"],
        error=row["error"],
    )


def _failure(failed: FailedEvent) -> dict[str, object]:
    return {
        "event_id": failed.event.id,
        "new_due_ms": failed.event.due_ms,
        "new_attempts": failed.event.attempts,
        "new_condition": failed.condition,
        "new_error": failed.error,
    }


def _given(function: FunctionKey) -> dict[str, object]:
    return dict(zip((column.name for column in _LANE), function, strict=True))


def _functions(connection: Connection) -> dict[FunctionKey, int]:
    found: dict[FunctionKey, int] = {}
    lane: FunctionKey = ("", "", "")
    while row := connection.execute(_NEXT_LANE, _given(lane)).one_or_none():
        lane = (row.account_id, row.region, row.name)
        found[lane] = row.due_ms
    return found


def _choose(
    connection: Connection,
    function: FunctionKey,
    now_ms: int,
    most: int,
    most_bytes: int,
    but: Collection[int],
) -> tuple[list[int], int | None]:
    """The numbers of the events to load, and when the next of the others is due."""
    # Those in `but` may be among the first, wherever the clock was set meanwhile.
    found = connection.execute(_ORDER, {**_given(function), "most": most + len(but) + 1})
    chosen: list[int] = []
    total_bytes = 0
    for row in found:
        if row.id in but:
            continue
        total_bytes += row.payload_bytes
        is_full = len(chosen) == most or (chosen and total_bytes > most_bytes)
        if is_full or row.due_ms > now_ms:
            return chosen, row.due_ms
        chosen.append(row.id)
    return chosen, None
