"""What a worker takes from a child: messages of the right shape, and nothing else.

A child runs the user's code, which may write into the pipe. What it says is held to its shape before any of it is
used, so that a handler can harm its own process and never its worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from leasehold.adapters.slots.frames import (
    BEGAN,
    CANNOT,
    HELLO,
    LITTERED,
    LOADING,
    OUTPUT,
    RAISED,
    RETURNED,
    SAVING,
    SIZE,
    TOLD,
    UNBEGUN,
    YIELDED,
    Garbage,
    Message,
)
from leasehold.adapters.slots.spool import is_name
from leasehold.core.model import FailureKind

Fits = Callable[[object], bool]
MOST_HANDLERS: Final = 10_000
LARGEST: Final = 1 << 62
KINDS: Final = frozenset(kind.value for kind in FailureKind)


def number(value: object) -> bool:
    """An instant, a count, a number of a run: whole, not negative, as a database keeps it."""
    return type(value) is int and 0 <= value < LARGEST


def text(value: object) -> bool:
    """Words."""
    return type(value) is str


def words(value: object) -> bool:
    """Words, or none."""
    return value is None or type(value) is str


def fraction(value: object) -> bool:
    """How far a run is, or nothing."""
    return value is None or isinstance(value, int | float)


def piece(value: object) -> bool:
    """Output."""
    return type(value) is bytes


def value(value: object) -> bool:
    """A text, or the name of its spool file."""
    return type(value) is str or (type(value) is bytes and is_name(value))


def code(value: object) -> bool:
    """An exit code or a signal, or none."""
    return value is None or (type(value) is int and -LARGEST < value < LARGEST)


def pause(value: object) -> bool:
    """How many ms to wait before the next try, or nothing."""
    return value is None or number(value)


def flag(value: object) -> bool:
    """Yes or no."""
    return type(value) is bool


def names(value: object) -> bool:
    """Names of variables."""
    return type(value) is tuple and all(type(each) is str for each in cast("tuple[object, ...]", value))


def kind(value: object) -> bool:
    """What sort of failure it was."""
    return type(value) is str and value in KINDS


def all_of(*fits: Fits) -> Fits:
    """A tuple whose parts fit these, one by one."""

    def check(value: object) -> bool:
        if type(value) is not tuple:
            return False
        parts = cast("tuple[object, ...]", value)
        return len(parts) == len(fits) and all(fit(part) for fit, part in zip(fits, parts, strict=True))

    return check


HANDLER: Final = all_of(text, flag, number, names)


def handlers(value: object) -> bool:
    """The handlers of an application."""
    if type(value) is not list:
        return False
    listed = cast("list[object]", value)
    return len(listed) <= MOST_HANDLERS and all(map(HANDLER, listed))


FAILURE: Final = all_of(all_of(kind, text, text, text, text, code, code), flag, pause)
SHAPES: Final[dict[object, Fits]] = {
    HELLO: all_of(number, handlers),
    CANNOT: all_of(number, text, text, text),
    BEGAN: all_of(number, number, number),
    RETURNED: all_of(number, number, number, number, value, piece, number),
    RAISED: all_of(number, number, number, number, FAILURE, piece, number),
    YIELDED: all_of(number, number, number, number, text, piece, number),
    UNBEGUN: all_of(number, number, number),
    SAVING: all_of(number, number, number, value, fraction, words),
    LOADING: all_of(number, number, number),
    TOLD: all_of(number, number, fraction, words),
    OUTPUT: all_of(number, number, piece, number),
    SIZE: all_of(number, number),
    LITTERED: all_of(number),
}
"""By kind, which is the first part of each message."""


def understood(message: object) -> Message:
    """The message, if a child may say that.

    Raises:
        Garbage: no child of ours says so.
    """
    parts = cast("tuple[object, ...]", message) if type(message) is tuple else ()
    fits = SHAPES.get(parts[0]) if parts and type(parts[0]) is int else None
    if fits is None or not fits(parts):
        raise Garbage
    return parts
