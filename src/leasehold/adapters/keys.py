"""Which keys a store takes: the same for every store, so that none of them leads out of a folder."""

from __future__ import annotations

import re

PART = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}"
KEY = re.compile(rf"{PART}(?:/{PART})*", re.ASCII)
LONGEST = 1_024
"""Bytes, as S3 has it."""


def is_key(key: str) -> bool:
    """Whether there can be an object under this key."""
    return len(key) <= LONGEST and KEY.fullmatch(key) is not None


def checked(key: str) -> str:
    """The key, if it is one."""
    if not is_key(key):
        raise ValueError(
            f"{key!r} is no key of a store: write ASCII letters, digits, '-', '_' and '.', in parts divided by '/', "
            "none of which begins with a dot"
        )
    return key
