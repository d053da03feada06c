"""Metrics of functions, by the minute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_SERIES = ("account_id", "region", "name", "resource", "executed_version", "metric")


def upgrade() -> None:
    op.create_table(
        "metric_series",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in _SERIES),
        sa.PrimaryKeyConstraint("id", name="pk_metric_series"),
        sa.UniqueConstraint(*_SERIES, name="uq_metric_series_" + "_".join(_SERIES)),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "metric_minutes",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("least", sa.Float(), nullable=False),
        sa.Column("most", sa.Float(), nullable=False),
        sa.Column("buckets", sa.JSON()),
        sa.PrimaryKeyConstraint("series_id", "minute", name="pk_metric_minutes"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_metric_minutes_minute", "metric_minutes", ["minute"])
