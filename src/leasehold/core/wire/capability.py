"""What entitles a worker to report on a task: it was given that dispatch of it."""

from __future__ import annotations

import hmac

SIZE = 16
"""Bytes of the code that are kept: 128 bits cannot be guessed, and half the characters travel."""


def capability(key: bytes, task_id: str, n: int) -> str:
    """HMAC-SHA256 of (task id, n) under the orchestrator's key, its first 128 bits in hex.

    ``hmac.digest`` is OpenSSL's one-shot call: 1.6 us, so nothing is gained by keeping a keyed state for a batch.
    """
    return hmac.digest(key, f"{task_id}:{n}".encode(), "sha256")[:SIZE].hex()


def verify(key: bytes, task_id: str, n: int, claimed: str) -> bool:
    """Whether ``claimed`` is the capability of (task id, n), in a time that does not depend on where it differs."""
    return hmac.compare_digest(capability(key, task_id, n), claimed)
