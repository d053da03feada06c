"""Events of asynchronous invocations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "asynchronous_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("qualifier", sa.String()),
        sa.Column("accepted_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("trace_header", sa.String(), nullable=False),
        sa.Column("client_context", sa.String()),
        sa.Column("tenant_id", sa.String()),
        sa.Column("condition", sa.String()),
        sa.Column("error", sa.String()),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_asynchronous_events"),
    )
    op.create_index(
        "ix_asynchronous_events_state_account_id_region_name_due_ms",
        "asynchronous_events",
        ["state", "account_id", "region", "name", "due_ms"],
    )
