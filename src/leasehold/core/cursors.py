"""Places in lists that are no pages of tasks: text that a list gives out and takes back, and that no other list takes.

A place is what a row is sorted by, never a number of rows: whatever comes or goes meanwhile, no row is told twice.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar, cast

from leasehold.core.errors import BadCursor

T = TypeVar("T")
Place = tuple[int | str, ...]
PAGE = 500
LONGEST = 10_000
"""Characters of a cursor: a message in a group of failures is not in it, a name may be."""
LARGEST = 2**63 - 1
"""The largest number that a ledger keeps."""


class Listing(NamedTuple, Generic[T]):
    """One kind of list: its name, of what types the parts of a place are, and where a row stands in it."""

    name: str
    types: tuple[type[int | str], ...]
    place: Callable[[T], Place]

    def cursor(self, row: T) -> str:
        """The place behind this row."""
        return base64.urlsafe_b64encode(json.dumps([self.name, *self.place(row)]).encode()).decode().rstrip("=")

    def read(self, cursor: str | None) -> Place | None:
        """The place that it was made of; ``None``: the beginning. Raises ``BadCursor`` for one of another list."""
        if cursor is None:
            return None
        found = parts(cursor)
        if not found or not isinstance(found[0], str):
            raise BadCursor(f"{cursor[:100]!r} is no page cursor. Take the one that came with the page before, or none")
        if found[0] != self.name or tuple(map(type, found[1:])) != self.types:
            raise BadCursor(f"this page cursor is none of {self.name}. Begin again without a cursor")
        return cast("Place", tuple(found[1:]))

    def cut(self, found: Sequence[T], limit: int) -> tuple[Sequence[T], str | None]:
        """Of one more than is wanted: those wanted, and the cursor of the next page if there is one."""
        return found[:limit], self.cursor(found[limit - 1]) if len(found) > limit else None

    def walk(self, ask: Callable[[int, str | None], Sequence[T]], limit: int) -> Iterator[T]:
        """Up to so many rows, a page at a time."""
        cursor: str | None = None
        while limit > 0:
            page = min(PAGE, limit)
            rows, cursor = self.cut(ask(page + 1, cursor), page)
            yield from rows
            limit -= len(rows)
            if cursor is None:
                return


def parts(cursor: str) -> list[object]:
    """What a cursor was made of; nothing where it is none, or holds what no ledger can be asked for."""
    if len(cursor) > LONGEST:
        return []
    try:
        found: object = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        return []
    told = cast("list[object]", found) if isinstance(found, list) else []
    return told if all(map(can_be_kept, told)) else []


def can_be_kept(value: object) -> bool:
    """Whether a ledger can hold a value, be it a number or text.

    A NUL, which filters refuse, may stand in names of some ledgers, and a list takes back what it gave out.
    """
    if isinstance(value, str):
        return not any("\ud800" <= char <= "\udfff" for char in value)  # half a surrogate pair has no UTF-8
    return isinstance(value, int) and -LARGEST <= value <= LARGEST
