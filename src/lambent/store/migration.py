"""Brings a database to the schema this program was written for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, inspect

from lambent.store.schema import REVISION, metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

# As Alembic makes it, which has its own table beside the schema's.
_applied = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


class DatabaseTooNew(Exception):
    """Raised when a newer Lambent has migrated the database further than this one knows."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database has schema revision {revision}, which this version of Lambent does not "
            "know: start the newer version that made it, or use another data directory"
        )
        self.revision = revision


def migrate(connection: Connection) -> None:
    """Makes the tables, or applies the missing migrations, within the caller's transaction: all of
    them, or none.

    Raises DatabaseTooNew.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        metadata.create_all(connection)
        _applied.create(connection)
        connection.execute(_applied.insert().values(version_num=REVISION)).close()
        return
    present: list[str] = []
    if _applied.name in tables:
        present = list(connection.execute(_applied.select()).scalars())
    if present != [REVISION]:
        _upgrade(connection, present)


def _upgrade(connection: Connection, present: list[str]) -> None:
    # Alembic takes a fifth of the time of a start, and few starts have anything to migrate.
    from lambent.store.upgrade import known_revisions, upgrade

    known = known_revisions(connection)
    for revision in present:
        if revision not in known:
            raise DatabaseTooNew(revision)
    upgrade(connection)
