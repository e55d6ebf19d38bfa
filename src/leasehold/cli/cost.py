"""``leasehold cost``: what the queues cost, and for what."""

from __future__ import annotations

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import DURATION, with_json, with_ledger
from leasehold.cli.output import Column, emit, plural, say, show_table
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.costing import SOURCE, Bill, Line, Place, Prices, Wasted
from leasehold.core.metering import Cause
from leasehold.core.units import DAY, say_duration
from leasehold.flow import cost_shapes
from leasehold.flow.costing import Costs, Wanted, costs
from leasehold.settings import Settings

TOGETHER = "together"


@click.command(cls=Command)
@click.option("--since", type=DURATION, default=DAY, help="How far back, in whole hours. Default: 24h.")
@click.option("--queue", metavar="NAME", help="Only this queue, with its share of what all queues share.")
@click.option("--batch", metavar="BATCH", help="Only this batch: its share of its queues.")
@with_ledger
@with_json
@pass_tools
def cost(tools: Tools, since: int, queue: str | None, batch: str | None, ledger: str | None, *, as_json: bool) -> None:
    """Show requests to the queues and what they cost, by cause and per 1,000 tasks, and what was wasted.

    Counted by whoever talks to a queue, kept by the hour for 92 days. The last minute is not in it yet. Prices are
    settings: price_standard, price_fifo, price_slot_hour.

    Examples:
      leasehold cost
      leasehold cost --since 7d --queue media
    """
    settings = tools.existing(ledger)
    with tools.opened(settings) as system:
        now = tools.now()
        wanted = Wanted(now - since, queue, batch)
        found = costs(system.views, place_of(settings), prices_of(settings), wanted, now)
    if as_json:
        emit(
            {**cost_shapes.costs(found), "prices": {"place": place_of(settings).value, **prices_of(settings)._asdict()}}
        )
        return
    tell(found, settings)


def place_of(settings: Settings) -> Place:
    """Where these queues are."""
    if settings.sqs is None:
        return Place.DATABASE
    return Place.FIFO if settings.sqs.fifo else Place.SQS


def prices_of(settings: Settings) -> Prices:
    """What these settings say."""
    return Prices(settings.price_standard, settings.price_fifo, settings.price_slot_hour)


def tell(found: Costs, settings: Settings) -> None:
    """Print it for people."""
    whole = found.bill
    say(f"{plural(whole.tasks, 'task')} ended in the last {say_duration(found.until - found.since)}.")
    if whole.lines:
        click.echo()
        show_table([*whole.lines, Line(Cause.OTHER, whole.total, whole.dollars)], lines(whole), "")
        click.echo()
        show_table(found.wasted, WASTED, "")
    click.echo()
    for sentence in (*found.notes, *priced(settings)):
        say(f"Note: {sentence}.")


def priced(settings: Settings) -> list[str]:
    """Which prices were used, and whose they are."""
    if settings.sqs is None:
        return []
    prices = prices_of(settings)
    used = f"${prices.standard:g} for a million requests to standard queues"
    if settings.sqs.fifo:
        used += f", ${prices.fifo:g} to FIFO queues"
    default = (prices.standard, prices.fifo) == (Prices().standard, Prices().fifo)
    return [f"prices: {used}{f' ({SOURCE})' if default else ', as set'}"]


def lines(whole: Bill) -> list[Column[Line]]:
    """One row for each cause; the last one is their sum."""
    named = {id(line) for line in whole.lines}

    def thousand(amount: float, digits: str) -> str:
        part = whole.per_thousand(amount)
        return "?" if part is None else format(part, digits)

    return [
        Column("FOR", lambda line: line.cause.value if id(line) in named else TOGETHER),
        Column("REQUESTS", lambda line: f"{line.tally.requests:,}", right=True),
        Column("BILLED", lambda line: f"{line.tally.billed:,}", right=True),
        Column("MESSAGES EACH", each_request, right=True),
        Column("PER 1,000", lambda line: thousand(line.tally.requests, ",.1f"), right=True),
        Column("$", lambda line: dollars(line.dollars), right=True),
        Column("$ PER 1,000", lambda line: thousand(line.dollars, ".6f"), right=True),
        Column("FAILED", lambda line: f"{line.tally.failed:,}", right=True, wide=True),
    ]


def each_request(line: Line) -> str:
    """How full requests were, where that says something."""
    if not line.tally.messages or not line.tally.requests or line.cause is Cause.OTHER:
        return ""
    return f"{line.tally.messages / line.tally.requests:.1f}"


def dollars(amount: float | None) -> str:
    """Enough digits to be read."""
    if amount is None:
        return "?"
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:.6f}"


def how_much(one: Wasted) -> str:
    """Requests, or runs and their time."""
    if one.what == "idle polls":
        return plural(one.requests, "request")
    return plural(one.runs, "run") + (f", {say_duration(one.ms)}" if one.runs else "")


WASTED = [
    Column[Wasted]("WASTED ON", lambda one: one.what),
    Column[Wasted]("HOW MUCH", how_much),
    Column[Wasted]("$ OF REQUESTS", lambda one: dollars(one.requests_dollars), right=True),
    Column[Wasted]("$ OF TIME", lambda one: "" if one.what == "idle polls" else dollars(one.time_dollars), right=True),
]
