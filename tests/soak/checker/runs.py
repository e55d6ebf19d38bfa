"""What the runs themselves wrote down, held against what is promised of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations, pairwise

from tests.soak.checker.causes import SOON, Causes, ms
from tests.soak.checker.evidence import MS, SECOND, Evidence, Execution
from tests.soak.checker.ledger import Problem

NEVER = 1 << 62
"""ms."""
ROUNDING = SECOND
"""Between an instant of the ledger and one of a history: clocks of servers are read at other moments."""


class Runs:
    """Judges them, and counts what it could explain by its reason."""

    def __init__(self, evidence: Evidence, causes: Causes) -> None:
        self.evidence = evidence
        self.causes = causes
        self.again: Counter[str] = Counter()
        self.overlapping: Counter[str] = Counter()

    def problems(self) -> Iterator[Problem]:
        """Everything that has no explanation."""
        for task, executions in sorted(self.evidence.executions.items()):
            for sentence in (
                *self._seconds(executions),
                *self._overlaps(executions),
                *self._tokens(executions),
                *checkpoints(executions),
            ):
                yield Problem("duplicate", task, sentence)
            for sentence in self._past_the_lease(executions):
                yield Problem("lease", task, sentence)
        yield from self._charges()
        if self.evidence.topology == "single-queue":
            yield from self._after_the_outcome()

    def _seconds(self, executions: list[Execution]) -> Iterator[str]:
        for first, second in pairwise(executions):
            cause = self.causes.of_second(first, second)
            if cause is None:
                cause = self.causes.of_overlap(first, second) if first.last > second.began else None
            if cause is None:
                yield f"run {second.token} began although run {first.token} had {first.end or 'no reason to end'}"
            else:
                self.again[cause] += 1

    def _overlaps(self, executions: list[Execution]) -> Iterator[str]:
        for first, second in combinations(executions, 2):
            if first.last <= second.began:
                continue
            cause = self.causes.of_overlap(first, second)
            if cause is None:
                ms_together = (min(first.last, second.last) - second.began) // MS
                yield f"runs {first.token} and {second.token} lived at once, for {ms_together} ms at least"
            else:
                self.overlapping[cause] += 1

    def _tokens(self, executions: list[Execution]) -> Iterator[str]:
        for first, second in combinations(executions, 2):
            if first.token == second.token and not self._delivered_twice(first, second):
                yield f"two runs have the token {first.token}"

    def _delivered_twice(self, first: Execution, second: Execution) -> bool:
        """A duplicate of the queue's own: where runs are claimed, that is no excuse."""
        return self.evidence.topology == "two-queue" and self.causes.misbehaved(first, second)

    def _past_the_lease(self, executions: list[Execution]) -> Iterator[str]:
        ends = {
            (row["n"], row["r"]): row["lease_until"]
            for each in executions[:1]
            for row in self.evidence.runs[each.task]
            if row["lease_until"]
        }
        for each in executions:
            if self.causes.of_pause(each):
                continue
            until = min(each.began + self.evidence.lease, ms(ends.get(each.token, NEVER)) + ROUNDING)
            if each.last > until:
                yield f"run {each.token} was alive {(each.last - until) // MS} ms after its lease"

    def _charges(self) -> Iterator[Problem]:
        for task, rows in sorted(self.evidence.runs.items()):
            known = {each.token: each for each in self.evidence.executions.get(task, ())}
            for row in rows:
                token = row["n"], row["r"]
                if row["outcome"] == "completed" and token not in known:
                    yield Problem("unexpected", task, f"run {token} completed, and never began")
                if row["outcome"] == "failed" and self.causes.of_failure(row, known.get(token)) is None:
                    yield Problem("unexpected", task, f"run {token} failed for no reason: {row['failure']}")
                if row["lost_at"] is not None and self.causes.of_loss(row) is None:
                    yield Problem("unexpected", task, f"run {token} was thought lost for no reason")

    def _after_the_outcome(self) -> Iterator[Problem]:
        """Where runs are claimed, none begins after an outcome."""
        ended = {row["id"]: row["ended_at"] for row in self.evidence.tasks if row["ended_at"] is not None}
        for each in self.evidence.all_executions():
            late = each.began - ms(ended.get(each.task, NEVER)) - SOON
            if late > 0 and not self.causes.of_pause(each):
                yield Problem("duplicate", each.task, f"run {each.token} began after the task had its outcome")


def checkpoints(executions: list[Execution]) -> Iterator[str]:
    """A run loads the newest state that was saved before it, and never one that nobody saved.

    Once a run has returned, its task needs no checkpoint any more, and they may be gone. A run that shares its token
    with another, because the queue delivered its message twice, may load what that one has saved.
    """
    for place, each in enumerate(executions):
        loaded = next((step for step in each.steps if step[0] == "loaded"), None)
        if loaded is None:
            continue
        before = [one for one in executions[:place] if one.token < each.token]
        kept = not any(one.end == "returned" for one in before)
        sure = kept and max(
            [0, *(done for one in before for what, done, at in one.steps if what == "saved" and at < each.began)]
        )
        theirs = [one for one in executions if one is not each and one.token <= each.token]
        most = max([0, *(done for one in theirs for what, done, _ in one.steps if what == "saves")])
        if not sure <= loaded[1] <= most:
            yield f"run {each.token} loaded step {loaded[1]}, of which {sure} to {most} can have been saved"
