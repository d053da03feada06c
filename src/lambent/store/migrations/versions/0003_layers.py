"""Layers and their versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "layers",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("next_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", name="pk_layers"),
    )
    op.create_table(
        "layer_versions",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("policy_revision_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint(
            "account_id", "region", "name", "version", name="pk_layer_versions"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["layers.account_id", "layers.region", "layers.name"],
            name="fk_layer_versions_layers",
        ),
    )
