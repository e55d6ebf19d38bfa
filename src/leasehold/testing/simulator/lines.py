"""A role's lines to the outside: the ports as it has them, with everything that can go wrong at any call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from leasehold.adapters.memory import MemoryQueue
from leasehold.core.errors import LedgerUnavailable, QueueUnavailable, StoreUnavailable, Unavailable
from leasehold.core.reports import Malformed
from leasehold.ports.ledger import (
    Accepted,
    Applied,
    Change,
    Compose,
    Existing,
    Flight,
    Gone,
    KeyConflict,
    Ledger,
    Need,
    NewTask,
    Operation,
    Outgoing,
    Stretch,
    Terms,
)
from leasehold.ports.queue import Delivery, Depth, Message, NotSent, Queue, QueueTraits, Received, Sent
from leasehold.ports.store import Store

if TYPE_CHECKING:
    from leasehold.core.events import Event
    from leasehold.core.happening import Happened
    from leasehold.core.metering import Count
    from leasehold.core.model import Task
    from leasehold.testing.simulator.chance import Fates, Strike

T = TypeVar("T")


class Crash(BaseException):
    """A process ends between two calls; nothing that it had in memory is left. Not to be caught by what it ran."""


class Actor:
    """A process on a machine. ``trace`` hears of its calls."""

    def __init__(self, name: str, fates: Fates, pause: Callable[[Actor, Strike], None]) -> None:
        self.name = name
        self.fates = fates
        self.gone = False
        self.frozen = 0
        """How many reasons there are for its machine to stand still."""
        self.busy: set[str] = set()
        """Roles in the middle of a step."""
        self.trace: Callable[[str, str], None] | None = None
        self._pause = pause

    def call(self, what: str, work: Callable[[], T], lost: type[Unavailable] | None, *, away: bool = False) -> T:
        """One call of a port. ``lost``: what is raised where it fails, or only its answer is lost."""
        if self.gone:
            raise Crash
        fates = self.fates
        if fates.quiet:
            answer = work()
            if self.trace is not None:
                self._say(what, shown(answer))
            return answer
        if lost is not None and (away or fates.strikes("unavailable")):
            self._say(what, "cannot be reached")
            raise lost(f"{what}: it cannot be reached")
        self._troubled(what, "before")
        answer = work()
        self._troubled(what, "after")
        if lost is not None and lost is not QueueUnavailable and fates.strikes("reply lost"):
            self._say(what, "done, but its answer is lost")
            raise lost(f"{what}: its answer was lost")
        if self.trace is not None:
            self._say(what, shown(answer))
        return answer

    def _troubled(self, what: str, when: str) -> None:
        fates = self.fates
        if fates.strikes(f"crash {when}"):
            self._say(what, f"{self.name} is killed {when} it")
            self.gone = True
        for kind in ("pause", "freeze"):
            strike = fates.strikes(f"{kind} {when}")
            if strike is not None:
                self._say(what, f"{kind} {when} it")
                self._pause(self, strike)
        if self.gone:
            raise Crash

    def _say(self, what: str, outcome: str) -> None:
        if self.trace is not None:
            self.trace(what, outcome)


def shown(answer: object) -> str:
    """An answer in few words."""
    text = repr(answer)
    return text if len(text) <= 200 else f"{text[:200]}..."


class LedgerLine:
    """The Ledger port over an actor's line."""

    elsewhere = False

    def __init__(self, actor: Actor, ledger: Ledger, away: Callable[[], bool]) -> None:
        self._actor = actor
        self._ledger = ledger
        self._away = away

    def _call(self, what: str, work: Callable[[], T]) -> T:
        return self._actor.call(f"ledger.{what}", work, LedgerUnavailable, away=self._away())

    def now(self) -> int:
        """The database's clock."""
        return self._ledger.now()

    def submit(
        self, tasks: Sequence[NewTask], connection: object | None = None
    ) -> list[Accepted | Existing | KeyConflict]:
        """Write them."""
        return self._call("submit", lambda: self._ledger.submit(tasks, connection))

    def dispatch(self, queue: str, limit: int, terms: Terms, compose: Compose, into: Queue | None) -> list[Outgoing]:
        """Dispatch; a queue of the ledger's own takes part in the transaction, past its line."""
        inner = into.behind if isinstance(into, QueueLine) else into
        return self._call("dispatch", lambda: self._ledger.dispatch(queue, limit, terms, compose, inner))

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        """Decide and save."""
        return self._call("apply", lambda: self._ledger.apply(changes, malformed))

    def alarms(self, need: Need, limit: int) -> list[tuple[str, Event]]:
        """What the clock owes."""
        return self._call("alarms", lambda: self._ledger.alarms(need, limit))

    def flights(self) -> Mapping[str, Flight]:
        """How full the queues are."""
        return self._call("flights", self._ledger.flights)

    def fold_counters(self) -> int:
        """Fold counters."""
        return self._call("fold_counters", self._ledger.fold_counters)

    def index(self, limit: int) -> int:
        """Index older tasks, past the line: nobody declares an argument here, so there is nothing to go wrong."""
        return self._ledger.index(limit)

    def note_requests(self, counts: Sequence[Count], times: Sequence[Happened] = ()) -> None:
        """Add what was counted."""
        self._call("note_requests", lambda: self._ledger.note_requests(counts, times))

    def fold_requests(self, before: int) -> int:
        """Fold what was noted."""
        return self._call("fold_requests", lambda: self._ledger.fold_requests(before))

    def prune(self, before: int, limit: int) -> int:
        """Forget status_ids."""
        return self._call("prune", lambda: self._ledger.prune(before, limit))

    def pause(self, queue: str, *, paused: bool, by: str) -> None:
        """Stop or resume dispatching."""
        self._call("pause", lambda: self._ledger.pause(queue, paused=paused, by=by))

    def start_operation(self, operation: Operation) -> None:
        """Write a bulk operation."""
        self._call("start_operation", lambda: self._ledger.start_operation(operation))

    def next_operation(self) -> Operation | None:
        """The oldest unfinished operation."""
        return self._call("next_operation", self._ledger.next_operation)

    def covered(self, operation: Operation, limit: int, numbers: int) -> Stretch:
        """The tasks that it covers next."""
        return self._call("covered", lambda: self._ledger.covered(operation, limit, numbers))

    def advance_operation(self, operation: Operation, stretch: Stretch, event: Event) -> list[Applied]:
        """Carry out one batch."""
        return self._call("advance_operation", lambda: self._ledger.advance_operation(operation, stretch, event))

    def fail_operation(self, operation_id: str, why: str) -> None:
        """End one that can never be carried out."""
        self._call("fail_operation", lambda: self._ledger.fail_operation(operation_id, why))

    def cancel_operation(self, operation_id: str, *, by: str) -> bool:
        """Stop an operation."""
        return self._call("cancel_operation", lambda: self._ledger.cancel_operation(operation_id, by=by))

    def note_gone(self, gone: Sequence[Gone]) -> None:
        """Remember who is gone."""
        self._call("note_gone", lambda: self._ledger.note_gone(gone))

    def gone(self) -> list[Gone]:
        """Who is remembered as gone."""
        return self._call("gone", self._ledger.gone)

    def held_by(self, names: Sequence[str], *, ahead: int, limit: int) -> list[Task]:
        """What they run that might be recalled."""
        return self._call("held_by", lambda: self._ledger.held_by(names, ahead=ahead, limit=limit))

    def secret(self, name: str) -> bytes:
        """A key."""
        return self._ledger.secret(name)

    def close(self) -> None:
        """Nothing is held open."""


