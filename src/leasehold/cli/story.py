"""One task with all that is known of it, drawn for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from leasehold.cli.output import Column, clean, console, show_table, status_style
from leasehold.cli.tools import Tools
from leasehold.core.model import Audit, Failure
from leasehold.core.printable import printable
from leasehold.core.transitions import state_name
from leasehold.core.units import say_bytes, say_duration
from leasehold.flow.explain import say_instant
from leasehold.ports.views import RunView, TaskView

INDENT = 2
LONGEST = 2_000
"""Characters of arguments and results that are shown; ``--json`` has them whole."""


def tell(view: TaskView, runs: Sequence[RunView], trail: Sequence[Audit], tools: Tools) -> None:
    """Print it."""
    from rich.text import Text

    task = view.task
    out = console()
    heading = Text(f"{task.name} ", "bold")
    heading.append(state_name(task.status, task.why), status_style(task.status))
    out.print(heading)
    for name, value in facts(view, tools):
        label = f"{name:>12}  "
        out.print(Text.assemble((label, "bright_black"), clean(value)), soft_wrap=False)
    if runs:
        click.echo()
        show_table(list(enumerate(runs, 1)), run_columns(tools), "")
    failed = [(number, run.failure) for number, run in enumerate(runs, 1) if run.failure is not None]
    for number, failure in failed:
        click.echo(f"\nrun {number}: {failure_text(failure, whole=number == failed[-1][0])}")
    if trail:
        click.echo()
        show_table(trail, trail_columns(tools), "")


def facts(view: TaskView, tools: Tools) -> Iterator[tuple[str, str]]:
    """What there is to say of the task itself, name by name."""
    task = view.task
    yield "id", task.id
    named = ("key", view.key), ("batch", task.batch), ("tenant", view.tenant)
    yield from ((name, value) for name, value in named if value)
    yield "queue", task.queue + (f", priority {task.priority}" if task.priority else "")
    yield "submitted", say_instant(task.created_at, tools.now(), tools.zone)
    if task.ended_at is not None:
        yield "ended", say_instant(task.ended_at, tools.now(), tools.zone)
    yield "policy", f"lease {say_duration(task.policy.lease)}, {used(view)}"
    if task.members > 1:
        yield "bundle", f"its message holds {task.members} tasks"
    elif task.policy.bundle > 1:
        alone = "it goes by itself: its bundle came to grief" if not task.members else "its message holds no other"
        yield "bundle", f"{alone}; up to {task.policy.bundle} tasks may share one"
    if task.reason:
        yield "reason", task.reason
    if view.fraction is not None or view.note:
        yield "progress", f"{view.fraction or 0:.0%} {view.note or ''}"
    yield "arguments", cut(view.arguments, view.arguments_ref)
    if view.result is not None or view.result_ref is not None:
        yield "result", cut(view.result, view.result_ref)


def used(view: TaskView) -> str:
    """What its budgets have paid."""
    task = view.task
    return f"{task.attempts} of {task.policy.attempts} attempts and {task.losses} of {task.policy.losses} losses used"


def cut(text: str | None, ref: str | None) -> str:
    """A value, or where it is."""
    if text is None:
        return f"in the store: {ref}" if ref else "none"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({say_bytes(len(text))}; --json has all of it)"


def failure_text(failure: Failure, *, whole: bool) -> str:
    """How a run failed; with its traceback if ``whole``."""
    where = f" in {failure.frame}" if failure.frame else ""
    head = f"{failure.type}{where}: {failure.message}" if failure.type else failure.message
    return printable(f"{head}\n{failure.traceback}".rstrip() if whole else head)


def run_columns(tools: Tools) -> list[Column[tuple[int, RunView]]]:
    """The runs of a task."""
    return [
        Column("RUN", lambda row: str(row[0]), right=True),
        Column("WORKER", lambda row: row[1].worker or "", give=True),
        Column("STARTED", lambda row: time(row[1].started_at, tools)),
        Column("TOOK", lambda row: took(row[1]), right=True),
        Column("OUTCOME", lambda row: ending(row[1]), style=lambda row: status_style(row[1].outcome or "")),
        Column("DONE", lambda row: "" if row[1].fraction is None else f"{row[1].fraction:.0%}", right=True),
        Column("TOKEN", lambda row: f"{row[1].n}.{row[1].r}", wide=True),
        Column("LEASE UNTIL", lambda row: time(row[1].lease_until, tools), wide=True),
        Column("LOG", lambda row: say_bytes(row[1].log_bytes) if row[1].log_bytes else "", wide=True, right=True),
        Column("NOTE", lambda row: row[1].note or "", give=True),
    ]


def trail_columns(tools: Tools) -> list[Column[Audit]]:
    """The audit trail of a task."""
    return [
        Column("AT", lambda line: time(line.at, tools)),
        Column("WHAT", lambda line: line.kind),
        Column("STATUS AFTER", lambda line: line.after, style=lambda line: status_style(line.after.split("/")[0])),
        Column("TOKEN", lambda line: f"{line.n}.{line.r}" if line.r else "", wide=True),
        Column("DETAIL", lambda line: line.detail or "", give=True),
    ]


def time(instant: int | None, tools: Tools) -> str:
    """``14:03:07``, or nothing."""
    return "" if instant is None else say_instant(instant, tools.now(), tools.zone).rsplit(" (", 1)[0]


def took(run: RunView) -> str:
    """How long a run lasted."""
    if run.started_at is None or run.ended_at is None:
        return ""
    return say_duration(max(0, run.ended_at - run.started_at))


def ending(run: RunView) -> str:
    """How a run ended, also when nobody told."""
    if run.outcome is not None:
        return run.outcome
    return "lost" if run.lost_at is not None else "going on"
