"""Which tasks somebody means."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from leasehold.core.errors import NoSuchTask
from leasehold.core.filters import term
from leasehold.ports.views import TaskView, Views

with_ids = click.argument("ids", nargs=-1, metavar="TASK...")
AMBIGUOUS = 10
"""As many as the read side tells of one part."""
SHOWN = 3
SOUGHT = "an id that begins or ends with {!r}, or that key"


def find_task(views: Views, part: str) -> TaskView:
    """The task whose id is, begins or ends with ``part``, or whose key it is."""
    found = views.find_id(part.strip().lower()) if part.strip() else []
    if not found and part.strip():
        found = [view.task.id for view in views.tasks(term("key", part), limit=AMBIGUOUS).rows]
    if len(found) > 1:
        these = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "")
        many = f"{AMBIGUOUS} or more" if len(found) >= AMBIGUOUS else len(found)
        raise NoSuchTask(f"{many} tasks have {SOUGHT.format(part)}: {these}. Give more of the id")
    view = views.task(found[0]) if found else None
    if view is None:
        raise NoSuchTask(f"no task has {SOUGHT.format(part)}. List them: leasehold tasks ls")
    return view


def find_ids(views: Views, parts: Iterable[str]) -> list[str]:
    """The ids that are meant, each once; ``-`` reads more from standard input, one per line."""
    named = [line for part in parts for line in (sys.stdin.read().split() if part == "-" else [part])]
    return list(dict.fromkeys(find_task(views, part).task.id for part in named))


def batch_filter(name: str) -> str:
    """The filter that finds the tasks of one batch."""
    return term("batch", name)
