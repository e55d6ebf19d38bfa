"""Which due tasks share a message: tasks of one handler, under one lease, of one tenant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from leasehold.core.model import Task

LARGEST_BUNDLE = 500
"""Tasks of one message at most."""

BYTES = 240_000
"""Of one bundle at most, as far as they can be told before it is written: any queue takes that, older ones of SQS
too. A task alone may have more."""

OVERHEAD = 300
"""Bytes that a task takes in a message beside its arguments and its trace: id, number, capability, names."""

ESCAPED = 12
"""Bytes of one character in a message, where any of the text is not ASCII."""


class Due(NamedTuple):
    """A task that goes out now, as far as it matters to who goes with it. ``size``: bytes in a message, at most."""

    task: Task
    tenant: str | None
    size: int


class Going(Protocol):
    """A task that was given its dispatch."""

    @property
    def task(self) -> Task:
        """Its hot row."""
        ...


G = TypeVar("G", bound=Going)
NOBODY: tuple[list[int], int] = [], 0


def size_of(*texts: str | None) -> int:
    """Bytes that a task with these texts takes in a message, at most."""
    return OVERHEAD + sum(len(text) * (1 if text.isascii() else ESCAPED) for text in texts if text is not None)


def bundled(due: Iterable[Due]) -> list[list[int]]:
    """The places in ``due`` of the tasks of each message, in the order in which the first of each stands there.

    A task that came to grief in a bundle goes by itself (B1), as do those whose policy says so.
    """
    messages: list[list[int]] = []
    filling: dict[tuple[object, ...], tuple[list[int], int]] = {}
    for place, (task, tenant, size) in enumerate(due):
        most = task.policy.bundle
        alike = task.name, task.policy.lease, most, tenant
        members, used = filling.get(alike, NOBODY) if task.members else NOBODY
        if not members or len(members) >= most or used + size > BYTES:
            members, used = list[int](), 0
            messages.append(members)
        members.append(place)
        if most > 1 and task.members:
            filling[alike] = members, used + size
    return messages


def messages_of(going: Sequence[G]) -> Iterator[Sequence[G]]:
    """Those that were given their dispatch, message by message: the members of a bundle follow each other."""
    start = 0
    while start < len(going):
        end = start + max(1, going[start].task.members)
        yield going[start:end]
        start = end
