"""What every face does in the same way when something is to be changed: which tasks, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from leasehold.core.model import Status
from leasehold.core.operations import MOVABLE
from leasehold.core.units import CEILING
from leasehold.flow.client import Changed, Client
from leasehold.flow.lookup import check_whole
from leasehold.ports.ledger import Operation
from leasehold.ports.views import Views

LEFT: Mapping[str, Collection[Status]] = {kind: frozenset(Status) - movable for kind, movable in MOVABLE.items()}
"""Where each change leaves a task as it is."""


class Reach(NamedTuple):
    """How many tasks match a filter now, and how many of them a change would be one for; each up to ``CEILING`` + 1."""

    matching: int
    concerned: int


class Bulk(NamedTuple):
    """An operation over all that match, and how many those were when it was asked for; none where nobody agreed."""

    reach: Reach
    operation: Operation | None


def reach(views: Views, kind: str, filter_: str) -> Reach:
    """Whom a change of all that match would meet. Raises ``BadFilter`` as ``check_whole``."""
    check_whole(views, filter_)
    left = f"{filter_} -status:{','.join(sorted(LEFT[kind]))}"
    return Reach(views.count(filter_, CEILING + 1), views.count(left, CEILING + 1))


def verbs(client: Client) -> Mapping[str, Callable[..., Changed]]:
    """What can be done to tasks, by its name."""
    return {"cancel": client.cancel, "retry": client.retry}


def change(client: Client, kind: str, ids: Sequence[str], *, by: str, reason: str = "") -> Changed:
    """Do it to these tasks, at once."""
    return verbs(client)[kind](ids, by=by, reason=reason)


def change_all(
    client: Client,
    kind: str,
    filter_: str,
    *,
    by: str,
    reason: str = "",
    agreed: Callable[[Reach], bool],
    even_if_none: bool = False,
) -> Bulk:
    """Do it to all that match, by the orchestrator, once ``agreed`` says yes to how many those are.

    Raises ``BadFilter`` as ``check_whole``, before anybody is asked.
    """
    found = reach(client.views, kind, filter_)
    if not (found.matching or even_if_none) or not agreed(found):
        return Bulk(found, None)
    return Bulk(found, client.operate(kind, filter_, by=by, reason=reason))
