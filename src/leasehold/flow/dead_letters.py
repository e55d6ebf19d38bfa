"""Dead-letter queue -> ledger: what the queue itself took off the task queue, because it was received too often."""

from __future__ import annotations

from collections.abc import Sequence

from leasehold.core.errors import MalformedMessage
from leasehold.core.events import DeadLettered
from leasehold.core.reports import FORGED, Malformed
from leasehold.core.wire import TaskMessage, decode_task_message, quarantined, verify
from leasehold.flow.recorder import Recording
from leasehold.ports.clock import Bell
from leasehold.ports.ledger import Change, Ledger
from leasehold.ports.queue import Delivery, Queue


class DeadLetters(Recording):
    """Tells the ledger of messages that no worker will receive any more; what it cannot read goes to quarantine.

    Workers take a message off at their own, lower limit; one that ends here has killed each of those that could have.
    """

    def __init__(self, queue: Queue, ledger: Ledger, bell: Bell, *, key: bytes) -> None:
        super().__init__(queue, ledger, bell)
        self._key = key

    def read(self, deliveries: Sequence[Delivery]) -> tuple[list[Change], list[Malformed]]:
        """What the messages say: changes to apply, and what could not be understood or trusted."""
        changes: list[Change] = []
        malformed: list[Malformed] = []
        for delivery in deliveries:
            try:
                changes += self._changes(decode_task_message(delivery.body))
            except MalformedMessage as error:
                malformed.append(quarantined(self._queue.name, delivery.body, str(error)))
        return changes, malformed

    def _changes(self, message: TaskMessage) -> list[Change]:
        for task in message.tasks:
            if not verify(self._key, task.id, task.n, task.capability):
                raise MalformedMessage(f"{FORGED} task {task.id}, dispatch {task.n}")
        r = receives_at_least(message) + 1  # the receive that reports it is not counted
        return [Change(task.id, DeadLettered(task.n, r)) for task in message.tasks]


def receives_at_least(message: TaskMessage) -> int:
    """How often a task queue has handed out a message that it took off itself: at least so often.

    What this queue counts is no help: it may count from one again, or count its own receives too. But the limit that
    the message carries lies far below the queue's. A worker that receives it beyond its limit deletes it and says so,
    so at least one receive more than the limit has happened, and none of those beyond it was survived. So the ledger
    finds a receive that was never heard of and charges one loss: without that, a task which kills every worker before
    it can speak would go round for ever. One loss, whatever the number: the rule counts them together.
    """
    return message.most_receives + 1
