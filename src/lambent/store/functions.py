"""Every function and its versions: in memory to be read, in the database to last.

The database decides: a write checks and changes it in one job of the only writer thread, and memory
follows once the job is committed, in the order of the commits. So concurrent writers need no lock,
and a reader never sees what a crash could still take back.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from lambent.domain.arn import LATEST
from lambent.domain.quotas import TAGS
from lambent.store.database import together
from lambent.store.function_deletion import (
    aliases_of_version,
    delete_function,
    drop_records,
    is_deleted_row,
    is_function_row,
    is_version_row,
)
from lambent.store.function_rows import (
    function_key,
    function_row,
    load_functions,
    tag_rows,
    version_row,
)
from lambent.store.schema import (
    deleted_functions,
    function_tags,
    function_versions,
    functions,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lambent.domain.function import Function, FunctionVersion
    from lambent.store.database import Database, Write
    from lambent.store.seal import Seal


# Told the account, the region, the function's name, and the qualifier unless it was all of it.
OnDelete = Callable[[str, str, str, str | None], None]


class AlreadyExists(Exception):
    """Raised when the function is there already, or the version's number is not the next one."""


class NotFound(Exception):
    """Raised when the function or version to be changed is not there, or not any more."""


class InUse(Exception):
    """Raised when a version cannot be deleted, because aliases (their names) point to it."""

    def __init__(self, aliases: Sequence[str]) -> None:
        super().__init__(*aliases)
        self.aliases = aliases


class TooManyTags(Exception):
    """Raised when a function would have more tags than the limit."""


class RevisionMismatch(Exception):
    """Raised when a version has changed since its writer read it."""


@dataclass(slots=True)
class _Entry:
    function: Function
    versions: dict[str, FunctionVersion]  # $LATEST, then 1, 2, 3


@dataclass(slots=True)
class _Region:
    """One account's functions in one region."""

    entries: dict[str, _Entry] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)  # sorted, so that listing 10,000 need not sort

    def add(self, entry: _Entry) -> None:
        self.entries[entry.function.name] = entry
        insort(self.names, entry.function.name)

    def remove(self, name: str) -> None:
        del self.entries[name]
        del self.names[bisect_left(self.names, name)]


def _insert_function(connection: Connection, function: Function) -> int:
    """The number its next version has: one that no earlier function of its name had."""
    is_earlier = is_deleted_row(**function_key(function))
    number = connection.scalar(select(deleted_functions.c.next_version).where(is_earlier))
    row = {**function_row(function), "next_version": number or function.next_version}
    try:
        connection.execute(insert(functions), row)
    except IntegrityError as error:
        raise AlreadyExists(function.arn) from error
    connection.execute(delete(deleted_functions).where(is_earlier))
    if tags := tag_rows(function):
        connection.execute(insert(function_tags), tags)
    return number or function.next_version


def _update_version(
    connection: Connection, version: FunctionVersion, row: dict[str, object], revision: str | None
) -> None:
    is_version = is_version_row(**function_key(version), version=version.version)
    guard = (
        is_version
        if revision is None
        else is_version & (function_versions.c.revision_id == revision)
    )
    if connection.execute(update(function_versions).where(guard).values(row)).rowcount:
        return
    if connection.scalar(select(exists().where(is_version))):
        raise RevisionMismatch(version.qualified_arn)
    raise NotFound(version.qualified_arn)


def _take_number(connection: Connection, version: FunctionVersion) -> None:
    """Moves the function's next version on, which makes this number this version's for ever."""
    number = int(version.version)
    is_function = is_function_row(**function_key(version))
    is_turn = is_function & (functions.c.next_version == number)
    if connection.execute(
        update(functions).where(is_turn).values(next_version=number + 1)
    ).rowcount:
        return
    if connection.scalar(select(exists().where(is_function))):
        raise AlreadyExists(version.qualified_arn)
    raise NotFound(version.arn)


def _set_revision(connection: Connection, function: Function, revision_id: str) -> None:
    is_latest = is_version_row(**function_key(function), version=LATEST)
    change = update(function_versions).where(is_latest).values(revision_id=revision_id)
    if not connection.execute(change).rowcount:
        raise NotFound(function.arn)


