"""``leasehold submit``: one task."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import cast

import click

from leasehold.cli.commands import Command
from leasehold.cli.options import DURATION, with_app, with_json, with_ledger
from leasehold.cli.output import emit
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import BadArguments
from leasehold.ports.ledger import Existing


@click.command(cls=Command)
@click.argument("target", metavar="HANDLER")
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--arguments", metavar="JSON", help="All arguments as one JSON object; - reads it from standard input.")
@click.option("--key", help="Unique per handler and batch: submitting it again returns the task that has it.")
@click.option("--batch", help="The batch that it belongs to.")
@click.option("--queue", help="Default: the handler's.")
@click.option("--priority", type=int, help="Higher goes first. Default: the handler's.")
@click.option("--delay", type=DURATION, default=0, help="Do not start before this long, such as 5m.")
@with_app
@with_ledger
@with_json
@pass_tools
def submit(
    tools: Tools,
    target: str,
    pairs: tuple[str, ...],
    arguments: str | None,
    app: str | None,
    ledger: str | None,
    *,
    as_json: bool,
    **options: str | int | None,
) -> None:
    """Submit one task and print its id. When this returns, the task is stored and will be accounted for.

    HANDLER is FILE.py:NAME, MODULE:NAME, or a name of the application that --app or LEASEHOLD_APP names. Arguments
    are checked against its type hints first.

    Examples:
      leasehold submit jobs.py:transcribe source=a.wav language=de
      leasehold submit transcribe --app jobs:app --arguments '{"source": "a.wav"}'
      leasehold wait $(leasehold submit jobs.py:transcribe source=a.wav)
    """
    from leasehold.cli.targets import target_of
    from leasehold.flow.ordering import of_handler
    from leasehold.flow.registry import check_lease

    settings = tools.settings(ledger=ledger, app=app)
    handler = target_of(target, settings.app).handler
    check_lease(handler.name, handler.policy.lease, settings.lease_margin)
    order = of_handler(handler, given(pairs, arguments))
    chosen = {name: value for name, value in options.items() if value is not None}
    with tools.opened(settings) as system:
        answer = system.client.submit(order._replace(**chosen))
    existed = isinstance(answer, Existing)
    if as_json:
        emit({"id": answer.task_id, "existed": existed, "status": answer.status if existed else "pending"})
    else:
        click.echo(answer.task_id)


LONGEST = 1 << 30
"""Characters of arguments that are read; no setting allows more."""


def given(pairs: Sequence[str], text: str | None) -> dict[str, object]:
    """The arguments by name, from ``name=value`` words and a JSON object."""
    values = from_json(sys.stdin.read(LONGEST) if text == "-" else text) if text is not None else {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise BadArguments(f"{pair!r} is no argument: write name=value, or use --arguments with JSON")
        values[name] = value
    return values


def from_json(text: str) -> dict[str, object]:
    """A JSON object, or one sentence."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadArguments(f"--arguments is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadArguments('--arguments takes a JSON object, such as \'{"source": "a.wav"}\'')
    return cast("dict[str, object]", value)
