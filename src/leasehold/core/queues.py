"""How queues may be named: so that every kind of queue can have the name, and a worker's setting can list it."""

from __future__ import annotations

import re

from leasehold.core.errors import UsageError

QUEUE_PATTERN = "[A-Za-z0-9_-]{1,64}"
NAMED = "letters, digits, - and _"


def is_queue(name: str) -> bool:
    """Whether a queue may be called so."""
    return re.fullmatch(QUEUE_PATTERN, name) is not None


def check_queue(name: str, whose: str) -> None:
    """Raise ``UsageError`` for a name that no worker could serve; ``whose`` says who is to wait there."""
    if not is_queue(name):
        raise UsageError(
            f"queue {name[:100]!r} of {whose}: no worker could serve it. Name it in 1 to 64 {NAMED}, such as media"
        )
