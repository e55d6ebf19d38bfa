"""Which messages go into one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leasehold.ports.queue import Message

ENTRIES = 10
CEILING = 1_048_576
"""Bytes of all bodies of one request, and of one alone (API Reference, SendMessageBatch)."""


def size(body: str) -> int:
    """Bytes of UTF-8."""
    return len(body) if body.isascii() else len(body.encode())


def requests(messages: Sequence[Message], positions: Sequence[int]) -> Iterator[list[int]]:
    """The positions, cut into requests that SQS takes."""
    request: list[int] = []
    total = 0
    for position in positions:
        bytes_ = size(messages[position].body)
        if request and (len(request) == ENTRIES or total + bytes_ > CEILING):
            yield request
            request, total = [], 0
        request.append(position)
        total += bytes_
    if request:
        yield request


def tens(positions: Sequence[int]) -> list[Sequence[int]]:
    """The positions, ten at a time."""
    return [positions[start : start + ENTRIES] for start in range(0, len(positions), ENTRIES)]
