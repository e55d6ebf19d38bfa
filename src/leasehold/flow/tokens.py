"""Making, finding and revoking tokens: what every face does in the same way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from leasehold.core.errors import UsageError
from leasehold.ports.access import Role, Token, Tokens

PREFIX = "lh_"
"""How every token begins: so that whoever finds one knows what it is."""
SECRET_BYTES = 32
"""Of chance in each token: nobody guesses it, so a plain hash is all that has to be kept."""

SAID = 5
"""Tokens that a refusal names."""


class Made(NamedTuple):
    """A new token. ``text`` is shown once, and is nowhere afterwards."""

    token: Token
    text: str


class Wanted(NamedTuple):
    """What somebody wants a token for; ``lifetime`` in ms."""

    name: str
    role: Role
    lifetime: int | None


def make(tokens: Tokens, wanted: Wanted, *, ids: Callable[[], str], random: Random, by: str) -> Made:
    """Make one, and write its hash. Raises ``UsageError`` for one that would never be good."""
    if wanted.lifetime is not None and wanted.lifetime <= 0:
        raise UsageError(f"the token of {wanted.name} would never be good: let it last for some time, such as 90d")
    text = PREFIX + base64.urlsafe_b64encode(random.randbytes(SECRET_BYTES)).decode().rstrip("=")
    now = tokens.now()
    until = None if wanted.lifetime is None else now + wanted.lifetime
    token = Token(ids(), wanted.name, wanted.role, now, by, until)
    tokens.add(token, digest(text))
    return Made(token, text)


def digest(text: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def token_of(tokens: Tokens, part: str) -> Token:
    """The only token whose id begins or ends so, or that is called so and is not revoked. Raises ``UsageError``.

    A whole id means its token, whatever others are called.
    """
    known = tokens.all()
    found = [token for token in known if token.id == part] or [token for token in known if meant(token, part)]
    if not found:
        raise UsageError(f"no token has this name, or an id that begins or ends so: {part!r}. See: leasehold tokens ls")
    if len(found) > 1:
        them = ", ".join(f"{token.id} ({token.name})" for token in found[:SAID])
        them += " and more" if len(found) > SAID else ""
        words = f"{len(found)} tokens have this name, or an id that begins or ends so: {part!r}. Give one's whole id: "
        raise UsageError(words + them)
    return found[0]


def meant(token: Token, part: str) -> bool:
    """Whether this may be the one: names look like parts of ids, so neither wins over the other."""
    named = token.name == part and token.revoked_at is None
    return named or (bool(part) and (token.id.startswith(part) or token.id.endswith(part)))
