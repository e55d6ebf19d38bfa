"""Sessions of browsers: a signed cookie that names a token. Nothing is stored: a server that starts again knows it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple

from leasehold.core.units import HOUR, SECOND

COOKIE = "leasehold_session"
LASTING = 12 * HOUR
PARTS = 4


class Session(NamedTuple):
    """Somebody who logged in: by which token, until when (ms by the ledger's clock), and as which browser."""

    token_id: str
    until: int
    nonce: str


class Seal:
    """Makes and reads cookies. ``key``: whoever has it can be anybody."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def began(self, token_id: str, now: int) -> str:
        """The cookie of a new session."""
        value = f"{token_id}.{now + LASTING}.{secrets.token_urlsafe(12)}"
        return f"{value}.{self._mac('session', value)}"

    def read(self, cookie: str, now: int) -> Session | None:
        """The session of a cookie; ``None`` where it is none of ours, or over."""
        value, _, mac = cookie.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac("session", value).encode()):
            return None
        token_id, until, nonce = value.split(".")
        return Session(token_id, int(until), nonce) if int(until) > now else None

    def csrf(self, cookie: str) -> str:
        """What a page of this session has to send back: another page cannot know it."""
        return self._mac("csrf", cookie)

    def _mac(self, use: str, value: str) -> str:
        return hmac.new(self._key, f"{use}|{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def cookie(value: str, *, secure: bool, seconds: int = LASTING // SECOND) -> str:
    """The header that sets it: no script reads it, and no other site makes a browser send it."""
    return f"{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
