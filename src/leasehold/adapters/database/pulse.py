"""How a ledger in a relational database is doing at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.rows import STATES
from leasehold.adapters.database.tally import HAPPENED
from leasehold.core.happening import Happened
from leasehold.core.model import Why
from leasehold.core.units import CEILING
from leasehold.ports.pulse import Pulse, Waiting


def pulse(tx: Transaction, sql: Mapping[str, Sql]) -> Pulse:
    """All of it, in one snapshot."""
    happened = [
        Happened(queue, state.removeprefix(HAPPENED), times) for queue, state, times in tx.rows(sql["happened"])
    ]
    ((overrun, owed, struck),) = tx.rows(sql["overdue"], {"now": tx.now})
    ((overslept, slept),) = tx.rows(sql["overslept"], {"now": tx.now})
    ((unfolded,),) = tx.rows(sql["unfolded"])
    ((quarantined,),) = tx.rows(sql["kept in quarantine"])
    return Pulse(
        now=tx.now,
        happened=sorted(happened),
        waiting=sorted(waiting(tx, sql)),
        overrun=overrun,
        owed=min(CEILING, owed + overslept),
        owed_since=min((at for at in (struck, slept) if at is not None), default=None),
        unfolded=unfolded,
        quarantined=quarantined,
    )


def waiting(tx: Transaction, sql: Mapping[str, Sql]) -> Iterator[Waiting]:
    """The oldest of each queue and reason, as far as that is found in a few rows."""
    found: dict[tuple[str, Why], int] = {}
    names = [name for name, _ in tx.rows(sql["queues"])]
    rows = [(queue, Why.DUE, at) for queue, at in tx.rows(sql["heads"], {"queues": tx.array(names)}) if at is not None]
    for queue, state, at in tx.rows(sql["oldest waiting"]):
        why = STATES[state][1]
        if why is not None:
            rows.append((queue, why, at))
    for queue, why, at in rows:
        found[queue, why] = min(at, found.get((queue, why), at))
    return (Waiting(queue, why, at) for (queue, why), at in found.items())
