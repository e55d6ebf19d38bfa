"""Ledger -> task queue: gives due tasks their next dispatch, as many as the window has room for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from leasehold.core.bundles import messages_of
from leasehold.core.errors import QueueUnavailable
from leasehold.core.model import Task
from leasehold.core.wire import TaskMessage, WireTask, capability, encode_task_message
from leasehold.flow.tracing import dispatch_span
from leasehold.flow.window import Window
from leasehold.ports.clock import Clock
from leasehold.ports.ledger import Flight, Ledger, Outgoing, Terms, unsendable
from leasehold.ports.queue import Message, NotSent, Queue
from leasehold.ports.tracing import UNTRACED, Tracing

CHUNK = 1_000
"""Tasks per dispatching transaction: enough to pay for its commit, few enough that other writers need not wait long."""

FAILING = 10
"""Unsent messages from which on nothing more is dispatched to a queue: a few may be what is wrong with themselves."""

REST = 1_000
"""ms for which a queue that fails is left alone while others are busy: their haste must not become its haste."""


FIFO_MEMORY = 240_000
"""ms for which a FIFO queue surely makes one message of two sends with one name: SQS does so for five minutes."""


class Unsent(NamedTuple):
    """A committed dispatch that is not known to be on the queue, and may still be sent under the same number."""

    message: Message
    tasks: Sequence[Task]
    """Whom it holds: one, or the members of a bundle."""
    tried_boot: int
    """When it was sent first."""
    doubtful: bool = False
    """It may be on the queue all the same."""


class Dispatcher:
    """Commits a dispatch, then sends it (R10); where the queue shares the ledger's database, in one transaction.

    A send that is known to have failed is repeated under its own number. One whose fate is unknown is repeated only
    where two messages of one dispatch can do no harm: on a FIFO queue while that remembers the first, and where
    ``claims_before_run`` (no run starts without a claim in the ledger, and the second of a token is refused). Else its
    dispatch is closed by the clock when nobody can hold it any more (R7). A message that the queue will never take is
    told to the ledger.
    """

    def __init__(
        self,
        ledger: Ledger,
        queues: Callable[[str], Queue],
        clock: Clock,
        *,
        key: bytes,
        validity: int,
        largest_window: int,
        most_receives: int,
        claims_before_run: bool = False,
        sign: Callable[[str], str] = str,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._ledger = ledger
        self._queues = queues
        self._clock = clock
        self._key = key
        self._terms = Terms(validity)
        self._largest = largest_window
        self._most_receives = most_receives
        self._claims_before_run = claims_before_run
        self._sign = sign
        self._tracing = tracing
        self._windows: dict[str, Window] = {}
        self._unsent: dict[str, Sequence[Unsent]] = {}
        self._resting: dict[str, int] = {}
        """Queues that failed while others did not: until when (``boot`` ms) they are left alone."""

    def step(self) -> int:
        """Dispatch what there is room for on every queue; how many tasks were sent.

        A queue that fails keeps no other waiting. Raises ``QueueUnavailable`` where nothing at all could be done.
        """
        sent = 0
        trouble: dict[str, QueueUnavailable] = {}
        now = self._clock.boot()
        for name, act in self._work():
            if name in trouble or now < self._resting.get(name, 0):
                continue
            try:
                sent += act()
            except QueueUnavailable as error:
                trouble[name] = error
        if trouble and not sent:
            raise next(iter(trouble.values()))
        self._resting |= dict.fromkeys(trouble, now + REST)
        return sent

    def fill(self, name: str) -> int:
        """Dispatch what is due on this queue and on no other, even while it is paused; how many tasks were sent."""
        flight = self._ledger.flights().get(name)
        if flight is None:
            return 0
        return self._fill(name, flight._replace(paused=False), self._terms._replace(despite_pause=True))

    def windows(self) -> Mapping[str, int]:
        """How many messages may be on each queue that nobody has started yet, as far as it was looked at."""
        return {name: window.allowed for name, window in dict(self._windows).items()}  # another thread asks

    def _work(self) -> list[tuple[str, Callable[[], int]]]:
        flights = sorted(self._ledger.flights().items())
        again = [(name, partial(self._send_again, name)) for name in self._unsent]
        return [*again, *((name, partial(self._fill, name, flight, self._terms)) for name, flight in flights)]

    def _fill(self, name: str, flight: Flight, terms: Terms) -> int:
        if flight.paused or len(self._unsent.get(name, ())) >= FAILING:
            return 0
        window = self._windows.setdefault(name, Window(self._largest))
        room = window.room(flight, self._clock.boot())
        if not flight.due or not room:
            return 0
        queue = self._queues(name)
        if queue.traits.billed and flight.due > room:
            room = full(room, queue.traits.batch, flight.queued)
            if not room:
                return 0
        into = queue if queue.traits.shares_ledger else None
        outgoing = self._ledger.dispatch(name, min(room, CHUNK), terms, self._compose, into)
        window.sent([each.task for each in outgoing])
        self._trace(outgoing)
        if into is not None:
            return len(outgoing)
        messages, now = self._compose(outgoing), self._clock.boot()
        holding = zip(messages, messages_of(outgoing), strict=True)
        return self._send(name, [Unsent(message, [each.task for each in members], now) for message, members in holding])

    def _trace(self, outgoing: Sequence[Outgoing]) -> None:
        now = self._clock.now()
        for task, *_, trace in outgoing:
            if trace is not None and self._tracing.told(trace):
                self._tracing.tell(dispatch_span(task, trace, now))

    def _compose(self, outgoing: Sequence[Outgoing]) -> list[Message]:
        return [self._message(members) for members in messages_of(outgoing)]

    def _message(self, members: Sequence[Outgoing]) -> Message:
        """What the first of them says of the message holds for all: they have handler, lease and tenant in common."""
        first = members[0].task
        body = TaskMessage(
            name=first.name,
            lease=first.policy.lease,
            not_after=first.not_after,
            tasks=tuple(map(self._item, members)),
            queue=first.queue,
            most_receives=self._most_receives,
        )
        text = self._sign(encode_task_message(body))
        return Message(text, group=members[0].tenant, dedup=f"{first.id}.{first.n}")

    def _item(self, outgoing: Outgoing) -> WireTask:
        task = outgoing.task
        return WireTask(
            id=task.id,
            n=task.n,
            capability=capability(self._key, task.id, task.n),
            arguments=outgoing.arguments,
            arguments_ref=outgoing.arguments_ref,
            trace=outgoing.trace,
        )

    def _send_again(self, name: str) -> int:
        now = self._ledger.now()
        queue, waiting = self._queues(name), self._unsent.pop(name)
        return self._send(name, [u for u in waiting if u.tasks[0].not_after > now and self._harmless(queue, u)])

    def _send(self, name: str, batch: Sequence[Unsent]) -> int:
        if not batch:
            return 0
        queue = self._queues(name)
        try:
            answers = queue.send([unsent.message for unsent in batch])
        except QueueUnavailable:
            self._keep(name, batch)  # a call that fails as a whole has sent none of them
            raise
        failed = [(unsent, said) for unsent, said in zip(batch, answers, strict=True) if isinstance(said, NotSent)]
        again = [each for unsent, said in failed if (each := self._repeatable(queue, unsent, said)) is not None]
        self._keep(name, again)
        refused = [(unsent, said) for unsent, said in failed if hopeless(unsent, said)]
        if refused:
            self._ledger.apply(
                [unsendable(task, queue.name, said) for unsent, said in refused for task in unsent.tasks]
            )
        return tasks_in(batch) - tasks_in(again) - tasks_in([unsent for unsent, _ in refused])

    def _repeatable(self, queue: Queue, unsent: Unsent, said: NotSent) -> Unsent | None:
        """What may be sent again under its number."""
        if said.refused:
            return None
        again = unsent._replace(doubtful=unsent.doubtful or said.unknown)
        return again if self._harmless(queue, again) else None

    def _harmless(self, queue: Queue, unsent: Unsent) -> bool:
        """Whether one more send cannot lead to two runs."""
        remembered = queue.traits.fifo and self._clock.boot() - unsent.tried_boot < FIFO_MEMORY
        return remembered or self._claims_before_run or not unsent.doubtful

    def _keep(self, name: str, unsent: Sequence[Unsent]) -> None:
        if unsent:
            self._unsent[name] = [*self._unsent.get(name, ()), *unsent]


def tasks_in(unsent: Sequence[Unsent]) -> int:
    """How many tasks these messages hold."""
    return sum(len(each.tasks) for each in unsent)


def full(room: int, batch: int, queued: int) -> int:
    """How many of a backlog to send now where requests are billed: as many as fill requests of ``batch``.

    Else, where tasks end one by one, each would make room for one more, and for a request of its own. Fewer than one
    request takes are sent only where less is out than there is room for.
    """
    if room >= batch:
        return room - room % batch
    return 0 if queued >= room else room


def hopeless(unsent: Unsent, said: NotSent) -> bool:
    """Whether nobody has its message, nor ever will. One that may be out already is left to the clock."""
    return said.refused and not unsent.doubtful
