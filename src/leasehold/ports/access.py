"""Who may look at a ledger over HTTP, and who may change it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    """Read."""
    OPERATOR = "operator"
    """Read, and change."""


class Token(NamedTuple):
    """What is known of a token. The token itself is nowhere: the ledger keeps a hash of it. Instants in ms."""

    id: str
    name: str
    """Who uses it, as the audit trail will tell."""
    role: Role
    created_at: int
    created_by: str
    expires_at: int | None = None
    revoked_at: int | None = None
    revoked_by: str | None = None

    def standing(self, now: int) -> str:
        """``good``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "good"


class Tokens(Protocol):
    """The tokens of one ledger. Thread-safe. Raises ``LedgerUnavailable``."""

    def now(self) -> int:
        """The ledger's clock."""
        ...

    def add(self, token: Token, digest: str) -> None:
        """Write one; again with the same id changes nothing."""
        ...

    def of_digest(self, digest: str) -> Token | None:
        """The token that has this hash, whatever has become of it."""
        ...

    def of_id(self, token_id: str) -> Token | None:
        """The token of this id, whatever has become of it."""
        ...

    def all(self) -> list[Token]:
        """Every one that was ever made, newest first."""
        ...

    def revoke(self, token_id: str, *, by: str) -> bool:
        """Make it good for nothing from now on; whether it was not revoked before."""
        ...

    def secret(self) -> bytes:
        """A 32-byte key kept in the ledger, made at first use, by which sessions are known again."""
        ...
