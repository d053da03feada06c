"""Deliveries in the database: those that wait, and those that failed and are kept.

There may be hundreds of thousands, of one unreachable target or of many: whatever looks at them
goes by an index, and whatever changes many does it in slices between other writes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, func, insert, select, true, update

from lambent.domain.delivery import Delivery
from lambent.store.database import Write
from lambent.store.schema import event_deliveries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from lambent.domain.arn import FunctionKey
    from lambent.store.database import Database
    from lambent.store.selection import Selection, State

_SLICE_ROWS = 1000
# Of the bodies that are read at once for one target; one body may be 7 MB.
_PAGE_BYTES = 4 * 1024 * 1024

_c = event_deliveries.c
_COLUMNS = [field.name for field in fields(Delivery)]
# Statements are put together once: with each outcome that has a destination one of these runs.
_INSERT = insert(event_deliveries)
_DELETE = delete(event_deliveries).where(_c.id == bindparam("of_id"))
_IS_WAITING_FOR_TARGET = and_(_c.state == "waiting", _c.target_arn == bindparam("target"))
_DUE = (
    select(event_deliveries)
    .where(_IS_WAITING_FOR_TARGET, _c.due_ms <= bindparam("now_ms"))
    .order_by(_c.due_ms, _c.id)
    .limit(bindparam("most"))
)
_NEXT_DUE = select(func.min(_c.due_ms)).where(_IS_WAITING_FOR_TARGET)
_UPDATE = update(event_deliveries).where(_c.id == bindparam("of_id"))


@dataclass(frozen=True, slots=True)
class DuePage:
    """The next deliveries to a target; when there are none, when the next one is due."""

    deliveries: list[Delivery]
    next_ms: int | None  # None: nothing waits for this target


class DeliveryStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def adding(self, deliveries: Sequence[Delivery]) -> Write:
        """What stores these, for the transaction that ends their event."""
        rows = [_row(each) for each in deliveries]

        def job(connection: Connection) -> None:
            if rows:
                connection.execute(_INSERT, rows)

        return Write(job, lambda: None)

    async def targets(self) -> list[str]:
        """The ARNs that something waits to be sent to."""
        statement = select(_c.target_arn).where(_c.state == "waiting").distinct()
        return await self._database.read(lambda connection: list(connection.scalars(statement)))

    async def due(self, target_arn: str, now_ms: int, most: int) -> DuePage:
        """At most `most` deliveries, of some megabytes together, those first that waited longest."""
        return await self._database.read(partial(_due, target_arn, now_ms, most))

    async def settle(self, done: Sequence[Delivery], failed: Sequence[Delivery]) -> None:
        """Forget the ones; of the others store state, due time, attempts and last error."""
        deleted = [{"of_id": each.id} for each in done]
        changed = [
            {
                "of_id": each.id,
                "state": each.state,
                "due_ms": each.due_ms,
                "attempts": each.attempts,
                "last_error": each.last_error,
            }
            for each in failed
        ]

        def job(connection: Connection) -> None:
            if deleted:
                connection.execute(_DELETE, deleted)
            if changed:
                connection.execute(_UPDATE, changed)

        await self._database.write(job)

    async def page(
        self, selection: Selection, *, after_id: int = 0, most: int = 100
    ) -> list[Delivery]:
        """In the order they came, without their bodies, which `get` has."""
        columns = [column for column in _c if column is not _c.body]
        statement = (
            select(*columns).where(_is_in(selection), _c.id > after_id).order_by(_c.id).limit(most)
        )
        return await self._database.read(
            lambda connection: [
                Delivery(body=b"", **row) for row in connection.execute(statement).mappings()
            ]
        )

    async def get(self, selection: Selection) -> Delivery | None:
        """The first one, whole."""
        statement = select(event_deliveries).where(_is_in(selection)).order_by(_c.id).limit(1)

        def query(connection: Connection) -> Delivery | None:
            row = connection.execute(statement).mappings().first()
            return _delivery(row) if row is not None else None

        return await self._database.read(query)

    async def counts(self) -> dict[tuple[FunctionKey, State], int]:
        """How many there are of each function in each state."""
        function = (_c.account_id, _c.region, _c.name)
        statement = select(*function, _c.state, func.count()).group_by(*function, _c.state)

        def query(connection: Connection) -> dict[tuple[FunctionKey, State], int]:
            return {((a, b, c), state): n for a, b, c, state, n in connection.execute(statement)}

        return await self._database.read(query)

    async def redrive(self, selection: Selection, now_ms: int) -> int:
        """Have failed ones wait again, with all their attempts; answers how many."""
        change = update(event_deliveries).values(
            state="waiting", due_ms=now_ms, attempts=0, last_error=None
        )
        is_failed = _is_in(selection) & (_c.state == "failed")
        return await self._in_slices(
            is_failed, lambda connection, is_in: connection.execute(change.where(is_in)).rowcount
        )

    async def purge(self, selection: Selection) -> int:
        """Forget them, delivered or not; answers how many."""
        return await self._in_slices(_is_in(selection), _delete)

    async def expire(self, before_ms: int) -> int:
        """Forget those that failed before that time; answers how many."""
        return await self._in_slices((_c.state == "failed") & (_c.due_ms < before_ms), _delete)

    async def _in_slices(
        self,
        which: ColumnElement[bool],
        change: Callable[[Connection, ColumnElement[bool]], int],
    ) -> int:
        some = select(_c.id).where(which).limit(_SLICE_ROWS).scalar_subquery()
        changed = 0
        while count := await self._database.write(
            lambda connection: change(connection, _c.id.in_(some))
        ):
            changed += count
        return changed


def _delete(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.execute(delete(event_deliveries).where(which)).rowcount


def _due(target_arn: str, now_ms: int, most: int, connection: Connection) -> DuePage:
    parameters: dict[str, object] = {"target": target_arn, "now_ms": now_ms, "most": most}
    found: list[Delivery] = []
    size = 0
    # Rows are read as they are asked for: those beyond the page never come into memory.
    with connection.execute(_DUE, parameters) as rows:
        for row in rows.mappings():
            found.append(_delivery(row))
            size += len(found[-1].body)
            if size >= _PAGE_BYTES:
                break
    if found:
        return DuePage(found, None)
    return DuePage([], connection.scalar(_NEXT_DUE, {"target": target_arn}))


def _is_in(selection: Selection) -> ColumnElement[bool]:
    return and_(true(), *selection.conditions(_c))


def _row(delivery: Delivery) -> dict[str, object]:
    row = {name: getattr(delivery, name) for name in _COLUMNS if name != "id"}
    return {**row, "attributes": dict(delivery.attributes)}


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**row)