def _drop_tags(connection: Connection, function: Function, keys: Collection[str]) -> None:
    columns = function_tags.c
    connection.execute(
        delete(function_tags).where(
            columns.account_id == function.account_id,
            columns.region == function.region,
            columns.name == function.name,
            columns.key.in_(keys),
        )
    )


def _check_tag_count(connection: Connection, function: Function) -> None:
    is_tag = and_(*(function_tags.c[key] == value for key, value in function_key(function).items()))
    count = connection.scalar(select(func.count()).select_from(function_tags).where(is_tag))
    if count is not None and count > TAGS:
        raise TooManyTags(function.arn)


class FunctionStore:
    """The functions of all accounts and regions."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._regions: dict[tuple[str, str], _Region] = {}
        self._on_delete: list[OnDelete] = []

    @classmethod
    async def open(cls, database: Database, seal: Seal) -> FunctionStore:
        """Loads everything. Raises SealBroken when environments were sealed with another key."""
        store = cls(database, seal)
        for function, versions in await database.read(lambda rows: load_functions(rows, seal)):
            store._add(_Entry(function, {version.version: version for version in versions}))
        return store

    def on_delete(self, forget: OnDelete) -> None:
        """Have `forget` called whenever a function is gone, or one of its qualifiers is."""
        self._on_delete.append(forget)

    def function(self, account_id: str, region: str, name: str) -> Function | None:
        entry = self._entry(account_id, region, name)
        return entry.function if entry else None

    def version(
        self, account_id: str, region: str, name: str, version: str = LATEST
    ) -> FunctionVersion | None:
        entry = self._entry(account_id, region, name)
        return entry.versions.get(version) if entry else None

    def is_current(self, version: FunctionVersion) -> bool:
        """Whether exactly this configuration of the version is still the stored one."""
        stored = self.version(version.account_id, version.region, version.name, version.version)
        return stored is not None and stored.configuration_id == version.configuration_id

    def functions(self, account_id: str, region: str) -> list[Function]:
        """By name."""
        found = self._regions.get((account_id, region))
        return [found.entries[name].function for name in found.names] if found else []

    def functions_from(self, account_id: str, region: str, name: str) -> Iterator[Function]:
        """By name, from that one or what follows it on; what is deleted meanwhile does not come."""
        found = self._regions.get((account_id, region))
        if found is not None:
            for each in found.names[bisect_left(found.names, name) :]:
                if each in found.entries:
                    yield found.entries[each].function

    def versions(self, account_id: str, region: str, name: str) -> list[FunctionVersion]:
        """$LATEST, then 1, 2, 3; empty when there is no such function."""
        entry = self._entry(account_id, region, name)
        return list(entry.versions.values()) if entry else []

    def all_versions(self) -> Iterator[FunctionVersion]:
        """Of all accounts, as they are now: what changes during the iteration does not show."""
        entries = [entry for found in self._regions.values() for entry in found.entries.values()]
        return iter([version for entry in entries for version in entry.versions.values()])

    async def create(
        self,
        function: Function,
        latest: FunctionVersion,
        *,
        publish: Callable[[int], FunctionVersion] | None = None,
        also: Sequence[Write] = (),
    ) -> FunctionVersion | None:
        """A new function with its $LATEST, and the version `publish` makes of its number, if any.

        Its versions are counted on from those of an earlier function of its name. What is to be
        written `also` is there with it, or nothing is. Raises AlreadyExists, and what they raise.
        """
        row = version_row(latest, self._seal)
        rest = together(also)

        def job(connection: Connection) -> tuple[int, FunctionVersion | None]:
            number = _insert_function(connection, function)
            connection.execute(insert(function_versions), row)
            published = publish(number) if publish else None
            if published:
                self._insert_published(connection, published)
            rest.job(connection)
            return number, published

        def committed(made: tuple[int, FunctionVersion | None]) -> None:
            number, published = made
            self._add(_Entry(replace(function, next_version=number), {LATEST: latest}))
            if published:
                self._add_published(published)
            rest.committed()

        _, published = await self._database.write(job, committed=committed)
        return published

    async def replace_version(
        self,
        version: FunctionVersion,
        *,
        if_revision: str | None,
        published: FunctionVersion | None = None,
    ) -> None:
        """Puts `version` in its predecessor's place, if that still has the revision `if_revision`.

        None replaces whatever is there. At the same time it is `published`, see `publish`. Raises
        RevisionMismatch and NotFound.
        """
        row = version_row(version, self._seal)

        def job(connection: Connection) -> None:
            _update_version(connection, version, row, if_revision)
            if published:
                self._insert_published(connection, published)

        def committed(_: None) -> None:
            self._existing(version).versions[version.version] = version
            if published:
                self._add_published(published)

        await self._database.write(job, committed=committed)

    async def publish(self, version: FunctionVersion) -> None:
        """A new numbered version, whose number must be the function's `next_version`.

        Raises NotFound, and AlreadyExists when another publisher was given the number.
        """
        await self._database.write(
            lambda connection: self._insert_published(connection, version),
            committed=lambda _: self._add_published(version),
        )

    def _insert_published(self, connection: Connection, version: FunctionVersion) -> None:
        _take_number(connection, version)
        connection.execute(insert(function_versions), version_row(version, self._seal))

    def _add_published(self, version: FunctionVersion) -> None:
        entry = self._existing(version)
        entry.function = replace(entry.function, next_version=int(version.version) + 1)
        entry.versions[version.version] = version

    async def change_tags(
        self,
        function: Function,
        *,
        new: Mapping[str, str],
        removed: Collection[str],
        revision_id: str,
    ) -> None:
        """Adds or overwrites the tags `new`, drops those `removed`, and gives $LATEST a revision.

        Raises NotFound, and TooManyTags.
        """
        changed = replace(function, tags=new)

        def job(connection: Connection) -> None:
            _set_revision(connection, function, revision_id)
            _drop_tags(connection, function, {*new, *removed})
            if rows := tag_rows(changed):
                connection.execute(insert(function_tags), rows)
                _check_tag_count(connection, function)

        def committed(_: None) -> None:
            entry = self._regions[function.account_id, function.region].entries[function.name]
            kept = {key: value for key, value in entry.function.tags.items() if key not in removed}
            entry.function = replace(entry.function, tags={**kept, **new})
            entry.versions[LATEST] = replace(entry.versions[LATEST], revision_id=revision_id)

        await self._database.write(job, committed=committed)

    async def delete(self, account_id: str, region: str, name: str) -> bool:
        """Removes a function with all its versions; whether it was there."""

        def job(connection: Connection) -> bool:
            return delete_function(connection, account_id, region, name)

        def committed(was_there: bool) -> None:
            if was_there:
                self._regions[account_id, region].remove(name)
                self.tell_deleted(account_id, region, name, None)

        return await self._database.write(job, committed=committed)

    async def delete_version(self, account_id: str, region: str, name: str, version: str) -> bool:
        """Removes a published version, whose number is not used again; whether it was there.

        Raises InUse while aliases point to it.
        """
        if version == LATEST:
            raise ValueError("a function cannot be without $LATEST")

        def job(connection: Connection) -> bool:
            is_version = is_version_row(account_id, region, name, version)
            if names := aliases_of_version(connection, account_id, region, name, version):
                raise InUse(names)
            drop_records(connection, account_id, region, name, version)
            return connection.execute(delete(function_versions).where(is_version)).rowcount > 0

        def committed(was_there: bool) -> None:
            if was_there:
                del self._regions[account_id, region].entries[name].versions[version]
                self.tell_deleted(account_id, region, name, version)

        return await self._database.write(job, committed=committed)

    def tell_deleted(self, account_id: str, region: str, name: str, qualifier: str | None) -> None:
        """Have all know that a function (None), or one of its versions or aliases, is gone."""
        for forget in self._on_delete:
            forget(account_id, region, name, qualifier)

    def _entry(self, account_id: str, region: str, name: str) -> _Entry | None:
        found = self._regions.get((account_id, region))
        return found.entries.get(name) if found else None

    def _existing(self, version: FunctionVersion) -> _Entry:
        return self._regions[version.account_id, version.region].entries[version.name]

    def _add(self, entry: _Entry) -> None:
        scope = (entry.function.account_id, entry.function.region)
        self._regions.setdefault(scope, _Region()).add(entry)
