"""Provisioned concurrency is of aliases too: it moves to the records of functions."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_KEYS = ("account_id", "region", "name")
_OLD = sa.table(
    "provisioned_concurrency",
    *(sa.column(name) for name in (*_KEYS, "version", "requested", "last_modified")),
)
_NEW = sa.table(
    "function_records",
    *(sa.column(name) for name in (*_KEYS, "qualifier", "kind", "revision_id")),
    sa.column("configuration", sa.JSON()),
)


def upgrade() -> None:
    found = op.get_bind().execute(sa.select(_OLD)).mappings().all()
    rows = [
        {
            **{name: row[name] for name in _KEYS},
            "qualifier": row["version"],
            "kind": "ProvisionedConcurrency",
            "revision_id": str(uuid.uuid4()),
            "configuration": {name: row[name] for name in ("requested", "last_modified")},
        }
        for row in found
    ]
    op.bulk_insert(_NEW, rows)
    op.drop_table("provisioned_concurrency")
