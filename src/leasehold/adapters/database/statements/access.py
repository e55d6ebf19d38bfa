"""Tokens of people and programs."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Executable, bindparam, select, update

from leasehold.adapters.database.access_schema import tokens
from leasehold.adapters.database.elements import unless_there

TOKEN = ("id", "name", "role", "created_at", "created_by", "expires_at", "revoked_at", "revoked_by")
whole = select(*(tokens.c[name] for name in TOKEN))

STATEMENTS: Mapping[str, Executable] = {
    "add token": unless_there(tokens, "digest", *TOKEN),
    "token of digest": whole.where(tokens.c.digest == bindparam("digest")),
    "token of id": whole.where(tokens.c.id == bindparam("id")),
    "tokens": whole.order_by(tokens.c.number.desc()),
    "revoke token": update(tokens)
    .where(tokens.c.id == bindparam("id_"), tokens.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at", type_=BigInteger), revoked_by=bindparam("by")),
}
