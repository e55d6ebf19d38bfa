"""How due tasks get their next dispatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leasehold.adapters.database import recording
from leasehold.adapters.database.changing import Changing
from leasehold.adapters.database.connection import Sharing, Sql, Transaction
from leasehold.adapters.database.damage import Damage
from leasehold.adapters.database.rows import TASK_AT, TASK_COLUMNS, hot_of
from leasehold.core.bundles import Due, bundled, messages_of, size_of
from leasehold.core.events import Dispatched
from leasehold.core.machine import decide
from leasehold.core.model import Decision
from leasehold.ports.ledger import Outgoing, Terms, unsendable
from leasehold.ports.queue import Message, NotSent, Queue

HOT = TASK_AT + len(TASK_COLUMNS)
"""How many values of a row belong to ``hot_of``; those of the body follow."""


def dispatch(
    tx: Transaction, sql: Mapping[str, Sql], queue: str, limit: int, terms: Terms, damage: Damage
) -> list[Outgoing]:
    """Decide and save; what goes out, in the order of the line, those that share a message together."""
    paused = any(paused for (paused,) in tx.rows(sql["paused"], {"queue": queue}))
    if paused and not terms.despite_pause:
        return []
    rows = damage.up_to(limit, TASK_AT, lambda length: tx.rows(sql["due"], {"queue": queue, "limit": length}))
    going = [(hot, row[HOT:]) for row in rows if not (hot := hot_of(row[:HOT])).task.open]  # else it cannot go out
    hots, bodies = [hot for hot, _ in going], [body for _, body in going]
    changing = Changing(tx, sql, {hot.task.id: hot for hot in hots})
    due = [Due(hot.task, body[2], size_of(body[0], body[3])) for hot, body in zip(hots, bodies, strict=True)]
    outgoing: list[Outgoing] = []
    for members in bundled(due):
        event = Dispatched(tx.now + terms.validity, len(members))
        for place in members:
            decided = decide(hots[place].task, event, tx.now)
            changing.take(hots[place], decided)
            if isinstance(decided, Decision):
                outgoing.append(Outgoing(decided.task, *bodies[place]))
    changing.save()
    return outgoing


def send(
    tx: Transaction,
    sql: Mapping[str, Sql],
    into: Queue,
    outgoing: Sequence[Outgoing],
    messages: Sequence[Message],
    damage: Damage,
) -> list[Outgoing]:
    """Put the messages on a queue in this very transaction; those that it took."""
    if not isinstance(into, Sharing):
        raise TypeError(f"queue {into.name!r} does not live in the ledger's database: send after the commit")
    sent = zip(messages_of(outgoing), into.send_within(tx, messages), strict=True)
    answers = [(each, answer) for members, answer in sent for each in members]
    refused = [unsendable(each.task, into.name, answer) for each, answer in answers if isinstance(answer, NotSent)]
    recording.apply(tx, sql, refused, (), damage)
    return [each for each, answer in answers if not isinstance(answer, NotSent)]
