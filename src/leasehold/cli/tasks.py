"""``leasehold tasks``: list, show, read logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import cast

import click

from leasehold.cli.change import cancel, retry
from leasehold.cli.commands import Group
from leasehold.cli.export import check_format, export_to, with_format, with_output
from leasehold.cli.find import find_task
from leasehold.cli.options import with_json, with_ledger, with_limit
from leasehold.cli.output import Column, emit, emit_lines, note, plural, short, show_table, status_style
from leasehold.cli.story import tell, trail_columns
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import NoSuchTask
from leasehold.core.model import Audit
from leasehold.core.transitions import state_name
from leasehold.core.units import CEILING
from leasehold.flow import shapes
from leasehold.flow.explain import say_age
from leasehold.flow.large import log_of
from leasehold.flow.lookup import story_of
from leasehold.ports.views import TaskView, Views

PAGE = 500
MADE_UP = re.compile("[0-9a-f]{32}")
"""Keys that `run` makes of a row."""


@click.group(cls=Group)
def tasks() -> None:
    """List, show, retry and cancel tasks; read their logs."""


tasks.add_command(retry)
tasks.add_command(cancel)


@tasks.command("ls")
@click.argument("filters", nargs=-1, metavar="[FILTER]...")
@with_limit
@with_ledger
@with_json
@pass_tools
def ls(tools: Tools, filters: tuple[str, ...], limit: int, ledger: str | None, *, as_json: bool) -> None:
    """List tasks, newest first; with --json one JSON object per line.

    FILTERs are words like status:failed; all of them must fit. Commas mean or, a leading - means not (after --).

      status:   pending, in_progress, completed, failed, cancelled
      why:      blocked, scheduled, due, queued, lapsed (of pending tasks)
      name:     the handler        queue:    the queue
      batch:    the batch          key:      the key
      group:    of `failures`      id:       how the id begins
      age:      since it was submitted, as in age:>1h or age:<10m
      args.X:   what argument X is, as in args.episode:42 or args.source.bucket:in

    Values with spaces are quoted, a quote in one is written twice: 'key:"two words"'. Arguments that the handler
    does not declare (find=) are looked for among the newest 10,000 tasks that fit the rest.

    Examples:
      leasehold tasks ls
      leasehold tasks ls status:failed,cancelled batch:november --limit 200
      leasehold tasks ls 'age:>1h' status:pending
      leasehold tasks ls status:pending --json | jq -r .id
    """
    filter_ = " ".join(filters)
    with tools.system(ledger) as system:
        views = system.views
        if as_json:
            emit_lines(shapes.task(view) for view in paged(views, filter_, limit))
            return
        found = list(paged(views, filter_, limit))
        show_table(found, columns(tools.now()), "No task fits." if filter_ else "There are no tasks yet.")
        if len(found) == limit and (all_ := views.count(filter_, CEILING + 1)) > limit:
            note(f"{limit:,} of {plural(all_, 'task', CEILING)}; --limit shows more.")


@tasks.command("export")
@click.argument("filters", nargs=-1, metavar="[FILTER]...")
@with_format
@with_output
@with_ledger
@with_json
@pass_tools
def export(
    tools: Tools, filters: tuple[str, ...], format_: str, output: str | None, ledger: str | None, *, as_json: bool
) -> None:
    """Write every task that fits, with arguments, status, result and reason: one per line, newest first.

    FILTERs are those of `tasks ls`. In CSV, cells that a spreadsheet would compute begin with an apostrophe.

    Examples:
      leasehold tasks export status:failed > failed.jsonl
      leasehold tasks export queue:media 'age:<1d' --format csv -o media.csv
    """
    check_format(format_, as_json=as_json)
    with tools.system(ledger, itself=True) as system:
        count = export_to(output, format_, system, " ".join(filters))
    note(f"Exported {plural(count, 'task')}.")


def paged(views: Views, filter_: str, limit: int) -> Iterator[TaskView]:
    """Up to ``limit`` tasks, a page at a time."""
    cursor: str | None = None
    while limit > 0:
        page = views.tasks(filter_, cursor=cursor, limit=min(PAGE, limit))
        if page.bound is not None and cursor is None:
            note(f"This {page.bound}.")
        yield from page.rows
        for sentence in page.unreadable:
            note(f"Left out: {sentence}.")
        limit -= len(page.rows)
        cursor = page.cursor
        if cursor is None:
            return


def columns(now: int) -> list[Column[TaskView]]:
    """What a list of tasks shows."""
    return [
        Column("ID", lambda view: short(view.task.id)),
        Column("STATUS", state, style=lambda view: status_style(view.task.status)),
        Column("HANDLER", lambda view: view.task.name),
        Column("WHAT", what, give=True),
        Column("BATCH", lambda view: view.task.batch or "", wide=True),
        Column("QUEUE", lambda view: view.task.queue, wide=True),
        Column("DONE", done, right=True),
        Column("RUNS LOST/FAILED", lambda view: f"{view.task.losses}/{view.task.attempts}", wide=True, right=True),
        Column("WORKER", lambda view: view.task.worker or "", wide=True, give=True),
        Column("CHANGED", lambda view: say_age(view.task.updated_at, now)),
        Column("REASON", lambda view: view.task.reason or view.note or "", give=True),
    ]


def state(view: TaskView) -> str:
    """``completed``, ``pending/queued``."""
    return state_name(view.task.status, view.task.why)


def what(view: TaskView) -> str:
    """What tells it apart for people: its key, or its arguments where the key is only a hash of them."""
    if view.key and not MADE_UP.fullmatch(view.key):
        return view.key
    given = shapes.parsed(view.arguments)
    if not isinstance(given, dict):
        return ""
    return " ".join(f"{name}={value}" for name, value in cast("dict[str, object]", given).items())


def done(view: TaskView) -> str:
    """``45%``, as far as its runs told."""
    return "" if view.fraction is None or view.task.terminal else f"{view.fraction:.0%}"


@tasks.command("show")
@click.argument("id", metavar="TASK")
@with_ledger
@with_json
@pass_tools
def show(tools: Tools, id: str, ledger: str | None, *, as_json: bool) -> None:
    """Show one task: where it stands, arguments, result, every run, its whole story.

    TASK is its id, the beginning or end of that, or its key. Of a task that is not kept any more the trail is shown,
    by its whole id, as long as that is kept.

    Example:
      leasehold tasks show 8f3a02c1
    """
    with tools.system(ledger) as system:
        try:
            view = find_task(system.views, id)
        except NoSuchTask:
            if not show_forgotten(id, system.views.audit(id.strip()), tools, as_json=as_json):
                raise
            return
        story = story_of(system.views, view)
        if as_json:
            emit(shapes.whole_task(*story))
        else:
            tell(*story, tools)


def show_forgotten(id: str, trail: Sequence[Audit], tools: Tools, *, as_json: bool) -> bool:
    """All that is left of a task that ended long ago; whether there is anything."""
    if trail and as_json:
        emit({"id": id, "forgotten": True, "trail": [shapes.line(one) for one in trail]})
    elif trail:
        click.echo(f"Task {id} is not kept any more; this is its trail.\n")
        show_table(trail, trail_columns(tools), "")
    return bool(trail)


@tasks.command("logs")
@click.argument("id", metavar="TASK")
@click.option("--run", "which", type=click.IntRange(1), help="Only that run, as `tasks show` numbers them.")
@with_ledger
@with_json
@pass_tools
def logs(tools: Tools, id: str, which: int | None, ledger: str | None, *, as_json: bool) -> None:
    """Print what the runs of a task wrote: output, errors and logging. With --json one object per run and line.

    Examples:
      leasehold tasks logs 8f3a02c1
      leasehold tasks logs 8f3a02c1 --run 2
    """
    with tools.system(ledger) as system:
        view = find_task(system.views, id)
        runs = system.views.runs(view.task.id)
        chosen = [(number, run) for number, run in enumerate(runs, 1) if which in (None, number)]
        if which is not None and not chosen:
            raise click.UsageError(f"there is no run {which}: the task has had {plural(len(runs), 'run')}")
        texts = [(number, run, log_of(lambda: system.store, run)) for number, run in chosen]
    if as_json:
        emit_lines({"run": number, **shapes.run(run), "log": text} for number, run, text in texts)
        return
    for number, run, text in texts:
        note(f"--- run {number} on {run.worker or 'an unknown worker'}: {run.outcome or 'not ended'}")
        click.echo(text, nl=bool(text) and not text.endswith("\n"))
