"""What keeps tokens must do, as tests; an adapter is tested by a subclass that makes one."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from leasehold.ports.access import Role, Token, Tokens
from leasehold.testing.clock import ManualClock


class TokensBench(NamedTuple):
    """Tokens, on a clock that stands still until it is turned."""

    tokens: Tokens
    clock: ManualClock


class TokensSuite:
    """Everything that keeps tokens."""

    @pytest.fixture
    def bench(self) -> TokensBench:
        """The adapter under test."""
        raise NotImplementedError

    @pytest.fixture
    def tokens(self, bench: TokensBench) -> Tokens:
        """What is under test."""
        return bench.tokens

    def test_a_token_is_found_by_its_hash_and_by_its_id(self, tokens: Tokens) -> None:
        """And by nothing else."""
        token = Token("t1", "ada", Role.OPERATOR, tokens.now(), "root", tokens.now() + 1_000)
        tokens.add(token, "hash-1")
        assert tokens.of_digest("hash-1") == token
        assert tokens.of_id("t1") == token
        assert tokens.of_digest("t1") is None
        assert tokens.of_id("hash-1") is None

    def test_one_that_is_written_again_stays_as_it_was(self, tokens: Tokens) -> None:
        """The first commit may have happened without anybody hearing of it."""
        token = Token("t1", "ada", Role.VIEWER, tokens.now(), "root")
        tokens.add(token, "hash-1")
        tokens.add(token._replace(role=Role.OPERATOR), "hash-1")
        assert tokens.all() == [token]

    def test_the_newest_is_listed_first(self, tokens: Tokens) -> None:
        """Revoked ones too."""
        for nth in range(3):
            tokens.add(Token(f"t{nth}", "ada", Role.VIEWER, tokens.now(), "root"), f"hash-{nth}")
        tokens.revoke("t1", by="bob")
        assert [token.id for token in tokens.all()] == ["t2", "t1", "t0"]

    def test_one_is_revoked_once(self, bench: TokensBench) -> None:
        """Who did it first is remembered."""
        tokens = bench.tokens
        tokens.add(Token("t1", "ada", Role.VIEWER, tokens.now(), "root"), "hash-1")
        bench.clock.advance(5)
        assert tokens.revoke("t1", by="bob")
        bench.clock.advance(5)
        assert not tokens.revoke("t1", by="eve")
        assert not tokens.revoke("t2", by="eve")
        (token,) = tokens.all()
        assert (token.revoked_at, token.revoked_by) == (token.created_at + 5, "bob")
        assert tokens.of_digest("hash-1") == token

    def test_the_key_of_sessions_stays(self, tokens: Tokens) -> None:
        """A dashboard that is started again knows its sessions."""
        assert tokens.secret() == tokens.secret()
        assert len(tokens.secret()) == 32


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "standing"),
    [(None, None, "good"), (11, None, "good"), (10, None, "expired"), (11, 9, "revoked"), (10, 9, "revoked")],
)
def test_a_token_is_good_until_its_end(expires_at: int | None, revoked_at: int | None, standing: str) -> None:
    """Neither later nor once it is revoked."""
    assert Token("t", "ada", Role.VIEWER, 0, "root", expires_at, revoked_at).standing(10) == standing
