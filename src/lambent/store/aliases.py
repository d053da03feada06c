"""Every alias: in memory to be read, in the database to last, as `functions.py` has it.

Foreign keys hold what an alias points to: such a version cannot be deleted, and no alias can point
to a version that is gone, whoever comes first.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from lambent.domain.alias import Alias
from lambent.store.function_deletion import drop_records
from lambent.store.functions import AlreadyExists, NotFound, RevisionMismatch
from lambent.store.schema import aliases as table

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from lambent.store.database import Database
    from lambent.store.functions import FunctionStore


class AliasStore:
    """The aliases of all accounts and regions."""

    def __init__(self, database: Database, functions: FunctionStore) -> None:
        self._database = database
        self._functions = functions
        self._aliases: defaultdict[tuple[str, str, str], dict[str, Alias]] = defaultdict(dict)
        functions.on_delete(self._forget)

    @classmethod
    async def open(cls, database: Database, functions: FunctionStore) -> AliasStore:
        """Loads everything."""
        store = cls(database, functions)
        for alias in await database.read(_all):
            store._remember(alias)
        return store

    def get(self, account_id: str, region: str, name: str, alias: str) -> Alias | None:
        found = self._aliases.get((account_id, region, name))
        return found.get(alias) if found else None

    def of_function(self, account_id: str, region: str, name: str) -> list[Alias]:
        """By name."""
        found = self._aliases.get((account_id, region, name), {})
        return [found[alias] for alias in sorted(found)]

    def pointing_to(self, account_id: str, region: str, name: str, version: str) -> list[Alias]:
        """Those that send all or some requests to `version`, by name."""
        return [
            alias
            for alias in self.of_function(account_id, region, name)
            if version in (alias.version, alias.second_version)
        ]

    async def create(self, alias: Alias) -> None:
        """Raises AlreadyExists, and NotFound without the function or a version it points to."""

        def job(connection: Connection) -> None:
            if connection.scalar(select(exists().where(_is_alias(alias)))):
                raise AlreadyExists(alias.arn)
            try:
                connection.execute(insert(table), _row(alias))
            except IntegrityError as error:
                raise NotFound(alias.arn) from error

        await self._database.write(job, committed=lambda _: self._remember(alias))

    async def replace(self, alias: Alias, *, if_revision: str) -> None:
        """Puts `alias` in the place of the one of its name with the revision `if_revision`.

        Raises RevisionMismatch, and NotFound without such an alias or a version it points to.
        """

        def job(connection: Connection) -> None:
            is_unchanged = _is_alias(alias) & (table.c.revision_id == if_revision)
            change = update(table).where(is_unchanged).values(_row(alias))
            try:
                if connection.execute(change).rowcount:
                    return
            except IntegrityError as error:
                raise NotFound(alias.arn) from error
            if connection.scalar(select(exists().where(_is_alias(alias)))):
                raise RevisionMismatch(alias.arn)
            raise NotFound(alias.arn)

        await self._database.write(job, committed=lambda _: self._remember(alias))

    async def delete(self, alias: Alias) -> None:
        """Removes the alias of this name, with what belongs to it. Nothing when it is not there."""

        def job(connection: Connection) -> bool:
            drop_records(connection, alias.account_id, alias.region, alias.name, alias.alias)
            return connection.execute(delete(table).where(_is_alias(alias))).rowcount > 0

        def committed(was_there: bool) -> None:
            if was_there:
                self._functions.tell_deleted(
                    alias.account_id, alias.region, alias.name, alias.alias
                )

        await self._database.write(job, committed=committed)

    def _remember(self, alias: Alias) -> None:
        self._aliases[alias.account_id, alias.region, alias.name][alias.alias] = alias

    def _forget(self, account_id: str, region: str, name: str, qualifier: str | None) -> None:
        owner = (account_id, region, name)
        if qualifier is None:
            self._aliases.pop(owner, None)
        elif owner in self._aliases:
            self._aliases[owner].pop(qualifier, None)


def _all(connection: Connection) -> list[Alias]:
    return [Alias(**row) for row in connection.execute(select(table)).mappings()]


def _row(alias: Alias) -> dict[str, str | float | None]:
    return {column.name: getattr(alias, column.name) for column in table.columns}


def _is_alias(alias: Alias) -> ColumnElement[bool]:
    return and_(*(column == getattr(alias, column.name) for column in table.primary_key.columns))
