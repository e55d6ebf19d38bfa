"""``leasehold plan``: time, requests, cost and load of so many tasks on so many workers, before they are started."""

from __future__ import annotations

from collections.abc import Callable

import click

from leasehold.cli.commands import Command
from leasehold.cli.cost import dollars, prices_of
from leasehold.cli.options import DURATION, SIZE, with_json
from leasehold.cli.output import Column, emit, plural, say, show_table
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.bundles import LARGEST_BUNDLE
from leasehold.core.measured import Backend
from leasehold.core.metering import Cause
from leasehold.core.planning import MOST, Plan
from leasehold.core.planning import plan as planned
from leasehold.core.traffic import SQS_IN_FLIGHT, Work
from leasehold.core.units import FEW, MINUTE, SECOND, say_bytes, say_duration
from leasehold.flow import cost_shapes
from leasehold.settings import Settings

NEVER = "never"
UNKNOWN = "not known"
AMOUNT = click.IntRange(0, MOST)
BUNDLE = click.IntRange(1, LARGEST_BUNDLE)
Fact = tuple[str, str]


@click.command(cls=Command)
@click.argument("tasks", type=AMOUNT)
@click.option("--duration", type=DURATION, required=True, help="How long half of the runs take at most.")
@click.option("--p99", type=DURATION, help="How long 99 of 100 runs take at most. Default: as --duration.")
@click.option("--workers", type=AMOUNT, default=1, show_default=True, help="Machines.")
@click.option("--slots", type=AMOUNT, help="Runs of one worker at once. Default: LEASEHOLD_WORKER_SLOTS.")
@click.option("--lease", type=DURATION, default=30 * MINUTE, help="The handler's lease. Default: 30m.")
@click.option("--bundle", type=BUNDLE, default=1, show_default=True, help="The handler's: tasks that share a message.")
@click.option("--arguments", type=SIZE, default=100, help="Size of one task's arguments. Default: 100.")
@click.option("--result", type=SIZE, default=100, help="Size of one task's result. Default: 100.")
@click.option("--interruptions", type=click.FloatRange(0, MOST), default=0.0, help="Of one worker in an hour (spot).")
@click.option("--checkpoint", type=DURATION, help="How often a run saves one. Default: never.")
@click.option("--orchestrators", type=click.IntRange(1, MOST), default=1, show_default=True, help="Processes.")
@click.option("--database-cores", type=click.IntRange(1, MOST), default=2, show_default=True, help="Of PostgreSQL.")
@click.option("--backend", type=click.Choice([each.value for each in Backend]), help="Default: as the settings say.")
@with_json
@pass_tools
def plan(
    tools: Tools, backend: str | None, slots: int | None, p99: int | None, *, as_json: bool, **given: float | None
) -> None:
    """Say how long TASKS take on so many workers, what they ask of the queues and the database, and what that costs.

    A model with measured constants: good for the order of magnitude and for what comes first. It says what it does not
    know. Nothing is started, and no ledger is needed.

    Examples:
      leasehold plan 100000 --duration 2m --p99 10m --workers 50 --slots 4
      leasehold plan 1000000 --duration 50ms --bundle 100 --lease 60s --workers 20
      leasehold plan 5000 --duration 1h --lease 3h --workers 20 --interruptions 0.1 --checkpoint 5m
    """
    settings = tools.settings()
    work = work_of(settings, backend, slots, p99, given)
    found = planned(work, prices_of(settings))
    if as_json:
        emit(cost_shapes.plan(work, found))
    else:
        tell(work, found)


def work_of(
    settings: Settings, backend: str | None, slots: int | None, p99: int | None, given: dict[str, int | float | None]
) -> Work:
    """What was asked, with what the settings say of the rest."""
    here = backend_of(settings)
    p50 = int(given.pop("duration") or 0)
    work = Work(
        tasks=0,
        p50=p50,
        p99=p50 if p99 is None else p99,
        workers=0,
        slots=settings.worker_slots if slots is None else slots,
        backend=here if backend is None else Backend(backend),
    )
    if work.backend is here:
        work = work._replace(margin=settings.lease_margin, validity=settings.validity)
    return work._replace(**given)


