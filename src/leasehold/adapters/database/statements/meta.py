"""What a ledger says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Executable, Text, bindparam, func, select

from leasehold.adapters.database.elements import added, table_names, text_column
from leasehold.adapters.database.schema import schema_version

STATEMENTS: Mapping[str, Executable] = {
    "exists": table_names().where(text_column("name") == schema_version.name),
    "version": select(schema_version.c.version_num),
    "stamp": added(schema_version),
    # PostgreSQL's alone: one who changes the schema at a time, and how texts are kept
    "alone": select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger))),
    "encoding": select(func.current_setting(bindparam("of", type_=Text))),
}
