"""The tables of the queues that live in the ledger's database, in the same metadata."""

from __future__ import annotations

from leasehold.adapters.database.schema import METADATA

__all__ = ["METADATA"]
