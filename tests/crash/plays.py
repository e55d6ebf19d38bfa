"""Slots in which each task's handler plays its part. They die with their worker, as their guards see to."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence

from leasehold.core.model import Failure, FailureKind
from leasehold.ports.clock import Clock
from leasehold.ports.slots import Answer, Began, Job, Loading, Raised, Returned, Saving, SlotEvent, Stopped, Told
from leasehold.testing.turns import next_turn, places_taken
from tests.crash.board import Journal

BOOM = Failure(FailureKind.EXCEPTION, "ValueError", "boom", "jobs.py:work")
OVERRUN = Failure(FailureKind.LEASE, "LeaseOverrun", "it was not over in time")
TICK = 1_000
LONG = 12
"""s that the long task takes unless it hears of its cancellation."""
LARGE = 60_000
"""Characters of arguments and results that go to the store."""

Play = Generator[SlotEvent | None, Answer | None, SlotEvent]
"""Yields what the handler does (``None``: it is at work, until the clock moves on) and returns how it ends."""


def label(name: str, arguments: str) -> str:
    """What a task is called: by its handler, or where several have one, with its number."""
    return f"{name} {json.loads(arguments)['x']}" if name == "together" else name


class Stage:
    """What a play can see of its run."""

    def __init__(self, job: Job, clock: Clock, journal: Journal) -> None:
        self.job = job
        self.clock = clock
        self.interrupted: str | None = None
        self._journal = journal

    def returned(self, result: str) -> Returned:
        self.note("returned", result=result[:40])
        return Returned(self.job.run_id, self.clock.boot(), result)

    def raised(self, *, for_good: bool = False) -> Raised:
        self.note("raised")
        return Raised(self.job.run_id, self.clock.boot(), BOOM, unrecoverable=for_good)

    def stopped(self, cause: str) -> Stopped:
        self.note("stopped", cause=cause)
        return Stopped(self.job.run_id, self.clock.boot(), cause, begun=True)

    def note(self, kind: str, **said: object) -> None:
        job = self.job
        name = label(job.name, job.arguments)
        self._journal.note(kind, task=job.task_id, name=name, run=job.run_id, token=(job.n, job.r), **said)

    def heard(self, kind: str) -> int:
        """How often this was noted of the task."""
        return sum(note.said["task"] == self.job.task_id for note in self._journal.notes(kind))


def plain(stage: Stage) -> Play:
    yield Told(stage.job.run_id, 0.5, None)
    return stage.returned('"done"')


def flaky(stage: Stage) -> Play:
    """Fails once, then succeeds."""
    yield from ()
    return stage.returned('"at last"') if stage.heard("raised") else stage.raised()


def doomed(stage: Stage) -> Play:
    yield from ()
    return stage.raised()


def retried(stage: Stage) -> Play:
    """Fails for good, until a person has asked for another try."""
    yield from ()
    return stage.returned('"repaired"') if stage.heard("retry asked") else stage.raised(for_good=True)


def saver(stage: Stage) -> Play:
    """Goes on from its last checkpoint, saves two more, and returns what needs the store."""
    run_id = stage.job.run_id
    answer = yield Loading(run_id)
    state = int((answer.state if answer is not None else None) or 0)
    stage.note("loaded", state=state)
    for _ in range(2):
        state += 1
        yield Saving(run_id, str(state), state / 10, None)
        stage.note("saved", state=state)
    return stage.returned('"' + "r" * LARGE + '"')


def long(stage: Stage) -> Play:
    """Tells its progress each second, and stops when it hears that nobody wants it."""
    for second in range(LONG):
        yield Told(stage.job.run_id, second / LONG, None)
        until = stage.clock.boot() + TICK
        while stage.clock.boot() < until:
            if stage.interrupted is not None:
                return stage.stopped(stage.interrupted)
            yield None
    return stage.returned('"nobody asked"')


def together(stage: Stage) -> Play:
    """Takes a turn; the second of its bundle fails once."""
    yield None
    second = label(stage.job.name, stage.job.arguments).endswith("2")
    return stage.raised() if second and not stage.heard("raised") else stage.returned('"in turn"')


PLAYS: Mapping[str, Callable[[Stage], Play]] = {
    "plain": plain,
    "flaky": flaky,
    "doomed": doomed,
    "retried": retried,
    "saver": saver,
    "long": long,
    "buried": plain,
    "together": together,
    "dropped": plain,
}


class PlayedSlots:
    """The Slots port, deterministic: every run goes as far as it can whenever it is looked at."""

    def __init__(self, size: int, clock: Clock, journal: Journal) -> None:
        self._size = size
        self._clock = clock
        self._journal = journal
        self._stages: dict[str, Stage] = {}
        self._plays: dict[str, Play] = {}
        self._asking: set[str] = set()
        self._answers: dict[str, Answer] = {}
        self._happened: list[SlotEvent] = []
        self._line: deque[Job] = deque()

    def free(self) -> int:
        return max(0, self._size - places_taken(self._line, self._jobs()))

    def _jobs(self) -> list[Job]:
        return [self._stages[run_id].job for run_id in self._plays]

    def knows(self, name: str) -> bool:
        return name in PLAYS

    def start(self, jobs: Sequence[Job]) -> None:
        self._line.extend(jobs)
        self._feed()

    def _feed(self) -> None:
        while len(self._plays) < self._size and (job := next_turn(self._line, self._jobs())) is not None:
            if self._clock.boot() > job.start_by_boot:
                self._happened.append(Stopped(job.run_id, self._clock.boot(), "too late", begun=False))
                continue
            self._stages[job.run_id] = stage = Stage(job, self._clock, self._journal)
            self._plays[job.run_id] = PLAYS[job.name](stage)
            stage.note("began")
            self._happened.append(Began(job.run_id, self._clock.boot()))

    def events(self, wait: int) -> list[SlotEvent]:
        del wait
        for run_id in list(self._plays):
            self._go_on(run_id)
        self._feed()
        events, self._happened = self._happened, []
        return events

    def _go_on(self, run_id: str) -> None:
        stage = self._stages[run_id]
        if self._clock.boot() >= stage.job.deadline_boot:
            stage.note("overrun")
            self._end(Raised(run_id, stage.job.deadline_boot, OVERRUN))
        while run_id in self._plays and run_id not in self._asking:
            try:
                event = self._plays[run_id].send(self._answers.pop(run_id, None))
            except StopIteration as end:
                self._end(end.value)
                return
            if event is None:
                return
            self._happened.append(event)
            if isinstance(event, Loading | Saving):
                self._asking.add(run_id)
            else:
                return

    def _end(self, event: SlotEvent) -> None:
        del self._plays[event.run_id]
        self._asking.discard(event.run_id)
        self._happened.append(event)

    def wake(self) -> None:
        pass

    def answer(self, run_id: str, answer: Answer) -> None:
        self._asking.discard(run_id)
        self._answers[run_id] = answer
        self._stages[run_id].interrupted = self._stages[run_id].interrupted or answer.interrupted

    def interrupt(self, reason: str, run_ids: Sequence[str] | None = None) -> None:
        for run_id in list(self._plays) if run_ids is None else run_ids:
            self._stages[run_id].interrupted = reason

    def take_back(self, run_ids: Sequence[str], cause: str) -> None:
        pass

    def stop(self, run_ids: Sequence[str], cause: str) -> None:
        for job in [job for job in self._line if job.run_id in run_ids]:
            self._line.remove(job)
            self._happened.append(Stopped(job.run_id, self._clock.boot(), cause, begun=False))
        for run_id in run_ids:
            if run_id in self._plays:
                self._end(self._stages[run_id].stopped(cause))

    def close(self) -> None:
        pass
