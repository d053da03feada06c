"""Aliases of functions, and how far the versions of deleted functions were counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_VERSION = [
    "function_versions.account_id",
    "function_versions.region",
    "function_versions.name",
    "function_versions.version",
]


def upgrade() -> None:
    op.create_table(
        "deleted_functions",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("next_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", name="pk_deleted_functions"),
    )
    op.create_table(
        "aliases",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("second_version", sa.String(), nullable=True),
        sa.Column("second_weight", sa.Float(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("revision_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", "alias", name="pk_aliases"),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["functions.account_id", "functions.region", "functions.name"],
            name="fk_aliases_functions",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name", "version"], _VERSION, name="fk_aliases_version"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name", "second_version"],
            _VERSION,
            name="fk_aliases_second_version",
        ),
    )
