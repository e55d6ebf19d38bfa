"""The signed form of a task message: ``ed25519.KID.SIGNATURE.`` in front of the very text that was signed.

Nothing is parsed, sorted or written anew before a signature is checked: what is verified is what is decoded, byte by
byte, and so it covers all that a task message says. The signature itself is made and checked by an adapter.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from leasehold.core.errors import MalformedMessage

BEGINNING = "ed25519."
KID_BYTES = 8
HEAD = re.compile(r"ed25519\.([0-9a-f]{16})\.([0-9a-f]{128})\.")
"""Lower-case hex only: one signature has one spelling."""


class Signed(NamedTuple):
    """A signed message, not yet verified."""

    kid: str
    signature: bytes
    payload: str


def key_id(public_key: bytes) -> str:
    """What a key is called: the first 64 bits of the SHA-256 of the public key, in hex."""
    return hashlib.sha256(public_key).digest()[:KID_BYTES].hex()


def to_sign(kid: str, payload: str) -> bytes:
    """The bytes that are signed: what for and by which key comes first, so that a signature serves for nothing else."""
    return f"leasehold task message 1.{kid}.{payload}".encode("ascii")


def joined(signed: Signed) -> str:
    """The body to send."""
    return f"{BEGINNING}{signed.kid}.{signed.signature.hex()}.{signed.payload}"


def taken_apart(body: str) -> Signed | None:
    """A body's parts, or ``None`` where it does not say that it is signed; raises ``MalformedMessage``."""
    if not body.startswith(BEGINNING):
        return None
    head = HEAD.match(body)
    if head is None or not body.isascii():
        raise MalformedMessage("its signature is none: there are ed25519, key id, signature in lower-case hex, message")
    return Signed(head[1], bytes.fromhex(head[2]), body[head.end() :])


def unwrapped(body: object) -> object:
    """The message without its signature, which is not looked at: for whoever has no key to verify it with."""
    signed = taken_apart(body) if isinstance(body, str) else None
    return body if signed is None else signed.payload
