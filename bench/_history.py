"""A ledger with a long past: as many tasks as one likes, 95 of 100 done, with every row that a real ledger would hold.

The first ``BLOCK`` tasks are submitted, dispatched, reported, failed, retried, lost and cancelled by the ledger's own
code. The past is made of copies of all their rows (tasks, bodies, keys, results, runs, outputs, trails, ids of reports)
under other numbers, ids, keys, batches and instants, block after block in one transaction each: whoever is stopped goes
on where he was. Then the present, a twentieth, again by the ledger's own code: due, scheduled, queued, in progress.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from leasehold.adapters.database.connection import Database, Sql, Transaction
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.schema import METADATA
from leasehold.core.events import Cancelled, Completed, Event, Failed, Started
from leasehold.core.ids import RANDOMNESS, Tick, ordered_id
from leasehold.core.model import Failure, FailureKind, Policy, Run, Task
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change, Need, NewTask, Outgoing, Terms
from leasehold.testing.clock import ManualClock

BLOCK = 1_000
BATCHED = 10
"""Blocks of one batch: it has 9 of 10 tasks of each."""
EACH = 86_400
"""ms between two blocks: a million tasks a day."""
AT_ONCE = 20
"""Blocks copied in one transaction."""
BYTES = 3_300
"""Disk that a task takes, its indexes and the server's log included: measured."""
LEASE = 30 * 60_000
VALIDITY = 10 * 60_000
QUEUES = ("default", "media", "mail", "nightly")
HANDLERS = ("transcribe", "thumbnail", "index", "notify", "report", "import", "export", "clean")
TABLES = ("tasks", "bodies", "task_keys", "results", "runs", "run_outputs", "audit", "status_ids")
INSTANTS = {
    "tasks": ("created_at", "due_at", "not_after", "void_at", "lease_until", "updated_at", "started_at", "ended_at"),
    "runs": ("started_at", "lease_until", "ended_at", "lost_at"),
    "audit": ("at",),
    "status_ids": ("at",),
}
LATER = {
    "tasks_by_state", "tasks_by_name", "tasks_by_batch", "tasks_by_trouble", "tasks_by_group", "tasks_ended",
    "status_ids_by_age",
}  # fmt: skip
"""Indexes that are made when all is there: much quicker."""


