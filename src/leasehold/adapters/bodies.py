"""What may be in a message, the same for every queue: a laptop refuses what SQS would refuse."""

from __future__ import annotations

import re

FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""SQS takes the characters of XML 1.0 and no others."""


def refusal(body: str, limit: int) -> str | None:
    """Why a queue will never take this body, or ``None``. ``limit`` is in bytes of UTF-8."""
    if not body:
        return "the body is empty"
    if not (body.isascii() and body.isprintable()):  # what we send is; the search costs ten times as much
        if (found := FORBIDDEN.search(body)) is not None:
            return f"the body holds the character U+{ord(found[0]):04X}, which queues do not take"
        size = len(body.encode())
    else:
        size = len(body)
    return f"the body has {size:,} bytes; the queue takes {limit:,}" if size > limit else None
