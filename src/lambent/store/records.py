"""Small records, read whole and never searched: in memory to be read, in the database to last.

The database decides, and memory follows in the order of the commits, as with functions. Who must
look at more than the record itself before a change holds the store's `changes` meanwhile: there is
one server to a database.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Generic, TypeVar

from sqlalchemy import and_, delete, exists, insert, or_, select
from sqlalchemy.exc import IntegrityError

from lambent.domain.arn import LATEST
from lambent.domain.records import AccountRecord, FunctionRecord
from lambent.store.database import Write, together
from lambent.store.functions import AlreadyExists, NotFound, RevisionMismatch
from lambent.store.schema import account_records, aliases, function_records, function_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Table
    from sqlalchemy.sql.base import ReadOnlyColumnCollection

    from lambent.store.database import Database
    from lambent.store.functions import FunctionStore

    _Table = Table[ReadOnlyColumnCollection[str, Column[object]]]
    # Told the account, the region and the function's name.
    OnChange = Callable[[str, str, str], None]

F = TypeVar("F", bound=FunctionRecord)
A = TypeVar("A", bound=AccountRecord)

_KEYS = ("account_id", "region", "name", "qualifier", "id")
# What a record is put in place of, if not of the one with a certain revision.
WHATEVER = "whatever"
NOTHING = "nothing"


class FunctionRecords(Generic[F]):
    """One kind of what belongs to functions. A function's end, or a qualifier's, is theirs."""

    def __init__(self, database: Database, functions: FunctionStore) -> None:
        self._database = database
        self._records: defaultdict[tuple[str, str, str], dict[str, F]] = defaultdict(dict)
        self._on_change: list[OnChange] = []
        self.changes = asyncio.Lock()
        functions.on_delete(self._forget)

    @classmethod
    async def open(
        cls, database: Database, functions: FunctionStore, kind: type[F]
    ) -> FunctionRecords[F]:
        store = cls(database, functions)
        for row in await database.read(
            lambda connection: _rows(connection, function_records, kind.__name__)
        ):
            store._remember(kind(**row))  # type: ignore[arg-type]  # as it was written
        return store

    def on_change(self, tell: OnChange) -> None:
        """Have `tell` called with the function whenever one of its records has changed or gone."""
        self._on_change.append(tell)

    def get(self, account_id: str, region: str, name: str, qualifier: str = "") -> F | None:
        found = self._records.get((account_id, region, name))
        return found.get(qualifier) if found else None

    def of_function(self, account_id: str, region: str, name: str) -> list[F]:
        """By qualifier."""
        found = self._records.get((account_id, region, name), {})
        return [found[qualifier] for qualifier in sorted(found)]

    def of_account(self, account_id: str, region: str) -> list[F]:
        """By name and qualifier."""
        owners = sorted(owner for owner in self._records if owner[:2] == (account_id, region))
        return [record for owner in owners for record in self.of_function(*owner)]

    def everything(self) -> list[F]:
        """Of all accounts."""
        return [record for found in self._records.values() for record in found.values()]

    async def put(self, record: F, *, instead_of: str = WHATEVER) -> None:
        """Store `record` in place of WHATEVER, NOTHING, or what has the revision `instead_of`.

        Raises NotFound without the function, its qualifier or what was to be replaced,
        AlreadyExists, RevisionMismatch.
        """
        await self.write([self.putting(record, instead_of=instead_of)])

    async def write(self, writes: Sequence[Write]) -> None:
        """All of them, or none; raises what they raise."""
        write = together(writes)
        await self._database.write(write.job, committed=lambda _: write.committed())

    def putting(self, record: F, *, instead_of: str = WHATEVER) -> Write:
        """What `put` writes, for a transaction that writes more."""
        row = _row(record)

        def job(connection: Connection) -> None:
            if not _has_qualifier(connection, record):
                raise NotFound(record.arn)
            _put(connection, function_records, row, instead_of)

        return Write(job, lambda: self._remember(record))

    async def delete(self, record: F) -> None:
        """Raises NotFound when it is not there any more, RevisionMismatch when it has changed."""
        row = _row(record)

        def committed(_: None) -> None:
            owner = (record.account_id, record.region, record.name)
            del self._records[owner][record.qualifier]
            self._tell_changed(*owner)

        await self._database.write(
            lambda connection: _delete(connection, function_records, row), committed=committed
        )

    def _remember(self, record: F) -> None:
        owner = (record.account_id, record.region, record.name)
        self._records[owner][record.qualifier] = record
        self._tell_changed(*owner)

    def _forget(self, account_id: str, region: str, name: str, qualifier: str | None) -> None:
        owner = (account_id, region, name)
        if owner not in self._records:
            return
        if qualifier is None:
            del self._records[owner]
        else:
            self._records[owner].pop(qualifier, None)
        self._tell_changed(*owner)

    def _tell_changed(self, account_id: str, region: str, name: str) -> None:
        for tell in self._on_change:
            tell(account_id, region, name)


class AccountRecords(Generic[A]):
    """One kind of what belongs to accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records: defaultdict[tuple[str, str], dict[str, A]] = defaultdict(dict)
        self.changes = asyncio.Lock()

    @classmethod
    async def open(cls, database: Database, kind: type[A]) -> AccountRecords[A]:
        store = cls(database)
        for row in await database.read(
            lambda connection: _rows(connection, account_records, kind.__name__)
        ):
            store._remember(kind(**row))  # type: ignore[arg-type]  # as it was written
        return store

    def get(self, account_id: str, region: str, identifier: str) -> A | None:
        found = self._records.get((account_id, region))
        return found.get(identifier) if found else None

    def of_account(self, account_id: str, region: str) -> list[A]:
        """By identifier."""
        found = self._records.get((account_id, region), {})
        return [found[identifier] for identifier in sorted(found)]

    def everything(self) -> list[A]:
        """Of all accounts."""
        return [record for found in self._records.values() for record in found.values()]

    async def put(self, record: A, *, instead_of: str = WHATEVER) -> None:
        """As `FunctionRecords.put`; no function is needed."""
        row = _row(record)
        await self._database.write(
            lambda connection: _put(connection, account_records, row, instead_of),
            committed=lambda _: self._remember(record),
        )

    async def delete(self, record: A) -> None:
        """As `FunctionRecords.delete`."""
        row = _row(record)

        def committed(_: None) -> None:
            del self._records[record.account_id, record.region][record.id]

        await self._database.write(
            lambda connection: _delete(connection, account_records, row), committed=committed
        )

    def _remember(self, record: A) -> None:
        self._records[record.account_id, record.region][record.id] = record


