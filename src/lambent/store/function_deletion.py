"""Which rows are a function's, and what goes with a function, a version or an alias."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, insert, or_, select

from lambent.store.schema import (
    aliases,
    deleted_functions,
    function_records,
    function_versions,
    functions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection


def is_function_row(account_id: str, region: str, name: str) -> ColumnElement[bool]:
    columns = functions.c
    return and_(columns.account_id == account_id, columns.region == region, columns.name == name)


def is_deleted_row(account_id: str, region: str, name: str) -> ColumnElement[bool]:
    columns = deleted_functions.c
    return and_(columns.account_id == account_id, columns.region == region, columns.name == name)


def is_version_row(account_id: str, region: str, name: str, version: str) -> ColumnElement[bool]:
    columns = function_versions.c
    return and_(
        columns.account_id == account_id,
        columns.region == region,
        columns.name == name,
        columns.version == version,
    )


def delete_function(connection: Connection, account_id: str, region: str, name: str) -> bool:
    """Whether it was there. How far its versions were counted stays."""
    is_function = is_function_row(account_id, region, name)
    has_versions = is_function & (functions.c.next_version > 1)
    names = deleted_functions.columns.keys()
    counted = select(*(functions.c[each] for each in names)).where(has_versions)
    connection.execute(insert(deleted_functions).from_select(names, counted))
    return connection.execute(delete(functions).where(is_function)).rowcount > 0


def aliases_of_version(
    connection: Connection, account_id: str, region: str, name: str, version: str
) -> Sequence[str]:
    """The names of the aliases that send all or some requests to a version."""
    columns = aliases.c
    condition = and_(
        columns.account_id == account_id,
        columns.region == region,
        columns.name == name,
        or_(columns.version == version, columns.second_version == version),
    )
    return connection.scalars(select(columns.alias).where(condition).order_by(columns.alias)).all()


def drop_records(
    connection: Connection, account_id: str, region: str, name: str, qualifier: str
) -> None:
    """Take away what belongs to a version or alias that is about to go."""
    columns = function_records.c
    is_its = and_(
        columns.account_id == account_id,
        columns.region == region,
        columns.name == name,
        columns.qualifier == qualifier,
    )
    connection.execute(delete(function_records).where(is_its))
