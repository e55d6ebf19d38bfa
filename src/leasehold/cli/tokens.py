"""``leasehold tokens``: who may use the dashboard and the API from elsewhere."""

from __future__ import annotations

import click

from leasehold.cli.commands import Group
from leasehold.cli.options import DURATION, whoever, with_json, with_ledger
from leasehold.cli.output import Column, emit, emit_lines, note, short, show_table
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import UsageError
from leasehold.core.units import say_duration
from leasehold.flow import shapes
from leasehold.flow.explain import say_age
from leasehold.ports.access import Role, Token

LONGEST_NAME = 100


@click.group(cls=Group)
def tokens() -> None:
    """Tokens for the dashboard and the API: make one, list them, revoke one."""


@tokens.command("make")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="viewer", show_default=True)
@click.option(
    "--expires", type=DURATION, metavar="DURATION", help="How long it is good for, such as 90d. Default: until revoked."
)
@with_ledger
@with_json
@pass_tools
def make(tools: Tools, name: str, role: str, expires: int | None, ledger: str | None, *, as_json: bool) -> None:
    """Make a token for NAME, and print it. This is the only time: the ledger keeps a hash of it.

    A viewer may look at everything, an operator may change things too; the audit trail will call them NAME.

    Examples:
      leasehold tokens make ada --role operator --expires 90d
      leasehold tokens make grafana
    """
    from leasehold.flow.tokens import Wanted
    from leasehold.flow.tokens import make as make_token

    if not name.isprintable() or not 0 < len(name.strip()) <= LONGEST_NAME:
        raise UsageError(f"a token needs a printable name of 1 to {LONGEST_NAME} characters: who will use it")
    with tools.system(ledger) as system:
        wanted = Wanted(name.strip(), Role(role), expires)
        made = make_token(system.tokens, wanted, ids=system.ids, random=system.random, by=whoever())
        now = system.tokens.now()
    if as_json:
        emit({**shapes.token(made.token, now), "token": made.text})
        return
    known = made.token
    note(f"A token for {known.name}, {known.role}, shown this once. To end it: leasehold tokens revoke {known.id}")
    click.echo(made.text)


@tokens.command("ls")
@with_ledger
@with_json
@pass_tools
def ls(tools: Tools, ledger: str | None, *, as_json: bool) -> None:
    """List tokens, newest first, expired and revoked ones too; with --json one object per line.

    Example:
      leasehold tokens ls
    """
    with tools.system(ledger) as system:
        found, now = system.tokens.all(), system.tokens.now()
    if as_json:
        emit_lines(shapes.token(token, now) for token in found)
        return
    show_table(found, columns(now), "There are no tokens. Make one: leasehold tokens make NAME")


def columns(now: int) -> list[Column[Token]]:
    """What a list of tokens shows."""
    return [
        Column("ID", lambda token: short(token.id)),
        Column("NAME", lambda token: token.name, give=True),
        Column("ROLE", lambda token: token.role),
        Column("STANDING", lambda token: token.standing(now)),
        Column("MADE", lambda token: say_age(token.created_at, now)),
        Column("BY", lambda token: token.created_by),
        Column("EXPIRES IN", lambda token: left(token, now), right=True),
    ]


def left(token: Token, now: int) -> str:
    """How long it is still good for."""
    if token.standing(now) != "good":
        return ""
    return "never" if token.expires_at is None else say_duration(token.expires_at - now)


@tokens.command("revoke")
@click.argument("token", metavar="TOKEN")
@with_ledger
@with_json
@pass_tools
def revoke(tools: Tools, token: str, ledger: str | None, *, as_json: bool) -> None:
    """Make a token good for nothing, at once, and end all sessions that began with it.

    TOKEN is its id, the beginning or the end of it, or the name that it was made for. Never the token itself.

    Examples:
      leasehold tokens revoke 8f3a02c1
      leasehold tokens revoke ada
    """
    from leasehold.flow.tokens import token_of

    with tools.system(ledger) as system:
        found = token_of(system.tokens, token)
        revoked = system.tokens.revoke(found.id, by=whoever())
    if as_json:
        emit({"id": found.id, "name": found.name, "revoked": revoked})
    else:
        click.echo(f"The token of {found.name} {'is revoked.' if revoked else 'was revoked before.'}")
