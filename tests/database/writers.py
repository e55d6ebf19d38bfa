"""Child processes of the tests of crashes: ``python writers.py WHAT DATABASE [ARGUMENT]``."""

from __future__ import annotations

import sys

from leasehold.adapters.database import recording, submitting
from leasehold.adapters.database.damage import Damage
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.adapters.database.views import DatabaseViews
from leasehold.core.ids import RANDOMNESS, Tick, ordered_id
from leasehold.core.model import Task
from leasehold.ports.ledger import Change, Ledger, NewTask, Terms
from leasehold.ports.views import Views
from leasehold.testing.clock import START, ManualClock
from leasehold.testing.ledger_bench import POLICY, VALIDITY, Moves, no_messages


class Bench:
    def __init__(self, path: str) -> None:
        self.clock = ManualClock()
        self.database = SqliteDatabase(path, clock=self.clock)
        self.sql = self.database.sql("ledger")
        self.ledger: Ledger = DatabaseLedger(self.database)
        self.views: Views = DatabaseViews(self.database)

    def another(self) -> Ledger:
        return self.ledger

    def let_pass(self, ms: int) -> None:
        self.clock.advance(ms)


def say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - the parent reads it


def new(nth: int, batch: str) -> NewTask:
    task_id = ordered_id(Tick(START + 1), (1 << 40 | nth).to_bytes(RANDOMNESS))
    return NewTask(Task(task_id, "transcribe", "default", POLICY, START, START, batch=batch), "{}", key=str(nth))


def half_submit(bench: Bench) -> None:
    with bench.database.write() as tx:
        submitting.submit(tx, bench.sql, [new(nth, "half") for nth in range(500)])
        say("in the middle")
        sys.stdin.read()


def half_record(bench: Bench, task_id: str) -> None:
    moves = Moves(bench)
    changes = [Change(task_id, moves.started(), "s-1"), Change(task_id, moves.completed(), "s-2")]
    with bench.database.write() as tx:
        recording.apply(tx, bench.sql, changes, [], Damage())
        say("in the middle")
        sys.stdin.read()


def submit_for_ever(bench: Bench, chunk: int) -> None:
    done = 0
    while True:
        bench.ledger.submit([new(nth, "endless") for nth in range(done, done + chunk)])
        done += chunk
        say(str(done))


def dispatch(bench: Bench) -> None:
    say("ready")
    sys.stdin.readline()
    while outgoing := bench.ledger.dispatch("default", 3, Terms(VALIDITY), no_messages, None):
        for each in outgoing:
            say(each.task.id)


def main(what: str, path: str, *arguments: str) -> None:
    bench = Bench(path)
    if what == "half-submit":
        half_submit(bench)
    elif what == "half-record":
        half_record(bench, *arguments)
    elif what == "submit-for-ever":
        submit_for_ever(bench, int(arguments[0]))
    else:
        dispatch(bench)


if __name__ == "__main__":
    main(*sys.argv[1:])
