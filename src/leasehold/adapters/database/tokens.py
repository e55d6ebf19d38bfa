"""Tokens on a relational database."""

from __future__ import annotations

from leasehold.adapters.database.connection import Database, Row
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.ports.access import Role, Token

SESSIONS = "sessions"
"""The name of the key by which sessions are known again."""


class DatabaseTokens:
    """See ``Tokens`` for the promises."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._sql = database.sql("access")

    def now(self) -> int:
        """The database's clock."""
        return self.database.now()

    def add(self, token: Token, digest: str) -> None:
        """Write one; again with the same id changes nothing."""
        row = {**token._asdict(), "role": token.role.value, "digest": digest}
        self.database.transact(lambda tx: tx.run(self._sql["add token"], row), repeatable=True)

    def of_digest(self, digest: str) -> Token | None:
        """The token that has this hash."""
        return self._one("token of digest", digest=digest)

    def of_id(self, token_id: str) -> Token | None:
        """The token of this id."""
        return self._one("token of id", id=token_id)

    def all(self) -> list[Token]:
        """Every one, newest first."""
        with self.database.read() as tx:
            return [token_of(row) for row in tx.rows(self._sql["tokens"])]

    def revoke(self, token_id: str, *, by: str) -> bool:
        """Make it good for nothing from now on; whether it was not revoked before."""
        revoke = self._sql["revoke token"]
        return (
            self.database.transact(
                lambda tx: tx.run(revoke, {"id_": token_id, "at": tx.now, "by": by}), repeatable=True
            )
            > 0
        )

    def secret(self) -> bytes:
        """A 32-byte key kept in the ledger, made at first use."""
        return DatabaseLedger(self.database).secret(SESSIONS)

    def _one(self, statement: str, **given: object) -> Token | None:
        with self.database.read() as tx:
            rows = tx.rows(self._sql[statement], given)
        return token_of(rows[0]) if rows else None


def token_of(row: Row) -> Token:
    """A row as a token."""
    id, name, role, *rest = row
    return Token(id, name, Role(role), *rest)
