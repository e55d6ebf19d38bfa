"""Cancel and retry: tasks by id, at once; or all that match a filter, as an operation of the sweeper."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from leasehold.cli.commands import Command
from leasehold.cli.find import find_ids, with_ids
from leasehold.cli.options import confirm, whoever, with_dry_run, with_json, with_ledger, with_reason, with_yes
from leasehold.cli.output import emit, plural
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.units import CEILING, say_count
from leasehold.flow import shapes
from leasehold.flow.changes import Changed, Reach, change, change_all

if TYPE_CHECKING:
    from leasehold.assemble import Parts

with_filter = click.option("--filter", "filter_", metavar="FILTER", help="All that match, such as 'batch:november'.")


class Wish(NamedTuple):
    """What somebody wants done to some tasks."""

    kind: str
    ids: tuple[str, ...]
    filter_: str | None
    reason: str
    yes: bool
    dry_run: bool
    as_json: bool


@click.command("cancel", cls=Command)
@with_ids
@with_filter
@with_reason
@with_yes
@with_dry_run
@with_ledger
@with_json
@pass_tools
def cancel(
    tools: Tools, ids: tuple[str, ...], filter_: str | None, reason: str, ledger: str | None, **flags: bool
) -> None:
    """Cancel tasks, by id or all that match --filter; what is completed stays completed.

    A task that is running is cancelled in the ledger at once; its run is told at its next checkpoint or progress
    call, and ends with its lease at the latest. What it reports then is kept, but does not count.

    Examples:
      leasehold tasks cancel 8f3a02c1
      leasehold tasks cancel --filter 'batch:november status:pending' --reason 'wrong files'
      leasehold tasks ls --json status:pending | jq -r .id | leasehold tasks cancel --yes -
    """
    with tools.system(ledger) as system:
        grant(system, Wish("cancel", ids, filter_, reason, **flags))


@click.command("retry", cls=Command)
@with_ids
@with_filter
@with_reason
@with_yes
@with_dry_run
@with_ledger
@with_json
@pass_tools
def retry(
    tools: Tools, ids: tuple[str, ...], filter_: str | None, reason: str, ledger: str | None, **flags: bool
) -> None:
    """Try failed or cancelled tasks again with fresh budgets, by id or all that match --filter.

    Examples:
      leasehold tasks retry 8f3a02c1
      leasehold tasks retry --filter 'status:failed batch:november'
    """
    with tools.system(ledger) as system:
        grant(system, Wish("retry", ids, filter_, reason, **flags))


def grant(system: Parts, wish: Wish) -> None:
    """Do it, after asking."""
    if bool(wish.ids) == (wish.filter_ is not None):
        raise click.UsageError(f"say which tasks to {wish.kind}: by their ids, or by --filter")
    if wish.filter_ is None:
        by_id(system, wish)
    else:
        by_filter(system, wish, wish.filter_)


def by_id(system: Parts, wish: Wish) -> None:
    """A few tasks, at once."""
    ids = find_ids(system.views, wish.ids)
    if wish.dry_run:
        announce(
            wish, {"dry_run": True, "tasks": ids}, f"Would {wish.kind} {plural(len(ids), 'task')}; nothing was done."
        )
        return
    if wish.kind == "cancel":
        confirm(f"Cancel {plural(len(ids), 'task')}?", yes=wish.yes)
    report(wish, change(system.client, wish.kind, ids, by=whoever(), reason=wish.reason))


def report(wish: Wish, found: Changed) -> None:
    """What became of each."""
    verb = {"cancel": "Cancelled", "retry": "Will retry"}[wish.kind]
    lines = [f"{verb} {plural(len(found.changed), 'task')}."] if found.changed else []
    lines += [f"Left {id} as it is: {why}." for id, why in found.left]
    announce(wish, shapes.changed(found), "\n".join(lines))


def by_filter(system: Parts, wish: Wish, filter_: str) -> None:
    """All that match, in batches, by the orchestrator."""
    what = {"cancel": "Cancel", "retry": "Retry"}[wish.kind]

    def agreed(reach: Reach) -> bool:
        if not wish.dry_run:
            confirm(f"{what} all that match {filter_!r} ({told_of(reach)})?", yes=wish.yes)
        return not wish.dry_run

    found = change_all(system.client, wish.kind, filter_, by=whoever(), reason=wish.reason, agreed=agreed)
    operation, shape = found.operation, {"dry_run": wish.dry_run, **shapes.reach(found.reach)}
    if operation is None:
        announce(wish, shape | {"operation": None}, f"{filter_!r}: {told_of(found.reach)}. Nothing was done.")
        return
    told = (
        f"Operation {operation.id} will {wish.kind} them, as soon as an orchestrator runs. "
        "Follow it: leasehold operations ls"
    )
    announce(wish, shape | {"operation": shapes.operation(operation)}, told)


def told_of(reach: Reach) -> str:
    """``26 tasks match now, 4 of them would change``."""
    match = f"{plural(reach.matching, 'task', CEILING)} {'matches' if reach.matching == 1 else 'match'} now"
    return f"{match}, {say_count(reach.concerned, CEILING)} of them would change"


def announce(wish: Wish, shape: object, sentence: str) -> None:
    """Say what was done."""
    if wish.as_json:
        emit(shape)
    else:
        click.echo(sentence)
