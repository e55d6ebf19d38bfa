"""Bulk operations: which tasks one may change, and whether a task that was found for it is still what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from leasehold.core.errors import BadFilter
from leasehold.core.events import Event
from leasehold.core.filters import Filter, grouped, parse
from leasehold.core.machine import decide
from leasehold.core.model import RETRIABLE, TERMINAL, Decision, Ignored, Status, Task
from leasehold.core.transitions import state_name

MOVABLE: Mapping[str, frozenset[Status]] = {"cancel": frozenset(Status) - TERMINAL, "retry": RETRIABLE}
"""In which status a task is that an operation of this kind can change."""

Decide = Callable[[Task, Event, int], Decision | Ignored]
"""``decide``, or what takes its place."""


def concerned(kind: str, filter_: str) -> Filter:
    """The filter of an operation, without the states in which it changes nothing.

    Raises ``BadFilter`` as ``parse``, and for a kind of operation that a newer version may know.
    """
    asked = parse(filter_)
    if kind not in MOVABLE:
        raise BadFilter(f"this version cannot carry out {kind!r}, only {' and '.join(MOVABLE)}")
    return asked._replace(states=tuple(state for state in asked.states if state.partition("/")[0] in MOVABLE[kind]))


def gone(task_id: str) -> str:
    """What to tell of an operation that stood at, or was to end with, a task that is no more."""
    return (
        f"nobody knows any more how far it had come: task {task_id}, at which it stood or was to end, is gone. "
        "What it did stays done; give it again for the rest"
    )


def deciding(asked: Filter) -> Decide:
    """``decide`` for tasks that were found by this filter a moment ago: one that has moved on since is left as it is.

    Of all that a filter asks for, only a task's state and its group of failures ever change.
    """

    def decide_as_asked(task: Task, event: Event, now: int) -> Decision | Ignored:
        state = state_name(task.status, task.why)
        if state not in asked.states or not grouped(asked.group, task.error_group):
            return Ignored(task, f"it is {state} by now, and not what the operation asks for")
        return decide(task, event, now)

    return decide_as_asked
