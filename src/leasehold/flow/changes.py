"""What every face does in the same way when something is to be changed: which tasks, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from leasehold.flow.client import Changed, Client
from leasehold.flow.lookup import check_whole
from leasehold.ports.ledger import Operation

CEILING = 10_000
"""Where counting stops."""


class Bulk(NamedTuple):
    """An operation over all that match, and how many those are now (or ``more``); none where nobody agreed."""

    matching: int
    more: bool
    operation: Operation | None


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
    agreed: Callable[[int], bool],
    even_if_none: bool = False,
) -> Bulk:
    """Do it to all that match, by the orchestrator, once ``agreed`` says yes to how many those are.

    Raises ``BadFilter`` as ``check_whole``, before anybody is asked.
    """
    check_whole(client.views, filter_)
    found = client.views.count(filter_, CEILING + 1)
    matching, more = min(found, CEILING), found > CEILING
    if not (matching or even_if_none) or not agreed(matching):
        return Bulk(matching, more, None)
    return Bulk(matching, more, client.operate(kind, filter_, by=by, reason=reason))
