"""Ed25519 signatures of task messages, by the package cryptography. Imported only where a key is set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from leasehold.core.errors import BadSettings, MalformedMessage
from leasehold.core.wire.signature import Signed, joined, key_id, taken_apart, to_sign


class Signer:
    """Signs task messages: the orchestrator's side. One signature costs about 26 us of CPU (``bench.signing``)."""

    def __init__(self, secret: bytes) -> None:
        """``secret``: the 32 bytes of an Ed25519 private key (RFC 8032)."""
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes_raw()
        self.kid = key_id(self.public)

    def __call__(self, payload: str) -> str:
        """The body to send."""
        return joined(Signed(self.kid, self._key.sign(to_sign(self.kid, payload)), payload))


class Verifier:
    """Takes task messages that one of several keys has signed, and no others: the worker's side. About 80 us each."""

    def __init__(self, public_keys: Sequence[bytes]) -> None:
        """Raises ``BadSettings`` for bytes that are no public key."""
        self._keys: dict[str, Ed25519PublicKey] = {}
        for public in public_keys:
            try:
                self._keys[key_id(public)] = Ed25519PublicKey.from_public_bytes(public)
            except ValueError as error:
                raise BadSettings(f"verify_keys: {public.hex()} is no Ed25519 public key: {error}") from error

    def __call__(self, body: object) -> object:
        """What was signed, byte by byte. Raises ``MalformedMessage`` for everything else."""
        signed = taken_apart(body) if isinstance(body, str) else None
        if signed is None:
            raise MalformedMessage("it is not signed, and this worker takes signed messages only (verify_keys)")
        key = self._keys.get(signed.kid)
        if key is None:
            raise MalformedMessage(f"it is signed with key {signed.kid}, which is not among this worker's verify_keys")
        try:
            key.verify(signed.signature, to_sign(signed.kid, signed.payload))
        except InvalidSignature:
            raise MalformedMessage(
                f"its signature does not fit it: not made with key {signed.kid}, or changed since"
            ) from None
        return signed.payload


class Pair(NamedTuple):
    """A new key: both halves in hex, as the settings take them, and what it is called."""

    signing_key: str
    verify_key: str
    kid: str


def make_pair() -> Pair:
    """A new pair, from the system's randomness."""
    secret = Ed25519PrivateKey.generate().private_bytes_raw()
    signer = Signer(secret)
    return Pair(secret.hex(), signer.public.hex(), signer.kid)
