"""Why a task is not done: one paragraph, and what somebody could do about it. Pure; for every face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from leasehold.core.alarms import silence_ends
from leasehold.core.model import Audit, Status, Task, Why
from leasehold.core.step import awaits_turn
from leasehold.core.transitions import DUE, IN_PROGRESS, QUEUED
from leasehold.core.units import DAY, SECOND, say_duration
from leasehold.ports.views import QueueView, RunView, TaskView

LATE = 60 * SECOND
"""What an orchestrator owes for longer than this, it is not there to give."""


class Remedy(NamedTuple):
    """Something that a person can do: in words, and as a command (without the program's name)."""

    words: str
    command: str


class Explanation(NamedTuple):
    """Why a task stands where it stands."""

    paragraph: str
    remedies: tuple[Remedy, ...]


class Case(NamedTuple):
    """All that an explanation rests on. ``zone``: in which to say times, ``None`` for this machine's."""

    view: TaskView
    runs: Sequence[RunView]
    trail: Sequence[Audit]
    queue: QueueView | None
    now: int
    zone: tzinfo | None = None

    @property
    def task(self) -> Task:
        """The hot row."""
        return self.view.task

    def at(self, instant: int) -> str:
        """``14:03:07 (12 s ago)``; with the date when it is not within a day."""
        return say_instant(instant, self.now, self.zone)

    def last(self, *kinds: str) -> Audit | None:
        """The newest line of the trail that is of one of these kinds."""
        return next((line for line in reversed(self.trail) if line.kind in kinds), None)

    def count(self, state: str) -> int:
        """How many tasks of its queue are in that state."""
        counts: Mapping[str, int] = self.queue.counts if self.queue else {}
        return counts.get(state, 0)


def say_instant(instant: int, now: int, zone: tzinfo | None = None) -> str:
    """``14:03:07 (12 s ago)`` or ``2026-11-02 14:03:07 (in 3 d 4 h)``, in ``zone`` (``None``: this machine's)."""
    local = datetime.fromtimestamp(instant / SECOND, UTC).astimezone(zone)
    shown = f"{local:%H:%M:%S}" if abs(instant - now) < DAY // 2 else f"{local:%Y-%m-%d %H:%M:%S}"
    return f"{shown} ({say_age(instant, now)})"


def say_age(instant: int, now: int) -> str:
    """``12 s ago``, ``in 5 min``, ``now``."""
    gap = instant - now
    if abs(gap) < SECOND:
        return "now"
    return f"in {say_duration(gap)}" if gap > 0 else f"{say_duration(-gap)} ago"


def explain(case: Case) -> Explanation:
    """Why the task stands where it stands, what was spent on it, and what to do."""
    rule = _RULES[case.task.why or case.task.status]
    story = rule(case)
    paragraph = " ".join(sentence for sentence in (story.paragraph, spent(case)) if sentence)
    return Explanation(paragraph, story.remedies)


# ---------------------------------------------------------------- pending


def on_blocked(case: Case) -> Explanation:
    """Other tasks come first."""
    return _told("It waits for other tasks to end first", cancel(case))


def on_scheduled(case: Case) -> Explanation:
    """A time has to come: the submitter's, a backoff's, or a refusal's."""
    due = case.at(case.task.due_at)
    line = case.last("failed", "refused", "unsendable", "released", "retried", "submitted")
    if case.now - case.task.due_at > LATE:
        return _told(f"Its time came at {due}, but no orchestrator has made it due", orchestrate())
    if line is None or line.kind not in ("failed", "refused", "unsendable"):
        return _told(f"It is not to start before {due}", cancel(case))
    if line.kind == "refused":
        return _told(f"{_sentence(line.detail)}. It will be offered again at {due}", teach(case))
    tries = f"attempt {case.task.attempts + 1} of {case.task.policy.attempts}"
    if line.kind == "unsendable":
        return _told(f"{_sentence(line.detail)}. It will be sent again at {due}, {tries}", cancel(case))
    return _told(f"Its last run failed: {_quoted(line.detail)}. It will be tried again at {due}, {tries}", cancel(case))


def on_due(case: Case) -> Explanation:
    """It could go out: somebody holds the queue, is in front of it, or is missing."""
    queue = case.task.queue
    if case.queue is not None and case.queue.paused:
        paused = f"Queue {queue!r} is paused, so none of its tasks is sent out"
        return _told(paused, Remedy("let the queue go on", f"queue resume {queue}"))
    others = max(0, case.count(DUE) - 1)
    ahead = f"with {_tasks(others, 'other')} of queue {queue!r}" if others else f"alone in queue {queue!r}"
    if case.now - case.task.updated_at > LATE and not case.count(QUEUED) + case.count(IN_PROGRESS):
        idle = f"It has been due since {case.at(case.task.updated_at)}, but nothing of queue {queue!r} is sent out"
        return _told(f"{idle}: no orchestrator seems to be running", orchestrate())
    due = f"It is due since {case.at(case.task.updated_at)} and waits in the ledger, {ahead}, for its turn"
    if case.count(QUEUED) and not case.count(IN_PROGRESS):
        stuck = f"{_tasks(case.count(QUEUED))} of that queue {_are(case.count(QUEUED))} sent out and none is running"
        return _told(f"{due}: {stuck}, so perhaps no worker serves it", serve(queue))
    return _told(due)


def on_queued(case: Case) -> Explanation:
    """It is on the queue: workers are busy, missing, or do not know it."""
    queue, line = case.task.queue, case.last("refused", "released", "dispatched", "retried")
    if line is not None and line.kind == "refused":
        return _told(f"{_sentence(line.detail)}. It is on queue {queue!r} again for a worker that does", teach(case))
    given_back = f" Its last run gave it back ({line.detail})." if line and line.kind == "released" else ""
    if case.now > case.task.void_at + LATE:
        lost = f"Its message on queue {queue!r} is lost since {case.at(case.task.void_at)}"
        return _told(f"{lost}, and no orchestrator has sent another", orchestrate())
    running, waiting = case.count(IN_PROGRESS), max(0, case.count(QUEUED) - 1)
    if awaits_turn(case.task):
        turn = f"Worker {case.task.worker} holds it in a bundle of {case.task.members}, and has not come to it yet"
        return _told(f"{turn}; its lease ends at {case.at(case.task.lease_until)}", logs(case))
    shared = f" in a bundle of {case.task.members}" if case.task.members > 1 else ""
    since = f"It is on queue {queue!r}{shared} since {case.at(case.task.updated_at)}"
    if not running:
        idle = f"{since}, but nothing of that queue is running: perhaps no worker serves it.{given_back}"
        return _told(idle, serve(queue))
    crowd = (
        f"{_tasks(running)} of that queue {_are(running)} running, {_tasks(waiting, 'other')} {_are(waiting)} queued"
    )
    return _told(f"{since} and waits for a free worker: {crowd}.{given_back}")


def on_lapsed(case: Case) -> Explanation:
    """A run is over without an end to its message; the redelivery brings the next run."""
    task, line = case.task, case.last("failed", "lapsed", "recalled", "retried")
    back = f"Its message comes back to queue {task.queue!r} by itself"
    ends = silence_ends(task)
    if case.now > ends + LATE:
        return _told(f"{back}, or should have by {case.at(ends)}; no orchestrator has sent another", orchestrate())
    latest = f"{back}, or another is sent at {case.at(ends)}"
    if line is not None and line.kind == "failed":
        return _told(f"Its last run failed: {_quoted(line.detail)}. {latest}")
    ended = f"its lease ended at {case.at(task.lease_until)}"
    if line is not None and line.kind == "recalled":
        ended = "its machine is gone for good"
    return _told(f"Nothing was heard of its run on worker {task.worker}, and {ended}. {latest}", logs(case))


# ---------------------------------------------------------------- under way, and ended


def on_in_progress(case: Case) -> Explanation:
    """A worker holds it."""
    task, view = case.task, case.view
    begun = next((run.started_at for run in case.runs if run.run_id == task.run_id), None) or task.started_at
    since = f" since {case.at(begun)}" if begun is not None else ""
    if case.now > task.lease_until + LATE:
        over = f"Worker {task.worker} held it{since}, but that lease ended at {case.at(task.lease_until)}"
        return _told(f"{over} and nobody has noted it: no orchestrator seems to be running", orchestrate())
    done = f", {view.fraction:.0%} done" if view.fraction is not None else ""
    note = f" ({view.note})" if view.note else ""
    held = f"Worker {task.worker} runs it{since}{done}{note} and holds its lease until {case.at(task.lease_until)}"
    return _told(f"{held}; if that worker vanishes, another one takes over then", logs(case), cancel(case))


def on_completed(case: Case) -> Explanation:
    """It is done."""
    task = case.task
    run = next((run for run in reversed(case.runs) if run.outcome == "completed"), None)
    by = f" by worker {run.worker}" if run is not None and run.worker else ""
    took = f" after {say_duration(run.ended_at - run.started_at)}" if run and run.ended_at and run.started_at else ""
    return _told(f"It is done: completed at {case.at(task.ended_at or task.updated_at)}{by}{took}", show(case))


def on_failed(case: Case) -> Explanation:
    """Given up: by its code, or because machine after machine went away."""
    task = case.task
    ended = case.at(task.ended_at or task.updated_at)
    again = Remedy("try it again with fresh budgets", f"tasks retry {task.id}")
    if task.inferred:
        lost = f"It was given up at {ended}: its machine went away {task.losses} times, and no more losses are allowed"
        return _told(f"{lost}. A late report of one of those runs would still put that right", again, logs(case))
    left = task.policy.attempts - task.attempts
    final = "its last attempt is spent" if left <= 0 else "trying again cannot help"
    return _told(f"It failed at {ended}: {_quoted(task.reason)}, and {final}", again, logs(case))


def on_cancelled(case: Case) -> Explanation:
    """Somebody, or the failure of a parent, called it off."""
    task = case.task
    said = f"It was {task.reason or 'cancelled'}"
    if task.cancelled_by:
        said = f"It was cancelled because its parent {task.cancelled_by} did not succeed"
    said = f"{said}, at {case.at(task.ended_at or task.updated_at)}"
    if task.open and task.run_open and task.lease_until > case.now:
        said += f". A run of it may live on until {case.at(task.lease_until)}; what it reports is kept, but not counted"
    return _told(said, Remedy("take it up again", f"tasks retry {task.id}"))


def spent(case: Case) -> str:
    """What its budgets have paid so far, where anything."""
    task = case.task
    parts = [f"{task.attempts} of {task.policy.attempts} attempts"] if task.attempts else []
    parts += [f"{task.losses} of {task.policy.losses} losses"] if task.losses else []
    used = "It used" if task.terminal else "So far it has used"
    return f"{used} {' and '.join(parts)}." if parts else ""


_RULES = {
    Why.BLOCKED: on_blocked,
    Why.SCHEDULED: on_scheduled,
    Why.DUE: on_due,
    Why.QUEUED: on_queued,
    Why.LAPSED: on_lapsed,
    Status.IN_PROGRESS: on_in_progress,
    Status.COMPLETED: on_completed,
    Status.FAILED: on_failed,
    Status.CANCELLED: on_cancelled,
}

# ---------------------------------------------------------------- what one can do


def cancel(case: Case) -> Remedy:
    """Call it off."""
    return Remedy("call it off", f"tasks cancel {case.task.id}")


def logs(case: Case) -> Remedy:
    """Read what its runs wrote."""
    return Remedy("read what its runs wrote", f"tasks logs {case.task.id}")


def show(case: Case) -> Remedy:
    """See its result and its whole story."""
    return Remedy("see its result and its story", f"tasks show {case.task.id}")


def teach(case: Case) -> Remedy:
    """Start a worker that has the handler."""
    worker = f"worker --queues {case.task.queue} --app MODULE:APP"
    return Remedy(f"start a worker whose application has {case.task.name!r}", worker)


def serve(queue: str) -> Remedy:
    """Start a worker."""
    return Remedy("start a worker for it", f"worker --queues {queue}")


def orchestrate() -> Remedy:
    """Start an orchestrator."""
    return Remedy("start an orchestrator", "orchestrator")


# ---------------------------------------------------------------- words


def _told(said: str, *remedies: Remedy) -> Explanation:
    return Explanation(said if said.endswith(".") else f"{said}.", remedies)


def _quoted(text: str | None) -> str:
    """The first line of what a failure said."""
    first = (text or "").strip().splitlines()
    return f'"{first[0].rstrip(".")}"' if first else "it did not say why"


def _sentence(text: str | None) -> str:
    said = (text or "no worker knows its handler").strip().rstrip(".")
    return said[:1].upper() + said[1:]


def _tasks(count: int, which: str = "") -> str:
    return f"{count:,} {which} {'task' if count == 1 else 'tasks'}".replace("  ", " ")


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
