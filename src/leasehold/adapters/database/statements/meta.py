"""What a ledger says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Executable, select

from leasehold.adapters.database.elements import added, table_names, text_column
from leasehold.adapters.database.schema import schema_version

STATEMENTS: Mapping[str, Executable] = {
    "exists": table_names().where(text_column("name") == schema_version.name),
    "version": select(schema_version.c.version_num),
    "stamp": added(schema_version),
}
