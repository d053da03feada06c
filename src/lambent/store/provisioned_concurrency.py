"""What provisioned concurrency was asked for: in the database, which deletes it with its version.

How far it has come is known only while the server runs, and only to the data plane; it is kept
here for the control plane to answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, insert, not_, select
from sqlalchemy.exc import IntegrityError

from lambent.domain.provisioned_concurrency import Allocation, ProvisionedConcurrency
from lambent.store.functions import NotFound
from lambent.store.schema import provisioned_concurrency as table

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Connection

    from lambent.store.database import Database

_IN_PROGRESS = Allocation()


def _is_version(config: ProvisionedConcurrency) -> ColumnElement[bool]:
    return and_(
        _is_function(config.account_id, config.region, config.name),
        table.c.version == config.version,
    )


def _is_function(account_id: str, region: str, name: str) -> ColumnElement[bool]:
    return and_(_is_in(account_id, region), table.c.name == name)


def _is_in(account_id: str, region: str) -> ColumnElement[bool]:
    return and_(table.c.account_id == account_id, table.c.region == region)


def _row(config: ProvisionedConcurrency) -> dict[str, str | int]:
    return {column.name: getattr(config, column.name) for column in table.columns}


def _read(connection: Connection, condition: ColumnElement[bool]) -> list[ProvisionedConcurrency]:
    rows = connection.execute(select(table).where(condition)).mappings()
    configs = [ProvisionedConcurrency(**row) for row in rows]
    return sorted(configs, key=lambda config: int(config.version))


def _total(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.sum(table.c.requested)).where(condition)) or 0


class ProvisionedConcurrencyStore:
    """The provisioned concurrency of all accounts and regions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._allocations: dict[ProvisionedConcurrency, Allocation] = {}
        self._tell_changed: Callable[[], None] = lambda: None

    def on_change(self, tell: Callable[[], None]) -> None:
        """Have `tell` called whenever something was put or deleted by itself."""
        self._tell_changed = tell

    async def put(self, config: ProvisionedConcurrency, check_total: Callable[[int], None]) -> None:
        """Store `config` in place of what its version had.

        `check_total` gets what all others of the account and region ask for together, and raises
        what is to come out here when that leaves too little; nobody else can ask in between.
        Raises NotFound when there is no such version.
        """

        def job(connection: Connection) -> None:
            is_same = _is_version(config)
            check_total(
                _total(connection, _is_in(config.account_id, config.region) & not_(is_same))
            )
            connection.execute(delete(table).where(is_same))
            try:
                connection.execute(insert(table), _row(config))
            except IntegrityError as error:
                raise NotFound(config.qualified_arn) from error

        await self._database.write(job, committed=lambda _: self._tell_changed())

    async def delete(self, account_id: str, region: str, name: str, version: str) -> None:
        """What is not there is deleted already."""
        condition = _is_function(account_id, region, name) & (table.c.version == version)

        def job(connection: Connection) -> None:
            connection.execute(delete(table).where(condition))

        await self._database.write(job, committed=lambda _: self._tell_changed())

    async def get(
        self, account_id: str, region: str, name: str, version: str
    ) -> ProvisionedConcurrency | None:
        configs = await self.of_function(account_id, region, name)
        return next((config for config in configs if config.version == version), None)

    async def of_function(
        self, account_id: str, region: str, name: str
    ) -> list[ProvisionedConcurrency]:
        """By version."""
        condition = _is_function(account_id, region, name)
        return await self._database.read(lambda connection: _read(connection, condition))

    async def everything(self) -> list[ProvisionedConcurrency]:
        return await self._database.read(
            lambda connection: _read(connection, table.c.requested > 0)
        )

    async def total(self, account_id: str, region: str) -> int:
        """What all functions of the account and region ask for together."""
        condition = _is_in(account_id, region)
        return await self._database.read(lambda connection: _total(connection, condition))

    def allocation(self, config: ProvisionedConcurrency) -> Allocation:
        return self._allocations.get(config, _IN_PROGRESS)

    def allocate(self, allocations: dict[ProvisionedConcurrency, Allocation]) -> None:
        """Say how far all have come; what is not named is in progress."""
        self._allocations = allocations
