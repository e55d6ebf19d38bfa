"""Pages of lists that go on behind a cursor: what each of them has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from leasehold.core.cursors import Listing
from leasehold.core.errors import BadCursor

T = TypeVar("T")
LIMIT = 50
"""Rows of a page."""


class Part(NamedTuple, Generic[T]):
    """A part of a list; ``first`` and ``older`` are addresses, where there is such a page."""

    rows: Sequence[T]
    first: str | None
    older: str | None
    wrong: str | None = None


def part_of(
    listing: Listing[T], ask: Callable[[int, str | None], Sequence[T]], path: str, cursor: str | None
) -> Part[T]:
    """The part behind a cursor. One of another list is told beside the list, not instead of it."""
    try:
        rows, after = listing.cut(ask(LIMIT + 1, cursor or None), LIMIT)
    except BadCursor as error:
        return Part((), path, None, str(error))
    older = f"{path}?{urlencode({'cursor': after})}" if after else None
    return Part(rows, path if cursor else None, older)
