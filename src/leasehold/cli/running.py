"""How ``leasehold run`` goes: check, submit, watch, sum up."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

import click

from leasehold.cli.meter import Counts, Meter, metered
from leasehold.cli.options import whoever
from leasehold.cli.orders import Intake, Terms
from leasehold.cli.output import clean, emit, note, plural
from leasehold.cli.rows import STDIN, Rows, check_columns, check_key, open_rows
from leasehold.cli.run import Options
from leasehold.cli.submit import given
from leasehold.cli.targets import Target, command_target, is_command, target_of
from leasehold.cli.tools import Servants, Tools, system_now
from leasehold.cli.watched import watched
from leasehold.core.model import TERMINAL, Policy, Status
from leasehold.core.units import say_duration
from leasehold.flow.registry import check_lease, parse_lease
from leasehold.settings import Settings

if TYPE_CHECKING:
    from leasehold.assemble import Parts

SOME_FAILED = 1
INTERRUPTED = 130
SHOWN = 20
"""Rejected rows that are printed; ``--json`` tells more."""
TICK = 500
"""ms between two looks when nothing rings."""
REST = 0.1
"""s between two looks however often it rings."""
STOPPING = "Stopping: what runs may end or save first, for half a minute. Ctrl-C again stops at once; nothing is lost."
RETRIED = 500
"""Tasks taken up again per transaction."""


class Result(NamedTuple):
    """What came of a run."""

    intake: Intake
    counts: Counts
    seconds: float
    interrupted: bool

    @property
    def left(self) -> int:
        """Tasks without an outcome."""
        return sum(self.counts.values()) - sum(self.counts.get(status, 0) for status in TERMINAL)

    @property
    def good(self) -> bool:
        """Whether every row is completed."""
        done = self.counts.get(Status.COMPLETED, 0)
        return not self.interrupted and not self.intake.rejections and done == sum(self.counts.values())


def execute(tools: Tools, options: Options) -> None:
    """Run it, and leave with the exit code that says how it went."""
    settings = settings_of(tools, options)
    target = chosen_target(options, settings)
    terms = terms_of(target, options, settings)
    with open_rows(options["file"], options["format_"]) as rows:
        left = [*options["ignored"], *([options["key"]] if options["key"] else [])]
        check_columns(rows, target.handler.name, target.handler.arguments.parameters, list(terms.common), left)
        check_key(rows, options["key"])
        if options["dry_run"]:
            rehearse(rows, terms, as_json=options["as_json"])
            return
        serving = replace(settings, worker_queues=(target.handler.queue,), log_level=quiet(settings.log_level))
        with tools.opened(serving) as system:
            servants = tools.servants(serving, target.spec, options["workers"])
            with watched(serving, system, wanted=options["dashboard"]):
                result = carry_out(system, servants, rows, terms, retry=options["retry_failed"])
    tell(result, terms, as_json=options["as_json"])
    if result.interrupted:
        raise click.exceptions.Exit(INTERRUPTED)
    if not result.good:
        raise click.exceptions.Exit(SOME_FAILED)


def quiet(log_level: str) -> str:
    """Processes of ours talk into a progress line: only of what is wrong, unless somebody debugs."""
    return "warning" if log_level == "info" else log_level


# ---------------------------------------------------------------- check


def settings_of(tools: Tools, options: Options) -> Settings:
    """The settings, with what the command line says."""
    return tools.settings(ledger=options["ledger"], app=options["app"], worker_slots=options["slots"])


def chosen_target(options: Options, settings: Settings) -> Target:
    """The handler, or the command as one."""
    text = options["target"]
    if options["shell"] or is_command(text):
        codes = options["unrecoverable"]
        return command_target(text, shell=options["shell"], name=options["name"], unrecoverable=codes)
    if options["name"] or options["unrecoverable"]:
        raise click.UsageError("--name and --unrecoverable are for commands; a function says these things itself")
    return target_of(text, settings.app)


def terms_of(target: Target, options: Options, settings: Settings) -> Terms:
    """How the rows become tasks."""
    handler, key = target.handler, options["key"]
    common = given(options["common"], None)
    where = "stdin" if options["file"] == STDIN else Path(options["file"]).name
    named = {key} if key is not None and key not in handler.arguments.parameters.names else set[str]()
    return Terms(
        handler,
        policy_of(target, options, settings),
        options["batch"] or f"{handler.name}-{where}",
        key,
        common,
        frozenset({*options["ignored"], *named}),
        settings.payload_limit,
    )


def policy_of(target: Target, options: Options, settings: Settings) -> Policy:
    """The handler's policy, with what the command line says of it."""
    policy = target.handler.policy
    if options["attempts"] is not None:
        policy = policy._replace(attempts=options["attempts"])
    if options["lease"] is not None:
        policy = policy._replace(lease=parse_lease(options["lease"]))
    check_lease(target.handler.name, policy.lease, settings.lease_margin)
    return policy


