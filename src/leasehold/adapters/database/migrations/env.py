"""Run by Alembic: makes the migrations on the connection that ``migrating.migrate`` has opened."""

from __future__ import annotations

from alembic import context

from leasehold.adapters.database.queue_schema import METADATA
from leasehold.adapters.database.schema import schema_version

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=schema_version.name,
    transactional_ddl=True,  # SQLite can, whatever Alembic thinks: all of it or nothing
)
with context.begin_transaction():
    context.run_migrations()