def backend_of(settings: Settings) -> Backend:
    """Where these settings put ledger and queues."""
    if settings.sqs is None:
        return Backend.POSTGRES if settings.ledger_path is None else Backend.FILE
    if settings.topology == "single-queue":
        return Backend.SQS_SINGLE
    return Backend.SQS_FIFO if settings.sqs.fifo else Backend.SQS


def tell(work: Work, found: Plan) -> None:
    """Print it for people."""
    say(f"{plural(work.tasks, 'task')} on {plural(work.workers, 'worker')} of {plural(work.slots, 'slot')}.")
    click.echo()
    show_table(facts(work, found), FACTS, "")
    rows = [(cause, requests(found, cause), found.dollars[cause]) for cause in found.dollars]
    if rows:
        click.echo()
        show_table([*rows, (None, found.requests, sum(found.dollars.values()))], asked(work), "")
    click.echo()
    for sentence in found.warnings:
        say(click.style(f"Warning: {sentence}.", fg="red"))
    for sentence in found.unknown:
        say(f"Not known: {sentence}.")
    say("Measured on 2 cores with tasks that do nothing; docs/cost.md says what this stands on.")


def facts(work: Work, found: Plan) -> list[Fact]:
    """What is to be expected, a line each."""
    first, second = found.limits[:2]
    rows = [
        ("time", NEVER if found.ms is None else say_duration(round(found.ms))),
        ("of which submit", say_duration(round(found.submit_ms))),
        ("rate", f"{per_second(found.rate)}, held by: {first.what}"),
        ("", f"next: {second.what}, at {per_second(second.rate)}"),
        ("runs", amount(found.runs)),
        *in_messages(work, found),
        ("on the queue", f"up to {amount(found.window)} " + waiting(work)),
        ("in flight", f"up to {amount(found.in_flight)} messages" + of_limit(work, found)),
        ("transactions", known(found.transactions, amount)),
        ("ledger grows by", known(found.ledger_bytes, lambda size: say_bytes(round(size)))),
    ]
    if work.backend is not Backend.FILE:
        rows.append(("database's log", known(found.wal_bytes, lambda size: say_bytes(round(size)))))
    slot_time = known(found.slot_hours, lambda hours: f"{hours:,.1f} hours of slots")
    return [*rows, ("work", slot_time + known(found.slot_dollars, lambda price: f", ${dollars(price)}", ""))]


def in_messages(work: Work, found: Plan) -> list[Fact]:
    """How many messages carry the runs, where tasks share them."""
    return [("messages", amount(found.messages))] if work.bundle > 1 else []


def waiting(work: Work) -> str:
    """What of them waits where."""
    return "messages wait" if work.bundle == 1 else "tasks wait, in line behind others of their bundle too"


def of_limit(work: Work, found: Plan) -> str:
    """How much of what SQS allows that is."""
    return f" ({found.in_flight / SQS_IN_FLIGHT:.1%} of SQS's {SQS_IN_FLIGHT:,})" if work.backend.on_sqs else ""


def known(value: float | None, said: Callable[[float], str], otherwise: str = UNKNOWN) -> str:
    """What is not known is said so."""
    return otherwise if value is None else said(value)


def amount(value: float) -> str:
    """A count, roughly."""
    return f"{value:,.0f}"


def per_second(rate: float) -> str:
    """A rate in the unit in which it is a number that one can read."""
    if rate >= 1 or not rate:
        return f"{rate:,.{0 if rate >= FEW or not rate else 1}f} tasks/s"
    return f"{rate * 60:,.1f} tasks/min" if rate * 60 >= 1 else f"{rate * 60 * 60:,.1f} tasks/h"


def requests(found: Plan, cause: Cause) -> float:
    """All for one cause."""
    return sum(each.requests for each in found.asked if each.cause is cause)


Row = tuple[Cause | None, float, float]
FACTS = [Column[Fact]("WHAT", lambda fact: fact[0]), Column[Fact]("EXPECTED", lambda fact: fact[1], give=True)]


def asked(work: Work) -> list[Column[Row]]:
    """One row for each cause; the last one is their sum."""
    return [
        Column("REQUESTS FOR", lambda row: "together" if row[0] is None else row[0].value),
        Column("REQUESTS", lambda row: amount(row[1]), right=True),
        Column("PER 1,000", lambda row: f"{row[1] * SECOND / work.tasks:,.1f}", right=True),
        Column("$", lambda row: dollars(row[2]), right=True),
    ]
