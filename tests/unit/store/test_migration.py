from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text

from lambent.store.database import Database
from lambent.store.migration import DatabaseTooNew
from lambent.store.schema import REVISION, function_records, metadata
from lambent.store.upgrade import upgrade

OPTIONS = ("AUTOINCREMENT", "WITHOUT ROWID")


def shape(connection):
    """All that a schema says, in an order of its own."""
    inspector = inspect(connection)
    tables = inspector.get_table_names()
    made = text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    statements = {row.name: row.sql for row in connection.execute(made)}
    return {
        table: {
            "columns": [
                {**column, "type": str(column["type"])} for column in inspector.get_columns(table)
            ],
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": inspector.get_foreign_keys(table),
            "indexes": inspector.get_indexes(table),
            "unique": inspector.get_unique_constraints(table),
            "checks": inspector.get_check_constraints(table),
            "options": [option for option in OPTIONS if option in statements[table]],
        }
        for table in tables
    }


def differences(connection):
    """What Alembic would have a new migration do."""
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return compare_metadata(context, metadata)


def migrated_to(path, revision, *statements):
    """A database as an earlier release left it, with what it wrote."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, revision)
        for each in statements:
            connection.execute(text(each))
    engine.dispose()


@pytest.fixture
async def upgraded(tmp_path):
    """A database that every migration so far has been applied to."""
    path = tmp_path / "upgraded.sqlite"
    migrated_to(path, "head")
    async with Database.open(path) as opened:
        yield opened


async def test_migrations_give_what_a_new_database_has(database, upgraded):
    assert await upgraded.read(shape) == await database.read(shape)


async def test_migrations_end_at_the_revision_that_a_new_database_has(database, upgraded):
    revision = text("SELECT version_num FROM alembic_version")
    for each in (database, upgraded):
        assert await each.read(lambda connection: connection.execute(revision).all()) == [
            (REVISION,)
        ]


def test_a_database_of_today_is_opened_without_alembic(tmp_path):
    program = (
        "import asyncio, pathlib, sys\n"
        "from lambent.store.database import Database\n"
        "async def start():\n"
        "    async with Database.open(pathlib.Path(sys.argv[1])):\n"
        "        pass\n"
        "for _ in range(2):\n"
        "    asyncio.run(start())\n"
        "assert not [name for name in sys.modules if name.startswith('alembic')]\n"
    )
    path = str(tmp_path / "lambent.sqlite")
    subprocess.run([sys.executable, "-c", program, path], check=True)


async def test_alembic_finds_nothing_to_migrate(database, upgraded):
    for each in (database, upgraded):
        assert await each.read(differences) == []


async def test_opening_again_changes_nothing(tmp_path):
    path = tmp_path / "lambent.sqlite"
    shapes = []
    for _ in range(2):
        async with Database.open(path) as database:
            shapes.append(await database.read(shape))
    assert shapes[0] == shapes[1]


async def test_a_database_of_a_newer_program_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "lambent.sqlite"
    async with Database.open(path) as database:
        await database.write(
            lambda connection: connection.execute(
                text("UPDATE alembic_version SET version_num = '9999'")
            ).close()
        )
    with pytest.raises(DatabaseTooNew, match=r"schema revision 9999.*newer version"):
        async with Database.open(path):
            pass


async def test_migrating_is_silent(tmp_path, caplog, capfd):
    path = tmp_path / "lambent.sqlite"
    migrated_to(path, "0006")
    with caplog.at_level(logging.INFO):
        async with Database.open(path):
            pass
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


async def test_provisioned_concurrency_outlives_its_move_to_the_records(tmp_path):
    path = tmp_path / "lambent.sqlite"
    migrated_to(
        path,
        "0006",
        "INSERT INTO functions (account_id, region, name, next_version) "
        "VALUES ('1', 'r', 'greet', 2)",
        "INSERT INTO provisioned_concurrency "
        "VALUES ('1', 'r', 'greet', '1', 5, '2026-01-31T12:00:00+0000')",
    )
    async with Database.open(path) as database:
        [row] = await database.read(
            lambda connection: connection.execute(select(function_records)).mappings().all()
        )
    assert (row["kind"], row["name"], row["qualifier"]) == ("ProvisionedConcurrency", "greet", "1")
    assert row["configuration"] == {"requested": 5, "last_modified": "2026-01-31T12:00:00+0000"}
    assert row["revision_id"]
