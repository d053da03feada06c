"""The migrations of `migrations/`, which Alembic applies."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Alembic tells every step at INFO, into whatever logging the server has set up.
logging.getLogger("alembic").setLevel(logging.WARNING)


def _configuration(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    # A resource of the package, so that it is found in an installed wheel.
    config.set_main_option("script_location", "lambent.store:migrations")
    return config


def known_revisions(connection: Connection) -> set[str]:
    scripts = ScriptDirectory.from_config(_configuration(connection))
    return {script.revision for script in scripts.walk_revisions()}


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Applies what is missing up to `revision`, within the caller's transaction."""
    command.upgrade(_configuration(connection), revision)
