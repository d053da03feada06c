"""What functions and accounts keep beside their functions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "function_records",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("qualifier", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("revision_id", sa.String(), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint(
            "account_id", "region", "name", "qualifier", "kind", name="pk_function_records"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "region", "name"],
            ["functions.account_id", "functions.region", "functions.name"],
            name="fk_function_records_functions",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "account_records",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("revision_id", sa.String(), nullable=False),
        sa.Column("configuration", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "id", "kind", name="pk_account_records"),
    )