class Past:
    """Fills one ledger. ``clock`` is the database's; it stands at the end of the past afterwards."""

    def __init__(self, database: Database, clock: ManualClock, say: Callable[[str], object]) -> None:
        self._database = database
        self._clock = clock
        self._say = say
        self._ledger = DatabaseLedger(database)
        self._begin = clock.now()

    def fill(self, tasks: int) -> None:
        """Make it, or go on making it."""
        blocks = tasks * 19 // 20 // BLOCK
        if not self._newest():
            self._say("the first block, by the ledger's own code")
            Block(self._ledger, self._clock).make()
        while self._newest() < blocks * BLOCK:
            self._copy(self._newest() // BLOCK, blocks)
        self._clock.jump(self._begin + blocks * EACH - self._clock.now())
        if self._newest() == blocks * BLOCK:
            self._count(blocks)
        self._present(tasks)
        self._index()

    def _newest(self) -> int:
        return self._one("SELECT coalesce(max(number), 0) FROM tasks")

    def _one(self, text: str) -> int:
        with self._database.read() as tx:
            ((value,),) = tx.rows(Sql(text, ()))
        return int(value)

    # -- the past ------------------------------------------------------------------------------------------------------

    def _copy(self, first: int, blocks: int) -> None:
        last = min(first + AT_ONCE, blocks) - 1
        with self._database.write() as tx:
            if first == 1:
                for index in self._later(tx):
                    tx.run(Sql(f"DROP INDEX {index}", ()))
            for table in TABLES:
                tx.run(Sql(copied(table, self._database.dialect, first, last), ()))
            tx.run(Sql(batches(first, last), ()))
            if self._database.dialect == "postgresql":
                tx.rows(Sql(f"SELECT setval('tasks_number_seq', {(last + 1) * BLOCK})", ()))
        if first % 500 < AT_ONCE:
            self._say(f"{(last + 1) * BLOCK:,} of {blocks * BLOCK:,} tasks of the past")

    def _later(self, tx: Transaction) -> list[str]:
        names = "sqlite_master WHERE type = 'index'", "pg_indexes WHERE schemaname = current_schema()"
        name, where = ("name", names[0]) if self._database.dialect == "sqlite" else ("indexname", names[1])
        return sorted(LATER & {row[0] for row in tx.rows(Sql(f"SELECT {name} FROM {where}", ()))})  # noqa: S608 - numbers and names of our own

    def _count(self, blocks: int) -> None:
        """Counters as they would be: what stands where, and what has happened so far."""
        self._say("counters")
        while self._ledger.fold_counters():
            pass
        with self._database.write() as tx:
            tx.run(Sql("DELETE FROM counters WHERE substr(state, 1, 1) <> '+'", ()))
            tx.run(Sql(COUNT, ()))
            tx.run(Sql(f"UPDATE counters SET tasks = tasks * {blocks} WHERE substr(state, 1, 1) = '+'", ()))  # noqa: S608 - numbers and names of our own
            tx.run(Sql(ENDED, ()))

    def _index(self) -> None:
        book = self._database.sql("create")
        for name in sorted(LATER):
            with self._database.write() as tx:
                if name not in self._later(tx):
                    self._say(f"index {name}")
                    tx.run(book[f"index {name}"])

    # -- the present ---------------------------------------------------------------------------------------------------

    def _present(self, tasks: int) -> None:
        """Half of it in batches; a fifth sleeps; of each queue some are out and some are being run."""
        while (newest := self._newest()) < tasks:
            now = self._clock.now()
            new = [new_task(now, newest + nth, batch=f"live-{newest // 50_000}") for nth in range(BLOCK)]
            self._ledger.submit([each if nth % 5 else asleep(each, now) for nth, each in enumerate(new)])
        if not self._one("SELECT count(*) FROM (SELECT 1 FROM tasks WHERE state = 'in_progress' LIMIT 1) AS a_few"):
            for queue in QUEUES:
                out = self._ledger.dispatch(queue, 1_000, Terms(VALIDITY), lambda _: [], None)
                running = [(each, f"i-{nth % 50:04}/1-live") for nth, each in enumerate(out[:200])]
                now = self._clock.now()
                self._ledger.apply([reported(each, Started(run_of(each, now, name))) for each, name in running])
        while self._ledger.fold_counters():
            pass


class Block:
    """The tasks that are copied: mostly plain successes, and a little of everything that goes wrong."""

    def __init__(self, ledger: DatabaseLedger, clock: ManualClock) -> None:
        self._ledger = ledger
        self._clock = clock

    def make(self) -> None:
        """Submit them and let each come to its end."""
        now = self._clock.now()
        self._ledger.submit([new_task(now, nth, batch="past-0" if nth % 10 else None) for nth in range(BLOCK)])
        out = self._out()
        self._clock.advance(2_000)
        self._end(out[:940])
        broken = [Failed(self._run(each), self._clock.now(), failure(0), deleted=True) for each in out[940:960]]
        self._apply(out[940:960], broken)
        fatal = [
            Failed(self._run(each), self._clock.now(), failure(nth), unrecoverable=True, deleted=True)
            for nth, each in enumerate(out[960:985])
        ]
        self._apply(out[960:985], fatal)
        self._apply(out[985:995], [Started(self._run(each)) for each in out[985:995]])
        self._ledger.apply([Change(each.task.id, Cancelled("ada", "not needed")) for each in out[995:]])
        self._clock.advance(LEASE + VALIDITY)
        for need in Need:
            self._ledger.apply([Change(task_id, event) for task_id, event in self._ledger.alarms(need, BLOCK)])
        self._end(self._out())

    def _out(self) -> list[Outgoing]:
        out: list[Outgoing] = []
        for queue in QUEUES:
            out += self._ledger.dispatch(queue, BLOCK, Terms(VALIDITY), lambda _: [], None)
        return sorted(out, key=lambda each: each.task.id)

    def _run(self, each: Outgoing) -> Run:
        return run_of(each, self._clock.now(), f"i-0a{int(each.task.id[-4:], 16) % 90:04}/71-5fe0aa")

    def _end(self, out: Sequence[Outgoing]) -> None:
        """All of them succeed; one in ten has a log."""
        self._apply(out, [Started(self._run(each)) for each in out])
        result = '{"words": 1289, "target": "s3://media/november/transcript.txt"}'
        brought = [Payload(result, log=None if nth % 10 else "decoded 3 channels\n" * 8) for nth in range(len(out))]
        self._clock.advance(3_000)
        ended = [Completed(self._run(each), self._clock.now()) for each in out]
        self._apply(out, ended, brought)

    def _apply(self, out: Sequence[Outgoing], events: Sequence[Event], brought: Sequence[Payload] = ()) -> None:
        changes = [reported(each, event) for each, event in zip(out, events, strict=True)]
        if brought:
            changes = [each._replace(payload=payload) for each, payload in zip(changes, brought, strict=True)]
        self._ledger.apply(changes)


def new_task(now: int, nth: int, batch: str | None) -> NewTask:
    """A task of one of the handlers; every third has a key. Those that shall be lost may be lost once."""
    policy = POLICY._replace(losses=1) if 985 <= nth < 995 else POLICY
    random = hashlib.sha256(f"{now} {nth}".encode()).digest()[:RANDOMNESS]
    task = Task(
        ordered_id(Tick(now, nth % 4_096), random),
        HANDLERS[nth % 8],
        QUEUES[nth // 8 % 4],
        policy,
        now,
        now,
        batch=batch,
        priority=nth % 3,
    )
    arguments = f'{{"source": "s3://media/november/f{nth:09}.wav", "language": "de"}}'
    return NewTask(task, arguments, key=f"f{nth:09}.wav" if nth % 3 == 0 else None, fingerprint="f" * 32)


def asleep(new: NewTask, now: int) -> NewTask:
    """The same, tomorrow."""
    return new._replace(task=new.task._replace(due_at=now + 86_400_000))


def run_of(each: Outgoing, now: int, worker: str) -> Run:
    """A run as a worker on SQS reports it."""
    run_id = f"{each.task.id[:8]}-{each.task.n:04}-4000-8000-{each.task.id[-12:]}"
    return Run(each.task.n, 1, run_id, worker, now + LEASE, now, "AQEB" + 350 * "r")


def reported(each: Outgoing, event: Event) -> Change:
    """The change that a report makes; its id is as random as a real one."""
    digits = hashlib.sha256(f"{each.task.id} {event!r}".encode()).hexdigest()
    return Change(each.task.id, event, f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}")


def failure(nth: int) -> Failure:
    """One of a dozen causes."""
    kind = ("ValueError", "TimeoutError", "OSError")[nth % 3]
    where = HANDLERS[nth % 4]
    return Failure(FailureKind.EXCEPTION, kind, f"no samples in {where}", f"media.py:{where}", "Traceback ...\n" * 20)


POLICY = Policy(LEASE)


# -- copying -----------------------------------------------------------------------------------------------------------


def copied(table: str, dialect: str, first: int, last: int) -> str:
    """Copies of the first block's rows in one table, for each block from ``first`` to ``last``."""
    key = "number" if table == "tasks" else "task"
    columns = [column.name for column in METADATA.tables[table].columns]
    changed = dict(changes(table, dialect))
    taken = ", ".join(changed.get(column, f'"{column}"') for column in columns)
    given = ", ".join(f'"{column}"' for column in columns)
    return (
        f"INSERT INTO {table} ({given}) SELECT {taken} FROM {counted(dialect, first, last)} CROSS JOIN {table} "  # noqa: S608 - names of our own schema
        f"WHERE {key} <= {BLOCK} ORDER BY k, {key}"
    )


def counted(dialect: str, first: int, last: int) -> str:
    """The numbers of some blocks, as rows with one column ``k``."""
    if dialect == "postgresql":
        return f"generate_series({first}, {last}) AS blocks (k)"
    values = ", ".join(f"({k})" for k in range(first, last + 1))
    return f"(SELECT column1 AS k FROM (VALUES {values}))"  # noqa: S608 - numbers and names of our own


def changes(table: str, dialect: str) -> Iterator[tuple[str, str]]:
    """What a copy has instead: its own number, instants, ids, batch and key."""
    hexed = "lpad(to_hex({0}), {1}, '0')" if dialect == "postgresql" else "printf('%0{1}x', {0})"
    key = "number" if table == "tasks" else "task"
    number = f"({key} + k * {BLOCK})"
    own = hexed.format(f"{number} * 48271000003 % 281474976710656", 12)
    yield key, number
    for name in INSTANTS.get(table, ()):
        yield name, f'CASE WHEN "{name}" > 0 THEN "{name}" + k * {EACH} ELSE "{name}" END'
    if table == "tasks":
        at = hexed.format(f"(created_at + k * {EACH})", 12)
        yield "id", f"substr({at}, 1, 8) || '-' || substr({at}, 9, 4) || substr(id, 14, 11) || {own}"
        yield "ended_no", f"ended_no + k % {BATCHED} * {BLOCK * 9 // 10}"
    if table in {"tasks", "task_keys"}:
        yield "batch", f"CASE WHEN batch = 'past-0' THEN 'past-' || (k / {BATCHED}) ELSE batch END"
    if table in {"bodies", "task_keys"}:
        yield "key", "key || '/' || k"
    if table in {"tasks", "runs", "run_outputs", "audit"}:
        yield "run_id", f"substr(run_id, 1, 24) || {own}"
    if table == "status_ids":
        yield "id", f"substr(id, 1, 24) || {own}"


def batches(first: int, last: int) -> str:
    """The batches that begin among these blocks, with as many outcomes as there are."""
    begun = [k for k in range(first, last + 1) if k % BATCHED == 0]
    rows = ", ".join(f"('past-{k // BATCHED}', {k * EACH})" for k in begun) or "('past-0', 0)"
    return (
        f"INSERT INTO batches (name, created_at) SELECT column1, column2 + b.created_at FROM (VALUES {rows}) AS v "  # noqa: S608 - numbers and names of our own
        "CROSS JOIN (SELECT created_at FROM batches WHERE name = 'past-0') AS b WHERE true ON CONFLICT DO NOTHING"
    )


COUNT = """
INSERT INTO counters (queue, state, name, batch, error_group, tasks)
SELECT queue, state, name, coalesce(batch, ''), coalesce(error_group, ''), count(*) FROM tasks GROUP BY 1, 2, 3, 4, 5
"""
ENDED = """
UPDATE batches SET ended = counted.ended
FROM (SELECT batch, max(ended_no) AS ended FROM tasks WHERE batch IS NOT NULL GROUP BY batch) AS counted
WHERE counted.batch = batches.name
"""
