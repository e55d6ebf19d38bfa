"""The table of those who may use the dashboard from elsewhere, in the same metadata."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table

from leasehold.adapters.database.argument_schema import METADATA
from leasehold.adapters.database.schema import TEXT, number, some

__all__ = ["METADATA", "tokens"]

tokens = Table(
    "tokens",
    METADATA,
    number(),
    Column("id", TEXT, nullable=False, unique=True),
    some("name", TEXT),
    some("role", TEXT),
    Column("digest", TEXT, nullable=False, unique=True),
    some("created_at", BigInteger),
    some("created_by", TEXT),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("revoked_by", TEXT),
)
"""Who may use the API from elsewhere. Of a token itself only a hash is kept."""
