"""How due tasks get their next dispatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leasehold.adapters.database.changing import Changing
from leasehold.adapters.database.connection import Sharing, Sql, Transaction
from leasehold.adapters.database.rows import hot_of
from leasehold.core.events import Dispatched
from leasehold.core.machine import decide
from leasehold.core.model import Decision
from leasehold.ports.ledger import Outgoing, Terms
from leasehold.ports.queue import Message, Queue

HOT = 38
"""How many values of a row belong to ``hot_of``; those of the body follow."""


def dispatch(tx: Transaction, sql: Mapping[str, Sql], queue: str, limit: int, terms: Terms) -> list[Outgoing]:
    """Decide and save; what goes out, in the order of the line."""
    if any(paused for (paused,) in tx.rows(sql["paused"], {"queue": queue})):
        return []
    rows = tx.rows(sql["due"], {"queue": queue, "limit": limit})
    hots = [hot_of(row[:HOT]) for row in rows]
    changing = Changing(tx, sql, {hot.task.id: hot for hot in hots})
    event = Dispatched(tx.now + terms.validity)
    outgoing: list[Outgoing] = []
    for hot, row in zip(hots, rows, strict=True):
        decided = decide(hot.task, event, tx.now)
        changing.take(hot, decided)
        if isinstance(decided, Decision):
            outgoing.append(Outgoing(decided.task, *row[HOT:]))
    changing.save()
    return outgoing


def send(tx: Transaction, into: Queue, messages: Sequence[Message]) -> None:
    """Put the messages on a queue in this very transaction."""
    if not isinstance(into, Sharing):
        raise TypeError(f"queue {into.name!r} does not live in the ledger's database: send after the commit")
    into.send_within(tx, messages)
