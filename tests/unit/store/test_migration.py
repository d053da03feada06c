from __future__ import annotations

import logging

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text

from lambent.store.database import Database
from lambent.store.migration import DatabaseTooNew, _configuration
from lambent.store.schema import function_records, metadata


def shape(connection):
    """All that a schema says, in an order of its own."""
    inspector = inspect(connection)
    tables = set(inspector.get_table_names()) - {"alembic_version"}
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
        }
        for table in tables
    }


async def test_migrations_give_exactly_the_metadata(database, tmp_path):
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        wanted = shape(connection)
    engine.dispose()
    assert await database.read(shape) == wanted


async def test_alembic_finds_nothing_to_migrate(database):
    differences = await database.read(
        lambda connection: compare_metadata(
            MigrationContext.configure(connection, opts={"compare_server_default": True}), metadata
        )
    )
    assert differences == []


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
    with caplog.at_level(logging.INFO):
        async with Database.open(tmp_path / "lambent.sqlite"):
            pass
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


async def test_provisioned_concurrency_outlives_its_move_to_the_records(tmp_path):
    path = tmp_path / "lambent.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(_configuration(connection), "0006")
        connection.execute(
            text(
                "INSERT INTO functions (account_id, region, name, next_version) "
                "VALUES ('1', 'r', 'greet', 2)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO provisioned_concurrency "
                "VALUES ('1', 'r', 'greet', '1', 5, '2026-01-31T12:00:00+0000')"
            )
        )
    engine.dispose()
    async with Database.open(path) as database:
        [row] = await database.read(
            lambda connection: connection.execute(select(function_records)).mappings().all()
        )
    assert (row["kind"], row["name"], row["qualifier"]) == ("ProvisionedConcurrency", "greet", "1")
    assert row["configuration"] == {"requested": 5, "last_modified": "2026-01-31T12:00:00+0000"}
    assert row["revision_id"]
