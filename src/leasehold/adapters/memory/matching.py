"""Filters over a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leasehold.adapters.memory.book import Book, Row
from leasehold.core.errors import BadFilter
from leasehold.core.filters import NO_GROUP, Choice, Filter, fits
from leasehold.core.transitions import state_name

MOST = 1_000
"""Tasks that a filter may name by the beginning of their ids."""


def matcher(book: Book, asked: Filter, now: int) -> Callable[[Row], bool]:
    """Whether a task matches. Raises ``BadFilter`` for an id that begins too many tasks' ids."""
    for beginning in (*asked.id.wanted, *asked.id.unwanted):
        if sum(task_id.startswith(beginning) for task_id in book.rows) > MOST:
            raise BadFilter(f"id:{beginning} begins the ids of over {MOST:,} tasks. Write more of the id")

    def matches(row: Row) -> bool:
        task = row.task
        age = now - task.created_at
        return (
            state_name(task.status, task.why) in asked.states
            and fits(asked.name, task.name)
            and fits(asked.queue, task.queue)
            and chosen(asked.batch, task.batch)
            and chosen(asked.key, row.key)
            and begins(asked.id, task.id)
            and grouped(asked.group, task.error_group)
            and age >= asked.older
            and (asked.younger is None or age <= asked.younger)
        )

    return matches


def chosen(choice: Choice, value: str | None) -> bool:
    """Whether a choice leaves a value that may be missing."""
    return not choice.wanted if value is None else fits(choice, value)


def begins(choice: Choice, value: str) -> bool:
    """Whether a choice of beginnings leaves this value."""
    wanted = not choice.wanted or starts(value, choice.wanted)
    return wanted and not starts(value, choice.unwanted)


def grouped(choice: Choice, group: str | None) -> bool:
    """Whether a choice of groups leaves a task of this one."""
    if group is not None:
        return begins(choice, group)
    return (not choice.wanted or NO_GROUP in choice.wanted) and NO_GROUP not in choice.unwanted


def starts(value: str, beginnings: Sequence[str]) -> bool:
    """Whether a value begins with one of these."""
    return any(value.startswith(beginning) for beginning in beginnings)