class QueueLine:
    """The Queue port over an actor's line. ``watch`` sees what is received and deleted."""

    def __init__(self, actor: Actor, queue: MemoryQueue, away: Callable[[], bool], watch: QueueWatch) -> None:
        self.behind = queue
        self._actor = actor
        self._away = away
        self._watch = watch

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.behind.name

    @property
    def traits(self) -> QueueTraits:
        """Declared capabilities."""
        return self.behind.traits

    def _call(self, what: str, work: Callable[[], T]) -> T:
        return self._actor.call(f"{self.behind.name}.{what}", work, QueueUnavailable, away=self._away())

    def send(self, messages: Sequence[Message]) -> list[Sent | NotSent]:
        """Send each body."""
        return self._call("send", lambda: self.behind.send(messages))

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        """Up to ``limit`` messages; nobody waits here."""
        del wait
        watch = self._watch

        def work() -> Received:
            before = watch.doubled(self.behind)
            deliveries: Sequence[Delivery] | None = None
            try:
                received = self.behind.receive(limit, wait=0, visibility=visibility)
                deliveries = received.deliveries
            finally:
                if watch.doubled(self.behind) != before:
                    watch.given_twice(self.behind, deliveries)
            return received

        return self._call("receive", work)

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        """Delete by receipt."""
        watch = self._watch

        def work() -> list[bool]:
            watch.deleting(self.behind, receipts)
            before = watch.doubled(self.behind)
            answers = self.behind.delete(receipts)
            if watch.doubled(self.behind) != before:
                watch.kept(self.behind, receipts)
            return answers

        return self._call("delete", work)

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
        """Hide longer, or give back at once."""
        return self._call("change_visibility", lambda: self.behind.change_visibility(changes))

    def depth(self) -> Depth:
        """Counts."""
        return self.behind.depth()

    def close(self) -> None:
        """Nothing is held open."""


class QueueWatch(Protocol):
    """Hears what is done to messages."""

    def doubled(self, queue: MemoryQueue) -> int:
        """How often this queue has made two of one, or kept what it should have deleted."""
        ...

    def given_twice(self, queue: MemoryQueue, deliveries: Sequence[Delivery] | None) -> None:
        """One of these messages is there twice; ``None``: any of the queue's."""
        ...

    def kept(self, queue: MemoryQueue, receipts: Sequence[str]) -> None:
        """One of these deletes did not stick."""
        ...

    def deleting(self, queue: MemoryQueue, receipts: Sequence[str]) -> None:
        """These are about to be deleted."""
        ...


class StoreLine:
    """The Store port over an actor's line."""

    def __init__(self, actor: Actor, store: Store, away: Callable[[], bool]) -> None:
        self._actor = actor
        self._store = store
        self._away = away

    def _call(self, what: str, work: Callable[[], T]) -> T:
        return self._actor.call(f"store.{what}", work, StoreUnavailable, away=self._away())

    def create(self, key: str, value: bytes) -> bool:
        """Write unless the key exists."""
        return self._call("create", lambda: self._store.create(key, value))

    def get(self, key: str) -> bytes | None:
        """The object."""
        return self._call("get", lambda: self._store.get(key))

    def exists(self, key: str) -> bool:
        """Whether the key exists."""
        return self._call("exists", lambda: self._store.exists(key))

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix."""
        return self._call("keys", lambda: self._store.keys(prefix))

    def delete(self, keys: Sequence[str]) -> None:
        """Delete."""
        self._call("delete", lambda: self._store.delete(keys))