def rehearse(rows: Rows, terms: Terms, *, as_json: bool) -> None:
    """Look at every row, store nothing."""
    intake = Intake(terms)
    fitting = sum(1 for _ in intake.orders(rows))
    if as_json:
        emit({"dry_run": True, "batch": terms.batch, "fitting": fitting, **rejected_shape(intake)})
    else:
        tell_rejected(intake)
        click.echo(f"{plural(fitting, 'row')} would become tasks of batch {terms.batch!r}; nothing was stored.")
    if intake.rejections:
        raise click.exceptions.Exit(SOME_FAILED)


# ---------------------------------------------------------------- submit and watch


def carry_out(system: Parts, servants: Servants, rows: Rows, terms: Terms, *, retry: bool) -> Result:
    """Submit every row and stay until all have ended, or somebody presses Ctrl-C."""
    began, intake, interrupted = monotonic(), Intake(terms), False
    try:
        with metered(system_now) as meter:
            submit_rows(system, servants, rows, intake)
            if retry:
                retry_failed(system, intake)
            watch(system, servants, terms.batch, meter)
    except KeyboardInterrupt:
        interrupted = True
        note(STOPPING)
    finally:
        servants.stop()
    counts = by_status(system, terms.batch)
    return Result(intake, counts, monotonic() - began, interrupted)


def submit_rows(system: Parts, servants: Servants, rows: Rows, intake: Intake) -> None:
    """Write them to the ledger; whoever works for us starts with the first that is new."""
    for (number, order), answer in system.client.submit_many(intake.orders(rows)):
        intake.note(number, order, answer)
        if intake.submitted == 1:
            servants.start()


def retry_failed(system: Parts, intake: Intake) -> None:
    """Take up again what an earlier run left failed."""
    for start in range(0, len(intake.failed), RETRIED):
        system.client.retry(intake.failed[start : start + RETRIED], by=whoever(), reason="run --retry-failed")


def watch(system: Parts, servants: Servants, batch: str, meter: Meter) -> None:
    """Show how far it is until every task has an outcome."""
    while True:
        counts = by_status(system, batch)
        meter.show(counts)
        if not sum(count for status, count in counts.items() if status not in TERMINAL):
            return
        servants.start()
        servants.check()
        system.bell.wait("ended", TICK)
        sleep(REST)


def by_status(system: Parts, batch: str) -> Counts:
    """How many tasks of a batch stand where."""
    counts: Counter[str] = Counter()
    for cell in system.views.counts(batch=batch):
        counts[cell.status.value] += cell.tasks
    return counts


# ---------------------------------------------------------------- sum up


def tell(result: Result, terms: Terms, *, as_json: bool) -> None:
    """What came of it."""
    intake = result.intake
    if as_json:
        statuses = {status.value: result.counts.get(status, 0) for status in Status}
        emit(
            {
                "batch": terms.batch,
                "handler": terms.handler.name,
                "tasks": sum(result.counts.values()),
                **statuses,
                "left": result.left,
                "submitted": intake.submitted,
                "known": intake.known,
                **rejected_shape(intake),
                "interrupted": result.interrupted,
                "seconds": round(result.seconds, 3),
            }
        )
        return
    tell_rejected(intake)
    click.echo(summary(result, terms))
    for advice in next_steps(result, terms):
        click.echo(advice)


def summary(result: Result, terms: Terms) -> str:
    """The run in one sentence."""
    counts = ", ".join(
        f"{count:,} {status.replace('_', ' ')}" for status, count in sorted(result.counts.items()) if count
    )
    took = say_duration(round(result.seconds * 1_000))
    known = f" ({result.intake.known:,} were there before)" if result.intake.known else ""
    return f"Batch {terms.batch!r}: {plural(sum(result.counts.values()), 'task')}{known}, {counts or 'none'}; {took}."


def next_steps(result: Result, terms: Terms) -> Iterator[str]:
    """What somebody may want to do now."""
    if result.left:
        yield f"{plural(result.left, 'task')} not ended yet; run the same command again to go on."
    if result.counts.get(Status.FAILED, 0):
        yield "See why: leasehold failures. Try those again: run the same command with --retry-failed."
    if result.counts.get(Status.COMPLETED, 0):
        yield f"Results: leasehold batch export {shlex.quote(terms.batch)}"


def tell_rejected(intake: Intake) -> None:
    """Rows that are no tasks, on standard error."""
    for rejected in intake.rejected[:SHOWN]:
        note(f"row {rejected.row}: {clean(rejected.reason)}")
    if intake.rejections > SHOWN:
        note(f"and {intake.rejections - SHOWN:,} rows more")
    if intake.rejections:
        note(f"{plural(intake.rejections, 'row')} did not fit.")


def rejected_shape(intake: Intake) -> dict[str, object]:
    """The same for programs."""
    return {"rejections": intake.rejections, "rejected": [one._asdict() for one in intake.rejected]}
