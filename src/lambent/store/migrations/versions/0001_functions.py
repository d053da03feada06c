"""Functions, their versions and their tags."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "functions",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("next_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", name="pk_functions"),
    )
    op.create_table(
        "function_versions",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("revision_id", sa.String(), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("environment", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint(
            "account_id", "region", "name", "version", name="pk_function_versions"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["functions.account_id", "functions.region", "functions.name"],
            name="fk_function_versions_functions",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "function_tags",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", "key", name="pk_function_tags"),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["functions.account_id", "functions.region", "functions.name"],
            name="fk_function_tags_functions",
            ondelete="CASCADE",
        ),
    )
