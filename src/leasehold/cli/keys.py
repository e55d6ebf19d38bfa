"""``leasehold keys``: the keys with which orchestrators sign task messages."""

from __future__ import annotations

from collections.abc import Iterator

import click

from leasehold.cli.commands import Group
from leasehold.cli.options import with_json
from leasehold.cli.output import emit, emit_lines, note
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import BadSettings
from leasehold.core.wire.signature import key_id

Row = dict[str, object]


@click.group(cls=Group)
def keys() -> None:
    """Keys that sign task messages: orchestrators hold one, workers its public half."""


@keys.command("make")
@with_json
def make(*, as_json: bool) -> None:
    """Make a pair of keys, and print both. Nothing is stored.

    The signing key is for orchestrators alone, the verify key for every worker. To replace a key: add the new verify
    key to the workers, then give the new signing key to the orchestrators, then wait for `validity`, then take the old
    verify key away.

    Examples:
      leasehold keys make
      leasehold keys make --json
    """
    try:
        from leasehold.adapters.signing import make_pair
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"making keys needs {error.name}, which is not installed: pip install 'leasehold[signing]'"
        ) from error
    pair = make_pair()
    if as_json:
        emit(pair._asdict())
        return
    note(f"Key {pair.kid}. The first line is a secret: for orchestrators alone. The second is for every worker.")
    click.echo(f"LEASEHOLD_SIGNING_KEY={pair.signing_key}")
    click.echo(f"LEASEHOLD_VERIFY_KEYS={pair.verify_key}")


@keys.command("ls")
@with_json
@pass_tools
def ls(tools: Tools, *, as_json: bool) -> None:
    """List the keys that the settings hold, by id, with their public halves. No secret is printed.

    Examples:
      leasehold keys ls
    """
    settings = tools.settings()
    rows = list(known(settings.signing_key, settings.verify_keys))
    if as_json:
        emit_lines(rows)
    elif not rows:
        note("No key is set: messages are not signed, and none is asked for a signature. Make one: leasehold keys make")
    for row in () if as_json else rows:
        click.echo(f"{row['kid']}  {row['use']:<8}  {row['verify_key']}")


def known(signing_key: bytes | None, verify_keys: tuple[bytes, ...]) -> Iterator[Row]:
    """Each key once per use."""
    if signing_key is not None:
        from leasehold.adapters.signing import Signer

        signer = Signer(signing_key)
        yield {"kid": signer.kid, "use": "signs", "verify_key": signer.public.hex()}
    for public in verify_keys:
        yield {"kid": key_id(public), "use": "verifies", "verify_key": public.hex()}
