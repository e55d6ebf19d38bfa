"""Filters over a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from leasehold.adapters.memory.book import Book, Row
from leasehold.core import finding
from leasehold.core.errors import BadFilter
from leasehold.core.filters import MOST_GROUPS, MOST_IDS, Choice, Filter, begins, check_groups, fits, grouped, starts
from leasehold.core.redaction import Redaction
from leasehold.core.transitions import state_name
from leasehold.ports.views import Bound


def matcher(book: Book, asked: Filter, now: int, newest: int | None = None) -> Callable[[Row], bool]:
    """Whether a task matches. Raises ``BadFilter`` for ids of tasks or groups that begin too many.

    ``newest``: of tasks with higher numbers nothing is asked.
    """
    ids = [row.task.id for row in book.rows.values() if newest is None or row.number <= newest]
    for beginning in (*asked.id.wanted, *asked.id.unwanted):
        if sum(task_id.startswith(beginning) for task_id in ids) > MOST_IDS:
            raise BadFilter(f"id:{beginning} begins the ids of over {MOST_IDS:,} tasks. Write more of the id")
    groups = {row.task.error_group or "" for row in book.rows.values()} if asked.group != Choice() else set[str]()
    for beginnings, most in ((asked.group.wanted, MOST_GROUPS), (asked.group.unwanted, MOST_IDS)):
        check_groups(beginnings, sum(starts(group, beginnings) for group in groups), most)

    def matches(row: Row) -> bool:
        task = row.task
        age = now - task.created_at
        return (
            state_name(task.status, task.why) in asked.states
            and fits(asked.name, task.name)
            and fits(asked.queue, task.queue)
            and fits(asked.batch, task.batch or "")
            and chosen(asked.key, row.key)
            and begins(asked.id, task.id)
            and grouped(asked.group, task.error_group)
            and (not asked.older or age >= asked.older)
            and (asked.younger is None or age <= asked.younger)
            and (not asked.args or finding.fitting(row.arguments, asked.args))
        )

    return matches


class Looked(NamedTuple):
    """Rows that match, newest first, and what was left out."""

    rows: list[Row]
    bound: Bound | None


def look(book: Book, asked: Filter, now: int) -> Looked:
    """Find what matches; of arguments that nobody declares, among as many of the newest tasks as a database looks at.

    Raises ``BadFilter`` as ``matcher``, and for arguments that are shown to nobody.
    """
    finding.check_shown(asked.args, Redaction())
    matches = matcher(book, asked._replace(args=()), now)
    rows = [row for row in reversed(book.rows.values()) if matches(row)]
    if not asked.args:
        return Looked(rows, None)
    declared = by_index(book, asked)
    others = [row for row in rows if row.task.name not in declared]
    left_out = {row.number for row in others[finding.LOOKED_AT :]}
    fitting = [row for row in rows if row.number not in left_out and finding.fitting(row.arguments, asked.args)]
    handlers = sorted({row.task.name for row in book.rows.values() if fits(asked.name, row.task.name)} - declared)
    cut = Bound(finding.LOOKED_AT, handlers if declared else (), asked.args[0][0])
    return Looked(fitting, cut if left_out else None)


def by_index(book: Book, asked: Filter) -> set[str]:
    """Handlers that are meant and declare one of the arguments that are asked for."""
    wanted = {name for name, choice in asked.args if choice.wanted}
    if asked.id.wanted or asked.key.wanted:
        return set()
    there = {row.task.name for row in book.rows.values()}
    return {name for name, argument in book.declared if argument in wanted and fits(asked.name, name) and name in there}


def chosen(choice: Choice, value: str | None) -> bool:
    """Whether a choice leaves a value that may be missing."""
    return not choice.wanted if value is None else fits(choice, value)
