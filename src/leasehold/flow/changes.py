"""What every face does in the same way when something is to be changed: which tasks, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from leasehold.core.model import Decision
from leasehold.flow.client import Client
from leasehold.flow.lookup import check_whole
from leasehold.ports.ledger import Applied, Operation

CEILING = 10_000
"""Where counting stops."""


class Left(NamedTuple):
    """A task that was left as it is, and why."""

    id: str
    reason: str


class Changed(NamedTuple):
    """What became of tasks that somebody wanted changed."""

    changed: Sequence[str]
    left: Sequence[Left]


class Bulk(NamedTuple):
    """An operation over all that match, and how many those are now (or ``more``); none where nobody agreed."""

    matching: int
    more: bool
    operation: Operation | None


def verbs(client: Client) -> Mapping[str, Callable[..., list[Applied]]]:
    """What can be done to tasks, by its name."""
    return {"cancel": client.cancel, "retry": client.retry}


def change(client: Client, kind: str, ids: Sequence[str], *, by: str, reason: str = "") -> Changed:
    """Do it to these tasks, at once."""
    answers = list(zip(ids, verbs(client)[kind](ids, by=by, reason=reason), strict=True))
    return Changed(
        [id for id, answer in answers if isinstance(answer, Decision)],
        [Left(id, why_not(answer)) for id, answer in answers if not isinstance(answer, Decision)],
    )


def why_not(answer: Applied) -> str:
    """Why a task was left as it is."""
    return str(getattr(answer, "reason", "it is not in the ledger"))


def change_all(
    client: Client, kind: str, filter_: str, *, by: str, reason: str = "", agreed: Callable[[int], bool]
) -> Bulk:
    """Do it to all that match, by the orchestrator, once ``agreed`` says yes to how many those are.

    Raises ``BadFilter`` as ``check_whole``, before anybody is asked.
    """
    check_whole(client.views, filter_)
    found = client.views.count(filter_, CEILING + 1)
    matching, more = min(found, CEILING), found > CEILING
    if not matching or not agreed(matching):
        return Bulk(matching, more, None)
    return Bulk(matching, more, client.operate(kind, filter_, by=by, reason=reason))
