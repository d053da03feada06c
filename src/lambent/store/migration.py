"""Brings a database to the schema this program was written for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Alembic tells every step at INFO, into whatever logging the server has set up.
logging.getLogger("alembic").setLevel(logging.WARNING)


class DatabaseTooNew(Exception):
    """Raised when a newer Lambent has migrated the database further than this one knows."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database has schema revision {revision}, which this version of Lambent does not "
            "know: start the newer version that made it, or use another data directory"
        )
        self.revision = revision


def _configuration(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    # A resource of the package, so that it is found in an installed wheel.
    config.set_main_option("script_location", "lambent.store:migrations")
    return config


def migrate(connection: Connection) -> None:
    """Applies the missing migrations within the caller's transaction: all of them, or none.

    Raises DatabaseTooNew.
    """
    config = _configuration(connection)
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    present = MigrationContext.configure(connection).get_current_heads()
    for revision in present:
        if revision not in known:
            raise DatabaseTooNew(revision)
    if set(present) != set(scripts.get_heads()):
        command.upgrade(config, "head")
