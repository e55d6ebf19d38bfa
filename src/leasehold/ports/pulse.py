"""How the ledger is doing at a glance: what metrics and live pages ask for again and again, at a bounded price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from leasehold.core.happening import Happened
from leasehold.core.model import Why

OLDEST = 1_000
"""How many of the tasks that were submitted first are looked at, of each reason to wait."""


class Waiting(NamedTuple):
    """Since when a task of a queue waits for this reason, counted as ``core.happening.waits_since`` has it.

    Of the tasks among the ``OLDEST``, and of those that are next to be dispatched, the oldest: no queue's oldest is
    younger than that.
    """

    queue: str
    why: Why
    since: int


class Pulse(NamedTuple):
    """All instants are on the ledger's clock; what is counted one by one stops at ``core.units.CEILING``."""

    now: int
    happened: Sequence[Happened]
    waiting: Sequence[Waiting]
    overrun: int
    """Tasks whose lease is over, and that still count as in progress; up to the ceiling."""
    owed: int
    """Tasks for which the clock has struck, and nobody has done what is due; up to the ceiling."""
    owed_since: int | None
    """When it struck for the first of them."""
    unfolded: int
    """Notes of counts that no orchestrator has added up yet; up to the ceiling."""
    quarantined: int
    """Messages that could not be understood, of those that are kept (the newest 10,000)."""
