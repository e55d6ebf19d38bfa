"""What a child may see of the worker's environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ALLOWED = frozenset({"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"})
ALLOWED_BEGINNINGS = ("LC_", "PYTHON")


def scrubbed(environment: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """The variables that a child gets: what Python and programs need to run, and those named in ``also``.

    A trailing ``*`` in ``also`` stands for any ending. A list of what is allowed, not of what is secret: credentials
    have any name.
    """
    named = ALLOWED.union(also)
    beginnings = (*ALLOWED_BEGINNINGS, *(name.removesuffix("*") for name in named if name.endswith("*")))
    return {name: value for name, value in environment.items() if name in named or name.startswith(beginnings)}
