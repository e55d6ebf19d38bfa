"""What a ledger says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Executable, bindparam, insert, select

from leasehold.adapters.database.elements import table_names, text_column
from leasehold.adapters.database.schema import meta

STATEMENTS: Mapping[str, Executable] = {
    "exists": table_names().where(text_column("name") == "meta"),
    "get": select(meta.c.value).where(meta.c.name == bindparam("name")),
    "set": insert(meta).values(name=bindparam("name"), value=bindparam("value")),
}
