"""Why something happened: an explanation is either in the run's own history, or a blow that fits in time and place."""

from __future__ import annotations

from collections.abc import Iterator

from tests.soak.checker.evidence import MS, SECOND, Blow, Evidence, Execution, Row

SOON = 3 * SECOND
"""What is killed is dead, and what goes wrong has its effect, within this; the machine may be busy."""
DUPLICATES_LATER = 60 * SECOND
"""So much later a second copy of a message may arrive."""
NEAR_THE_END = 4 * SECOND
"""Of the lease: a run that lived until then was stopped because of it (margin, grace and a late start)."""
ON_EVERYBODY = "machine-stall"
"""The machine under all of it stood still, for every process that was there."""
STANDING_STILL = ("node-pause", ON_EVERYBODY)
ON_THE_WORKER = ("worker-kill", "worker-drain", "worker-pause", *STANDING_STILL)
ON_THE_PROCESS = ("slot-kill", "guard-kill")
ON_THE_WAY = (
    "queue-purge",
    "queue-restart",
    "queue-misbehaves",
    "link-cut",
    "link-blackhole",
    "link-slow",
    "database-crash",
    "orchestrator-kill",
    "orchestrator-pause",
    "store-full",
    "scratch-full",
    ON_EVERYBODY,
)
"""What can lose or delay a report, or its record, without any harm to the run."""


class Causes:
    """Looks for what explains something."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._ends = evidence.noted("ended")

    # ---------------------------------------------------------------- a run that fell silent

    def of_death(self, execution: Execution) -> str | None:
        """Why a run has no end in its history."""
        if execution.end == "dying":
            return "it killed itself"
        first, last = execution.began, execution.last
        for blow in self._between(first - SECOND, last + SOON):
            if blow.kind in ON_THE_PROCESS and execution.pid in blow.pids and blow.start <= last + SOON:
                return blow.kind
            if blow.kind in ON_THE_WORKER and self._hit(blow, execution):
                return blow.kind
        if last - first >= self.evidence.lease - NEAR_THE_END:
            return "lease overrun"
        if self._ended(execution.worker, execution.generation, first, last + SOON):
            return "its worker ended"
        return None

    def of_pause(self, execution: Execution) -> bool:
        """Whether its whole machine stood still while it lived, or just before its last sign."""
        return any(
            blow.kind in STANDING_STILL and self._hit(blow, execution)
            for blow in self._between(execution.began - SOON, execution.last)
        )

    # ---------------------------------------------------------------- a second run

    def of_second(self, first: Execution, second: Execution) -> str | None:
        """Why a task was run again after a run of it."""
        if first.end == "raised" and first.error != "Unrecoverable":
            return "retry"
        if first.end in {"returned", "raised"}:
            return self.of_lost_report(first, first.end_at - SECOND, second.began) or self.of_copy(first, second)
        if first.end == "interrupted":
            return self.of_death(first)
        return self.of_death(first)

    def of_copy(self, first: Execution, second: Execution) -> str | None:
        """A copy that the queue made of a message has its receive count, and outlives the delete of the other."""
        copied = self.evidence.topology == "two-queue" and first.token == second.token
        return "the queue delivered twice" if copied and self.misbehaved(first, second) else None

    def of_lost_report(self, execution: Execution, since: int, until: int) -> str | None:
        """Why the end of a run may not have become known in time."""
        for blow in self._between(since, until):
            on_process = blow.kind in ON_THE_PROCESS and execution.pid in blow.pids
            if on_process or (blow.kind in ON_THE_WORKER and self._hit(blow, execution)):
                return f"{blow.kind} before its report"
        if self._ended(execution.worker, execution.generation, since, until):
            return "its worker ended before its report"
        return next((blow.kind for blow in self._between(since, until) if blow.kind in ON_THE_WAY), None)

    def of_overlap(self, first: Execution, second: Execution) -> str | None:
        """Why two runs lived at once: the only reasons that are promised to be the only ones."""
        if self.of_pause(first) or self.of_pause(second):
            return "node-pause"
        if self.evidence.topology == "two-queue" and first.n == second.n and self.misbehaved(first, second):
            return "the queue delivered twice"
        return None

    def misbehaved(self, first: Execution, second: Execution) -> bool:
        """Whether the queue may have made a second copy of the message that two runs came from."""
        since, until = first.began - DUPLICATES_LATER, second.began
        return any(blow.kind == "queue-misbehaves" for blow in self._between(since, until))

    # ---------------------------------------------------------------- what the ledger charged

    def of_failure(self, row: Row, execution: Execution | None) -> str | None:
        """Why the ledger has a failure of a run."""
        if execution is None:
            return self._before_it_began(row)
        if execution.end == "raised":
            return f"it raised {execution.error}"
        if execution.end == "returned":
            return self.of_lost_report(execution, execution.began, execution.end_at + SOON)
        return self.of_death(execution)

    def of_loss(self, row: Row) -> str | None:
        """Why the ledger thought that a run was lost."""
        since = ms(row["lost_at"])
        if row["started_at"] is not None:
            since = ms(row["started_at"])
        elif row["lease_until"] is not None:  # it was claimed, and nothing was heard of it: its lease tells when
            since = ms(row["lease_until"]) - self.evidence.lease
        for blow in self._between(since - SOON, ms(row["lost_at"])):
            if blow.kind in ON_THE_WAY or (blow.kind in ON_THE_WORKER and blow.target == row["worker"]):
                return blow.kind
            if blow.kind == "worker-kill":
                return "worker-kill"
        return None

    def _before_it_began(self, row: Row) -> str | None:
        """Why a run failed that never came as far as its handler."""
        since = ms(row["started_at"] or row["ended_at"]) - SOON
        until = ms(row["ended_at"]) + SOON
        kinds = (*ON_THE_PROCESS, *ON_THE_WORKER, "store-full", "scratch-full")
        return next((blow.kind for blow in self._between(since, until) if blow.kind in kinds), None)

    # ---------------------------------------------------------------- looks

    def _between(self, since: int, until: int) -> Iterator[Blow]:
        """Blows that were there at some time between, a little later included for what is still taking effect."""
        return (blow for blow in self.evidence.blows if blow.start <= until and blow.end + SOON >= since)

    def _hit(self, blow: Blow, execution: Execution) -> bool:
        theirs = (blow.target, blow.generation) == (execution.worker, execution.generation)
        return theirs or blow.kind == ON_EVERYBODY

    def _ended(self, worker: str, generation: int, since: int, until: int) -> bool:
        return any(
            (line["process"], line["generation"]) == (worker, generation) and since <= line["at"] <= until
            for line in self._ends
        )


def ms(instant: int) -> int:
    """An instant of the ledger, as histories have it."""
    return instant * MS
