"""Where a list goes on: from the text of a cursor to the number below which its rows stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.core.cursors import Listing

FIRST = 1 << 62
"""More than any number."""


def below(tx: Transaction, sql: Mapping[str, Sql], listing: Listing[Any], cursor: str | None) -> int:
    """The number of the cursor's row. Where that is gone, nothing is older: only what is oldest is ever dropped.

    Raises:
        BadCursor: it belongs to another list.
    """
    place = listing.read(cursor)
    if place is None:
        return FIRST
    statement = PLACES[listing.name]
    rows = tx.rows(sql[statement], dict(zip(sql[statement].names, place, strict=True)))
    return rows[0][0] if rows else 0


PLACES: Mapping[str, str] = {
    "batches": "place of batch",
    "operations": "place of operation",
    "quarantine": "place of damaged",
}
