"""Provisioned concurrency of published versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "provisioned_concurrency",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("requested", sa.Integer(), nullable=False),
        sa.Column("last_modified", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "region", "name", "version", name="pk_provisioned_concurrency"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name", "version"],
            [
                "function_versions.account_id",
                "function_versions.region",
                "function_versions.name",
                "function_versions.version",
            ],
            name="fk_provisioned_concurrency_function_versions",
            ondelete="CASCADE",
        ),
    )
