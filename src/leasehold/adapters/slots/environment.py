"""What a child may see of the worker's environment, and what single handlers get beyond that while they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ALLOWED = frozenset({"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"})
ALLOWED_BEGINNINGS = ("LC_", "PYTHON")
WITHHELD = {
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What keeps AWS's SDKs and command line from credentials that need no variable: files below HOME, and the metadata of
the machine. A program that reads them by itself is not kept from it: it has the worker's rights."""


def scrubbed(environment: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """The variables that a child gets: what Python and programs need to run, and those named in ``also``.

    A trailing ``*`` in ``also`` stands for any ending. A list of what is allowed, not of what is secret: credentials
    have any name.
    """
    named = frozenset(also)
    kept = {
        name: value for name, value in environment.items() if name in ALLOWED or name.startswith(ALLOWED_BEGINNINGS)
    }
    given = {name: value for name, value in environment.items() if matches(name, named)}
    return {name: value for name, value in WITHHELD.items() if not matches(name, named)} | kept | given


def lent(environment: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str | None]:
    """What a handler that asks for these variables gets while it runs; ``None``: it must not be set then."""
    named = frozenset(wanted)
    found: dict[str, str | None] = {name: environment.get(name) for name in WITHHELD if matches(name, named)}
    return found | {name: value for name, value in environment.items() if matches(name, named)}


def matches(name: str, named: frozenset[str]) -> bool:
    """Whether a variable is among these names; a trailing ``*`` in one of them stands for any ending."""
    return name in named or any(each.endswith("*") and name.startswith(each[:-1]) for each in named)
