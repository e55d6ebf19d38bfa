"""What the ledger on SQLite or PostgreSQL costs on this machine, durable at every commit. Prints a table and JSON.

``python -m bench.ledger [TASKS] [sqlite|postgresql]``: so many tasks in each of five rounds, on a new file or database
each time. CPU is what one row or transition takes of this process (a PostgreSQL server's is not in it); rates are by
the wall, so whatever else the machine does is in them.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

from bench._tables import show, spread
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import create_schema, open_database
from leasehold.adapters.database.views import DatabaseViews
from leasehold.core.events import Completed, Started
from leasehold.core.ids import RANDOMNESS, Tick, ordered_id
from leasehold.core.model import Policy, Run, Task
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change, NewTask, Outgoing, Terms
from leasehold.testing.postgres import PostgresServer

ROUNDS = 5
TASKS = 20_000
SINGLE = 500
CHUNK = 1_000
DISPATCHED = 500
LEASE = 1_800_000
PAGES = 200
POLICY = Policy(LEASE)
FILTERS = ("", "status:completed", "batch:november status:failed", "name:transcribe age:<1h", "key:f0000777.wav")

Measured = dict[str, list[tuple[float, float]]]
"""Per step: (a second, CPU us each) of each round."""


def measured(into: Measured, step: str, how_many: int, work: Callable[[], None]) -> None:
    began, used = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    into.setdefault(step, []).append((how_many / seconds, cpu / how_many * 1e6))


def new_tasks(tasks: int, now: int, first: int = 0, batch: str | None = "november") -> list[NewTask]:
    return [
        NewTask(
            Task(
                ordered_id(Tick(now), nth.to_bytes(RANDOMNESS)), "transcribe", "default", POLICY, now, now, batch=batch
            ),
            f'{{"source": "s3://media/november/f{nth:07}.wav"}}',
            key=f"f{nth:07}.wav",
            fingerprint="f" * 32,
        )
        for nth in range(first, first + tasks)
    ]


def reports(outgoing: Sequence[Outgoing], now: int) -> list[Change]:
    changes: list[Change] = []
    for nth, each in enumerate(outgoing):
        run = Run(each.task.n, 1, f"{nth:032}", "i-0123456789/boot", now + LEASE, now, "receipt-handle")
        changes.append(Change(each.task.id, Started(run), f"{nth:032}-s"))
        changes.append(Change(each.task.id, Completed(run, now + 5), f"{nth:032}-c", Payload(result='"text"')))
    return changes


class Round:
    """A new ledger, and the steps that are measured on it."""

    def __init__(self, url: str, tasks: int) -> None:
        create_schema(url)
        database = open_database(url)
        self.ledger, self.views = DatabaseLedger(database), DatabaseViews(database)
        self.now = self.ledger.now()
        self.out: list[Outgoing] = []
        self.new = new_tasks(tasks, self.now)
        self.single = new_tasks(SINGLE, self.now, tasks, "single")

    def submit(self) -> None:
        for start in range(0, len(self.new), CHUNK):
            self.ledger.submit(self.new[start : start + CHUNK])

    def submit_singly(self) -> None:
        for each in self.single:
            self.ledger.submit([each])

    def dispatch(self) -> None:
        while outgoing := self.ledger.dispatch("default", DISPATCHED, Terms(600_000), lambda _: [], None):
            self.out.extend(outgoing)

    def apply(self, changes: Sequence[Change]) -> None:
        for start in range(0, len(changes), CHUNK):
            self.ledger.apply(changes[start : start + CHUNK])

    def read_pages(self) -> None:
        for nth in range(PAGES):
            self.views.tasks(FILTERS[nth % len(FILTERS)])


def one_round(url: str, tasks: int, into: Measured) -> None:
    one = Round(url, tasks)
    measured(into, f"submit, {CHUNK:,} a transaction", tasks, one.submit)
    measured(into, "submit, one a transaction", SINGLE, one.submit_singly)
    measured(into, f"dispatch, {DISPATCHED} a transaction", tasks + SINGLE, one.dispatch)
    changes = reports(one.out, one.now)
    measured(into, f"apply, {CHUNK:,} transitions a transaction", len(changes), lambda: one.apply(changes))
    measured(into, "a page of 50 tasks", PAGES, one.read_pages)
    one.ledger.close()


@contextmanager
def places(kind: str) -> Generator[Iterator[str]]:
    """Addresses of empty databases, one after the other."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield (f"sqlite:///{folder}/jobs{nth}.db" for nth in range(ROUNDS))
    else:
        with PostgresServer() as server:
            yield (server.url(server.create(f"jobs{nth}")) for nth in range(ROUNDS))


def measure(kind: str, tasks: int) -> None:
    results: Measured = {}
    with places(kind) as urls:
        for url in urls:
            one_round(url, tasks, results)
    rows = [
        {
            "step": step,
            "a second": spread([rate for rate, _ in rounds]),
            "CPU us each": spread([cpu for _, cpu in rounds], 1),
        }
        for step, rounds in results.items()
    ]
    figures = {
        step: {"rates": [round(rate) for rate, _ in rounds], "cpu_us": [round(cpu, 1) for _, cpu in rounds]}
        for step, rounds in results.items()
    }
    show(f"The ledger on {kind}: {tasks:,} tasks, {ROUNDS} rounds", rows, {"tasks": tasks, "steps": figures})


def main() -> None:
    words = sys.argv[1:]
    tasks = next((int(word) for word in words if word.isdecimal()), TASKS)
    for kind in [word for word in words if not word.isdecimal()] or ["sqlite", "postgresql"]:
        measure(kind, tasks)


if __name__ == "__main__":
    main()
