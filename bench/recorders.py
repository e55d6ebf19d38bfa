"""How recorders scale: 1, 2 and 4 processes that record at once in one ledger on PostgreSQL.

``python -m bench.recorders [--tasks 10000] [--runs 3] [--recorders 1,2,4]``. Each process is a real recorder (read,
verify, decide, apply, ring) over status messages that wait in its memory, tasks dealt to the recorders in turn, as a
queue would. Started and Completed are two transitions, each with its event, and the result is stored. All begin at
once, and the rate of all counts until the last has ended. Recorders and server share the machine's cores: with two of
them, rates show where those are full. What more cores would give is told by CPU seconds per 1,000 transitions: they
stay the same as long as nobody waits for anybody.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from multiprocessing import get_context
from random import Random
from typing import NamedTuple, Protocol

from bench._places import postgres
from bench._processes import cpu_seconds
from bench._tables import show, spread
from bench.ledger import DISPATCHED, LEASE, new_tasks
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.postgres_bell import PostgresBell
from leasehold.adapters.database.views import DatabaseViews
from leasehold.adapters.memory.queue import MemoryQueue
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.wire import PACK_CEILING, capability
from leasehold.flow.ids import IdMaker
from leasehold.flow.outbox import StatusQueueOutbox
from leasehold.flow.recorder import Recorder
from leasehold.ports.ledger import Terms

KEY = b"k" * 32
CHUNK = 1_000
PACKED = 10
"""Runs of which one message tells: a recorder takes 50 messages in a step, so a transaction has 1,000 transitions."""
BOUND = 600.0
"""s after which a recorder will never answer."""

Dispatched = tuple[str, int]
"""(id of a task, number of its dispatch)."""


class End(Protocol):
    """One end of a pipe between two processes, whatever the platform makes of it."""

    def poll(self, timeout: float, /) -> bool: ...
    def recv(self) -> object: ...
    def send(self, said: object, /) -> None: ...


class Share(NamedTuple):
    """What one recorder did."""

    transitions: int
    seconds: float
    cpu: float


def told(dispatched: Sequence[Dispatched], now: int) -> list[Update]:
    """What a worker says of so many short runs."""
    updates: list[Update] = []
    new_id = IdMaker(SystemClock(), Random(dispatched[0][0]))
    for task, n in dispatched:
        common = Update("", UpdateKind.STARTED, task, capability(KEY, task, n), n, 1, new_id(), "i-1/1", LEASE, now)
        updates.append(common._replace(status_id=new_id(), began_boot=now, receipt="receipt"))
        updates.append(
            common._replace(
                status_id=new_id(), kind=UpdateKind.COMPLETED, began_boot=now, ended_boot=now, result='"text"'
            )
        )
    return updates


def record(url: str, dispatched: Sequence[Dispatched], pipe: End) -> None:
    """One process: gets ready, begins when it is told to, says what it did."""
    clock = SystemClock()
    queue = MemoryQueue("status", clock)
    outbox = StatusQueueOutbox(queue, clock, ceiling=PACK_CEILING)
    for first in range(0, len(dispatched), PACKED):
        outbox.post(told(dispatched[first : first + PACKED], clock.boot()))
    with closing(open_database(url)) as database, closing(PostgresBell(url)) as bell:
        recorder = Recorder(queue, DatabaseLedger(database), bell, Random(1), key=KEY)
        recorder.step()  # the first statements of a connection are prepared, and the first messages recorded
        pipe.send("ready")
        pipe.recv()
        done, began, used = 0, time.perf_counter(), time.process_time()
        while count := recorder.step():
            done += count
        pipe.send(Share(done, time.perf_counter() - began, time.process_time() - used))
        pipe.recv()  # for as long as it lives, its CPU seconds and those of its connection can be read


def one_run(tasks: int, recorders: int) -> dict[str, object]:
    """So many recorders on a new ledger."""
    with ExitStack() as stack:
        url, servers = stack.enter_context(postgres())
        dispatched = dispatch(url, tasks)
        pipes = [started(stack, url, dispatched[nth::recorders]) for nth in range(recorders)]
        for pipe in pipes:
            answered(pipe)
        before, began = cpu_seconds(servers["postgres"]), time.perf_counter()
        for pipe in pipes:
            pipe.send("go")
        shares = [share for pipe in pipes if isinstance(share := answered(pipe), Share)]
        seconds, server = time.perf_counter() - began, cpu_seconds(servers["postgres"]) - before
        recorded(url, tasks)
        for pipe in pipes:
            pipe.send("over")
    total = sum(share.transitions for share in shares)
    return {
        "rate": total / seconds,
        "each": [share.transitions / share.seconds for share in shares],
        "recorders_cpu": sum(share.cpu for share in shares) * 1_000 / total,
        "server_cpu": server * 1_000 / total,
        "cores": (sum(share.cpu for share in shares) + server) / seconds,
        "transitions": total,
    }


def dispatch(url: str, tasks: int) -> list[Dispatched]:
    """Tasks that were sent, and of which nothing was heard."""
    with closing(open_database(url)) as database:
        ledger = DatabaseLedger(database)
        new = new_tasks(tasks, ledger.now())
        for start in range(0, tasks, CHUNK):
            ledger.submit(new[start : start + CHUNK])
        found: list[Dispatched] = []
        while outgoing := ledger.dispatch("default", DISPATCHED, Terms(600_000), lambda _: [], None):
            found += [(each.task.id, each.task.n) for each in outgoing]
        return found


def recorded(url: str, tasks: int) -> None:
    """Everything is completed: what was fast and wrong would not count."""
    with closing(open_database(url)) as database:
        counts = DatabaseViews(database).counts()
    assert sum(cell.tasks for cell in counts if cell.status == "completed") == tasks, counts


def started(stack: ExitStack, url: str, dispatched: Sequence[Dispatched]) -> End:
    """One recorder's process."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=record, args=(url, dispatched, theirs), daemon=True)
    process.start()
    theirs.close()
    stack.callback(process.join, 60)
    stack.callback(ours.close)
    return ours


def answered(pipe: End) -> object:
    """What a recorder says next; raises ``EOFError`` where it died."""
    if not pipe.poll(BOUND):
        raise TimeoutError("a recorder does not answer")
    return pipe.recv()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--recorders", default="1,2,4")
    given = parser.parse_args()
    numbers = [int(each) for each in given.recorders.split(",")]
    runs: dict[int, list[dict[str, object]]] = {number: [] for number in numbers}
    for _ in range(given.runs):
        for number in numbers:  # in turn: what else the machine does is in all of them
            runs[number].append(one_run(given.tasks, number))
    rows = [
        {
            "recorders": number,
            "transitions/s, all": over(found, "rate"),
            "each": spread([rate for run in found for rate in listed(run["each"])]),
            "CPU s per 1,000: recorders": over(found, "recorders_cpu", 3),
            "PostgreSQL": over(found, "server_cpu", 3),
            "cores used": over(found, "cores", 2),
        }
        for number, found in runs.items()
    ]
    show(f"recorders at once, {given.tasks:,} tasks, {given.runs} runs", rows, {"runs": runs})


def over(runs: Sequence[dict[str, object]], what: str, digits: int = 0) -> str:
    return spread([number for run in runs if isinstance(number := run[what], float)], digits)


def listed(rates: object) -> list[float]:
    return [rate for rate in rates if isinstance(rate, float)] if isinstance(rates, list) else []


if __name__ == "__main__":
    main()
