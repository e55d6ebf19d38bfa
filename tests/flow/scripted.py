"""The outside of a worker, played by a script: slots, an outbox, and a queue that keeps a journal."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Unpack

from leasehold.adapters.memory import Faults, MemoryQueue
from leasehold.adapters.memory.faults import Rates
from leasehold.adapters.memory.queue import MemoryTerms
from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.errors import QueueUnavailable, StoreUnavailable
from leasehold.core.model import Failure, FailureKind
from leasehold.core.reports import Malformed, Update, UpdateKind
from leasehold.core.wire import TaskMessage, WireTask, encode_task_message
from leasehold.flow.errands import Work
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Message, NotSent, QueueTraits, Received, Sent
from leasehold.ports.slots import (
    Answer,
    Began,
    Job,
    Loading,
    Raised,
    Returned,
    Saving,
    SlotEvent,
    Stopped,
    Told,
)
from leasehold.testing.clock import START
from leasehold.testing.turns import next_turn, places_taken

BOOM = Failure(FailureKind.EXCEPTION, "ValueError", "boom", "jobs.py:work")
MINUTE = 60_000


def task_id(number: int) -> str:
    return f"01900000-0000-7000-8000-{number:012d}"


def a_message(number: int = 1, **fields: object) -> TaskMessage:
    """A task message as a dispatcher sends it; fields of its task are taken too."""
    task = WireTask(task_id(number), 1, f"{number:032x}", '{"x":1}')
    task = task._replace(**{name: fields.pop(name) for name in WireTask._fields if name in fields})
    message = TaskMessage("work", MINUTE, START + 10 * MINUTE, (task,), "default")
    return message._replace(**fields)


def a_bundle(*numbers: int, **fields: object) -> TaskMessage:
    """A message of several tasks."""
    return a_message()._replace(tasks=tuple(a_message(number).tasks[0] for number in numbers))._replace(**fields)


class ScriptedSlots:
    """Slots in which runs begin by themselves, and do what a test says from then on."""

    def __init__(self, clock: Clock, places: int = 2, known: Sequence[str] = ("work",)) -> None:
        self.clock = clock
        self.places = places
        self.known = known
        self.starting = True
        """Whether a free place begins what is handed over; else it takes its time."""
        self.obedient = True
        """Whether what is stopped dies at once; else ``die`` says when."""
        self.line: deque[Job] = deque()
        self.jobs: dict[str, Job] = {}
        """Begun and not ended, by run_id."""
        self.handed_over: list[Job] = []
        self.answers: list[Answer] = []
        self.interruptions: list[str] = []
        self.singled_out: list[tuple[str, str]] = []
        self.stops: list[tuple[str, str]] = []
        self.wakes = 0
        self.closed = False
        self._events: list[SlotEvent] = []

    # -- the port

    def free(self) -> int:
        return max(0, self.places - places_taken(self.line, self.jobs.values()))

    def knows(self, name: str) -> bool:
        return name in self.known

    def start(self, jobs: Sequence[Job]) -> None:
        self.handed_over.extend(jobs)
        self.line.extend(jobs)
        self._feed()

    def events(self, wait: int) -> list[SlotEvent]:
        del wait
        self._feed()
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        self.wakes += 1

    def answer(self, run_id: str, answer: Answer) -> None:
        assert run_id in self.jobs
        self.answers.append(answer)

    def interrupt(self, reason: str, run_ids: Sequence[str] | None = None) -> None:
        if run_ids is None:
            self.interruptions.append(reason)
        else:
            self.singled_out.extend((run_id, reason) for run_id in run_ids)

    def take_back(self, run_ids: Sequence[str], cause: str) -> None:
        for job in [job for job in self.line if job.run_id in run_ids]:
            self.stops.append((job.run_id, cause))
            self.line.remove(job)
            self._events.append(Stopped(job.run_id, self.clock.boot(), cause, begun=False))

    def stop(self, run_ids: Sequence[str], cause: str) -> None:
        self.take_back(run_ids, cause)
        for run_id in run_ids:
            if run_id in self.jobs:
                self.stops.append((run_id, cause))
                if self.obedient:
                    self.die(run_id, cause)

    def close(self) -> None:
        self.closed = True

    # -- the script

    def _feed(self) -> None:
        while self.starting and len(self.jobs) < self.places:
            if (job := next_turn(self.line, self.jobs.values())) is None:
                return
            now = self.clock.boot()
            if now > job.start_by_boot:
                self._events.append(Stopped(job.run_id, now, "its turn came too late", begun=False))
                continue
            self.jobs[job.run_id] = job
            self._events.append(Began(job.run_id, now))

    def run_of(self, number: int) -> str:
        """The run under way of that task."""
        return next(run_id for run_id, job in self.jobs.items() if job.task_id == task_id(number))

    def _end(self, event: Returned | Raised | Stopped) -> None:
        del self.jobs[event.run_id]
        self._events.append(event)
        self._feed()

    def succeed(self, number: int = 1, result: str = "42", log: bytes = b"") -> None:
        run_id = self.run_of(number)
        self._end(Returned(run_id, self.clock.boot(), result, log, len(log)))

    def fail(self, number: int = 1, failure: Failure = BOOM, *, unrecoverable: bool = False) -> None:
        self._end(Raised(self.run_of(number), self.clock.boot(), failure, unrecoverable))

    def yield_(self, number: int = 1, cause: str = "interrupted") -> None:
        """It was asked to end, and does."""
        self.die(self.run_of(number), cause)

    def unbegin(self, number: int = 1, cause: str = "moved") -> None:
        """It said that it began, and did not."""
        self._end(Stopped(self.run_of(number), self.clock.boot(), cause, begun=False))

    def die(self, run_id: str, cause: str) -> None:
        self._end(Stopped(run_id, self.clock.boot(), cause, begun=True))

    def save(self, number: int = 1, state: str = "1", fraction: float | None = None, note: str | None = None) -> None:
        self._events.append(Saving(self.run_of(number), state, fraction, note))

    def load(self, number: int = 1) -> None:
        self._events.append(Loading(self.run_of(number)))

    def tell(self, number: int = 1, fraction: float | None = None, note: str | None = None) -> None:
        self._events.append(Told(self.run_of(number), fraction, note))


@dataclass
class ScriptedOutbox:
    """Takes reports, unless it is down or refuses these kinds."""

    journal: list[str] = field(default_factory=list[str])
    said: list[Update] = field(default_factory=list[Update])
    damaged: list[Malformed] = field(default_factory=list[Malformed])
    posts: int = 0
    down: bool = False
    refuses: frozenset[UpdateKind] = frozenset()

    def post(self, updates: Sequence[Update], malformed: Sequence[Malformed] = ()) -> list[bool]:
        self.posts += 1
        if self.down:
            raise QueueUnavailable("the status queue cannot be reached")
        taken = [update for update in updates if update.kind not in self.refuses]
        self.said.extend(taken)
        self.damaged.extend(malformed)
        self.journal.extend(f"say {update.kind}" for update in taken)
        self.journal.extend("say malformed" for _ in malformed)
        return [update.kind not in self.refuses for update in updates] + [True] * len(malformed)

    def kinds(self, number: int = 1) -> list[str]:
        """What was said of a task, in order."""
        return [update.kind.value for update in self.said if update.task_id == task_id(number)]

    def last(self, kind: UpdateKind) -> Update:
        return next(update for update in reversed(self.said) if update.kind is kind)


class JournalQueue(MemoryQueue):
    """Writes down what is done to messages; calls can be made to fail by name."""

    def __init__(
        self, name: str, clock: Clock, journal: list[str] | None = None, traits: QueueTraits | None = None
    ) -> None:
        super().__init__(name, clock, MemoryTerms(traits or QueueTraits()))
        self.journal = journal if journal is not None else []
        self.down: set[str] = set()
        """Calls that fail as a whole and do nothing."""
        self.deaf: set[str] = set()
        """Calls that do nothing and confirm nothing."""
        self.mute: set[str] = set()
        """Calls that do their work and confirm nothing."""
        self.waits: list[int] = []
        self.visibilities: list[int] = []
        self.sends: list[Message] = []
        self.kept_back: list[Message] | None = None
        """A list: what is sent lies here instead, as if its sender were paused just before."""

    def misbehave(self, **rates: Unpack[Rates]) -> None:
        """From now on, with these probabilities; without any, no more."""
        self.faults = Faults(Random(0), **rates)

    def send(self, messages: Sequence[Message]) -> list[Sent | NotSent]:
        self.sends.extend(messages)
        if self.kept_back is None:
            return super().send(messages)
        self.kept_back.extend(messages)
        return [Sent("")] * len(messages)

    def put(self, *messages: TaskMessage) -> None:
        self.send([Message(encode_task_message(message)) for message in messages])

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        self._fail("receive")
        self.waits.append(wait)
        self.visibilities.append(visibility)
        return super().receive(limit, wait=0, visibility=visibility)

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        self._fail("delete")
        self.journal.extend("delete" for _ in receipts)
        return self._answer("delete", receipts, super().delete)

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
        self._fail("change")
        self.journal.extend(f"hide {ms}" if ms else "show" for _, ms in changes)
        return self._answer("change", changes, super().change_visibility)

    def _fail(self, call: str) -> None:
        if call in self.down:
            raise QueueUnavailable(f"queue {self.name!r} cannot be reached")

    def _answer(self, call, entries, act) -> list[bool]:  # noqa: ANN001 - two shapes of entries, one answer
        if call in self.deaf:
            return [False] * len(entries)
        answers = act(entries)
        return [False] * len(entries) if call in self.mute else answers


class Breaking:
    """Stands before an object; calls named in ``errors`` raise instead of reaching it."""

    def __init__(self, behind: object) -> None:
        self.behind = behind
        self.errors: dict[str, Exception] = {}
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> object:
        self.calls.append(name)
        if name in self.errors:
            return self._raise(self.errors[name])
        return getattr(self.behind, name)

    @staticmethod
    def _raise(error: Exception) -> object:
        def call(*_: object, **__: object) -> None:
            raise error

        return call


class Later:
    """An executor that does nothing until it is told to: a store that takes its time."""

    def __init__(self) -> None:
        self.waiting: list[Work] = []

    def __call__(self, work: Work) -> None:
        self.waiting.append(work)

    def do(self, place: int = 0) -> None:
        self.waiting.pop(place)()

    def do_all(self) -> None:
        while self.waiting:
            self.do()


class ScriptedStore(MemoryStore):
    """A store that can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False

    def _fail(self) -> None:
        if self.down:
            raise StoreUnavailable("the store cannot be reached")

    def create(self, key: str, value: bytes) -> bool:
        self._fail()
        return super().create(key, value)

    def get(self, key: str) -> bytes | None:
        self._fail()
        return super().get(key)

    def exists(self, key: str) -> bool:
        self._fail()
        return super().exists(key)

    def keys(self, prefix: str) -> list[str]:
        self._fail()
        return super().keys(prefix)

    def delete(self, keys: Sequence[str]) -> None:
        self._fail()
        super().delete(keys)
