"""Forgetting what has ended long ago, on a relational database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leasehold.adapters.database.connection import Database, Row, Transaction
from leasehold.adapters.database.damage import Damage
from leasehold.adapters.database.oddities import RUN_COLUMNS, odd_run, odd_task
from leasehold.adapters.database.rows import TASK_COLUMNS, task_of
from leasehold.adapters.database.tally import HAPPENED, Tally
from leasehold.adapters.database.views import run_view, task_view
from leasehold.core.model import Audit, Status, Task
from leasehold.core.redaction import Redaction
from leasehold.ports.retention import Aged, Leftover, Story
from leasehold.ports.views import RunView

LAST = 2**62
"""No task has such a number."""
ENDED = 8
"""The place of a task's end among the values of "hold"."""


class DatabaseRetention:
    """The part of ``DatabaseLedger`` that forgets, on the same database. See ``Retention`` for the promises."""

    def __init__(self, database: Database, redaction: Redaction | None = None) -> None:
        """``redaction``: what of a task's arguments is not shown."""
        self.database = database
        self._redaction = redaction or Redaction()
        self._sql = database.sql("retention")
        self._damage = Damage()

    def now(self) -> int:
        """The database's clock."""
        return self.database.now()

    def aged(self, status: Status, after: int, limit: int) -> list[Aged]:
        """The next tasks of that status beyond a place, in the order of submits."""
        given = {"state": status.value, "after": after, "below": LAST}
        aged = self._sql["aged"]
        with self.database.read() as tx:
            rows = self._damage.up_to(limit, 1, lambda length: tx.rows(aged, {**given, "limit": length}))
        return [Aged(number, task_of(tuple(row)), bool(keyed)) for number, *row, keyed in rows]

    def stories(self, tasks: Sequence[Task]) -> list[Story]:
        """Those that are still there and can be read, in the order of submits."""
        with self.database.read() as tx:
            given = {"ids": tx.array([task.id for task in tasks])}
            bodies, runs, trails = (tx.rows(self._sql[name], given) for name in ("bodies of", "runs of", "trails of"))
        odd = odd_in(bodies, runs)
        for task_id, told in odd.items():
            self._damage.name(task_id, told)
        runs_of: dict[str, list[RunView]] = {}
        trail_of: dict[str, list[Audit]] = {}
        for task_id, *run in runs:
            if task_id not in odd:
                runs_of.setdefault(task_id, []).append(run_view(task_id, tuple(run)))
        for task_id, *line in trails:
            trail_of.setdefault(task_id, []).append(Audit(*line))
        return [self._story(row, runs_of, trail_of) for row in bodies if row[0] not in odd]

    def _story(self, row: Row, runs: dict[str, list[RunView]], trails: dict[str, list[Audit]]) -> Story:
        view = task_view(row)
        if view.arguments is not None:
            view = view._replace(arguments=self._redaction.shown(view.arguments))
        return Story(view, runs.get(view.task.id, []), trails.get(view.task.id, []))

    def forget(self, tasks: Sequence[Task], *, trails: bool, archived: bool) -> list[str]:
        """Remove these tasks with all that is kept of them; the ids of those that went."""

        def work(tx: Transaction) -> list[str]:
            return self._forget(tx, tasks, trails=trails, archived=archived)

        return self.database.transact(work, repeatable=True) if tasks else []

    def forget_trails(self, ended_before: int, limit: int) -> int:
        """Remove trails of forgotten tasks that ended before that instant; how many."""

        def work(tx: Transaction) -> int:
            old = tx.rows(self._sql["old trails"], {"before": ended_before, "limit": limit})
            if old:
                numbers = {"numbers": tx.array([str(number) for (number,) in old])}
                tx.run(self._sql["drop trails"], numbers)
                tx.run(self._sql["drop forgotten"], numbers)
            return len(old)

        return self.database.transact(work, repeatable=True)

    def leftovers(self, limit: int) -> list[Leftover]:
        """What is to be removed from the store."""
        with self.database.read() as tx:
            return [Leftover(*row) for row in tx.rows(self._sql["leftovers"], {"limit": limit})]

    def cleared(self, leftovers: Sequence[Leftover]) -> None:
        """They are removed."""

        def work(tx: Transaction) -> int:
            numbers = tx.array([str(each.number) for each in leftovers])
            return tx.run(self._sql["drop leftovers"], {"numbers": numbers})

        self.database.transact(work, repeatable=True)

    def _forget(self, tx: Transaction, tasks: Sequence[Task], *, trails: bool, archived: bool) -> list[str]:
        sql = self._sql
        if tx.rows(sql["busy"]):  # its cursor and its ceiling are tasks
            return []
        versions = {task.id: task.version for task in tasks}
        held = tx.rows(sql["hold"], {"ids": tx.array(list(versions))})
        rows = [row for row in held if versions[row[2]] == row[1]]
        if not rows:
            return []
        numbers = {"numbers": tx.array([str(row[0]) for row in rows])}
        kept = [] if archived else [key for (key,) in tx.rows(sql["stored"], numbers)]
        tx.run_many(sql["add leftover"], [(key,) for key in (*kept, *folders(rows))])
        tx.run_many(sql["drop key"], keys_of(rows))
        if not trails:
            tx.run_many(sql["add forgotten"], [(row[0], row[2], row[4], row[ENDED]) for row in rows])
        for what in ("bodies", "values", "results", "runs", "outputs", *(["trails"] if trails else []), "tasks"):
            tx.run(sql[f"drop {what}"], numbers)
        counted(rows).save(tx, sql)
        return [row[2] for row in rows]


def odd_in(bodies: Sequence[Row], runs: Sequence[Row]) -> dict[str, str]:
    """Tasks of which nobody can read the row or a run, and why."""
    odd = {row[0]: told for row in bodies if (told := odd_task(row[: len(TASK_COLUMNS)]))}
    columns = slice(1, 1 + len(RUN_COLUMNS))
    return odd | {row[0]: f"of one of its runs, {told}" for row in runs if (told := odd_run(row[columns]))}


def folders(rows: Sequence[Row]) -> Iterator[str]:
    """Where these tasks may have left something that no row names.

    One that was completed by its only run had its checkpoints removed by its worker, and was never cancelled.
    """
    for _, _, task_id, _, state, *_, n, r, _ in rows:
        if state != Status.COMPLETED or n > 1 or r > 1:
            yield f"checkpoints/{task_id}/"
        if state == Status.CANCELLED:
            yield f"cancelled/{task_id}/"


def keys_of(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """The keys that are free again, in the order in which all lock them."""
    return sorted((row[-1], row[5], row[6] or "", row[0]) for row in rows if row[-1] is not None)


def counted(rows: Sequence[Row]) -> Tally:
    """They are in their cells no more; how many of a batch are gone is counted."""
    tally = Tally()
    for _, _, _, queue, state, name, batch, group, *_ in rows:
        tally.add((queue, state, name, batch or "", group or ""), -1)
        tally.add((queue, f"{HAPPENED}forgotten {state}", name, batch or "", ""), 1)
    return tally