def _row(record: FunctionRecord | AccountRecord) -> dict[str, object]:
    content = {field.name: getattr(record, field.name) for field in fields(record)}
    columns = {name: content.pop(name) for name in (*_KEYS, "revision_id") if name in content}
    return {"kind": type(record).__name__, **columns, "configuration": content}


def _rows(connection: Connection, table: _Table, kind: str) -> list[dict[str, object]]:
    found = connection.execute(select(table).where(table.c.kind == kind)).mappings()
    return [
        {
            **{name: row[name] for name in (*_KEYS, "revision_id") if name in row},
            **row["configuration"],
        }
        for row in found
    ]


def _is_same(table: _Table, row: dict[str, object]) -> ColumnElement[bool]:
    return and_(*(column == row[column.name] for column in table.primary_key.columns))


def _has_qualifier(connection: Connection, record: FunctionRecord) -> bool:
    """Whether its version or alias is still there. For the function itself a foreign key cares."""
    if record.qualifier in ("", LATEST):
        return True
    is_version, is_alias = (
        exists().where(
            table.c.account_id == record.account_id,
            table.c.region == record.region,
            table.c.name == record.name,
            qualifier == record.qualifier,
        )
        for table, qualifier in (
            (function_versions, function_versions.c.version),
            (aliases, aliases.c.alias),
        )
    )
    return bool(connection.scalar(select(or_(is_version, is_alias))))


def _put(connection: Connection, table: _Table, row: dict[str, object], instead_of: str) -> None:
    is_same = _is_same(table, row)
    if instead_of == WHATEVER:
        connection.execute(delete(table).where(is_same))
    elif instead_of != NOTHING:
        _delete(connection, table, {**row, "revision_id": instead_of})
    elif connection.scalar(select(exists().where(is_same))):
        raise AlreadyExists(str(row))
    try:
        connection.execute(insert(table), row)
    except IntegrityError as error:
        raise NotFound(str(row["name"])) from error


def _delete(connection: Connection, table: _Table, row: dict[str, object]) -> None:
    is_same = _is_same(table, row)
    is_unchanged = is_same & (table.c.revision_id == row["revision_id"])
    if connection.execute(delete(table).where(is_unchanged)).rowcount:
        return
    if connection.scalar(select(exists().where(is_same))):
        raise RevisionMismatch
    raise NotFound
