"""Run by Alembic for each command; the connection comes from `lambent.store.database`."""

from __future__ import annotations

from alembic import context

from lambent.store.schema import metadata

# The connection is inside a transaction already, which makes an upgrade all or nothing.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
