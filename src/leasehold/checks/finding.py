"""What a look came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from leasehold.core.errors import LeaseholdError

OK, WARNING, WRONG = "ok", "warning", "wrong"


class Role(StrEnum):
    """What a machine does in a deployment."""

    ORCHESTRATOR = "orchestrator"
    WORKER = "worker"
    CLIENT = "client"


class Said(NamedTuple):
    """How something is, in one sentence."""

    state: str
    sentence: str
    command: str | None = None
    """What mends it, as somebody would type it."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    check: str
    state: str
    sentence: str
    command: str | None = None


Look = Callable[[], Iterable[Said]]


def attempt(check: str, look: Look) -> Iterator[Finding]:
    """Look; whatever Leasehold says is wrong becomes a finding, and ends this look only."""
    try:
        for said in look():
            yield Finding(check, *said)
    except LeaseholdError as error:
        yield Finding(check, WRONG, str(error))
