"""Rows become tasks: which are new, which were there already, which are none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from leasehold.cli.rows import Row, Rows
from leasehold.core.errors import BadArguments, TooLarge
from leasehold.core.model import Policy, Status
from leasehold.core.units import say_bytes
from leasehold.flow.client import Order, Refused, Submission
from leasehold.flow.ordering import of_handler
from leasehold.flow.registry import Handler
from leasehold.ports.ledger import Accepted, Existing, KeyConflict

KEPT = 1_000
"""Rejected rows that are told one by one; the others are only counted."""


class Terms(NamedTuple):
    """How the rows of one file become tasks."""

    handler: Handler
    policy: Policy
    batch: str
    key: str | None
    """The column that tells rows apart; ``None``: all of a row's arguments do."""
    common: Mapping[str, object]
    ignored: frozenset[str]
    limit: int
    """Bytes of one task's arguments."""


class Rejected(NamedTuple):
    """A row that became no task, and what is wrong with it."""

    row: int
    reason: str


@dataclass
class Intake:
    """What became of the rows so far."""

    terms: Terms
    submitted: int = 0
    known: int = 0
    failed: list[str] = field(default_factory=list[str])
    """Ids of tasks that were there already, and had failed or been cancelled."""
    rejections: int = 0
    rejected: list[Rejected] = field(default_factory=list[Rejected])

    def orders(self, rows: Rows) -> Iterator[tuple[int, Order]]:
        """The rows that fit, as orders."""
        for row in rows.rows:
            try:
                yield row.number, self.order(row)
            except (BadArguments, TooLarge) as error:
                self.reject(row.number, str(error))

    def order(self, row: Row) -> Order:
        """One row as an order; raises ``BadArguments`` or ``TooLarge``."""
        if row.wrong is not None:
            raise BadArguments(row.wrong)
        terms = self.terms
        given = {name: value for name, value in row.values.items() if name not in terms.ignored}
        order = of_handler(terms.handler, {**terms.common, **given})
        if len(order.arguments) > terms.limit:
            raise TooLarge(
                f"its arguments take {say_bytes(len(order.arguments))}, over the limit of {say_bytes(terms.limit)}"
            )
        key = digest(order.arguments) if terms.key is None else named_key(row, terms.key)
        return order._replace(policy=terms.policy, key=key, batch=terms.batch)

    def reject(self, row: int, reason: str) -> None:
        """Note a row that is no task."""
        self.rejections += 1
        if len(self.rejected) < KEPT:
            self.rejected.append(Rejected(row, reason))

    def note(self, row: int, order: Order, answer: Submission) -> None:
        """Note what the ledger said to one order."""
        match answer:
            case Accepted():
                self.submitted += 1
            case Existing():
                self.known += 1
                if answer.status in (Status.FAILED, Status.CANCELLED):
                    self.failed.append(answer.task_id)
            case KeyConflict():
                self.reject(row, f"the key {order.key!r} is taken by task {answer.task_id}, which has other arguments")
            case Refused():
                self.reject(row, str(answer.error))


def digest(arguments: str) -> str:
    """The key of a row that has no other."""
    return hashlib.sha256(arguments.encode()).hexdigest()[:32]


def named_key(row: Row, column: str) -> str:
    """What tells a row apart; raises ``BadArguments`` for a row without it."""
    value = row.values.get(column)
    if value is None or value == "":
        raise BadArguments(f"it has no {column!r}, which is the key")
    return str(value)
