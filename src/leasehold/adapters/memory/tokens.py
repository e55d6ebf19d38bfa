"""Tokens in memory, for tests."""

from __future__ import annotations

from leasehold.ports.access import Token
from leasehold.ports.clock import Clock


class MemoryTokens:
    """See ``Tokens`` for the promises; nothing outlives the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._ids: dict[str, str] = {}

    def now(self) -> int:
        """The clock that it was given."""
        return self._clock.now()

    def add(self, token: Token, digest: str) -> None:
        """Write one; again with the same id changes nothing."""
        if token.id not in self._tokens:
            self._tokens[token.id] = token
            self._ids[digest] = token.id

    def of_digest(self, digest: str) -> Token | None:
        """The token that has this hash."""
        return self.of_id(self._ids.get(digest, ""))

    def of_id(self, token_id: str) -> Token | None:
        """The token of this id."""
        return self._tokens.get(token_id)

    def all(self) -> list[Token]:
        """Every one, newest first."""
        return list(reversed(self._tokens.values()))

    def revoke(self, token_id: str, *, by: str) -> bool:
        """Make it good for nothing from now on; whether it was not revoked before."""
        token = self.of_id(token_id)
        if token is None or token.revoked_at is not None:
            return False
        self._tokens[token_id] = token._replace(revoked_at=self.now(), revoked_by=by)
        return True

    def secret(self) -> bytes:
        """Nobody else can reach this ledger."""
        return bytes(32)
