"""What the queue suites need around a queue, and the few moves that their stories are told in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Protocol, TypeVar

from leasehold.ports.queue import Delivery, Message, Queue, Sent

T = TypeVar("T")
LONG = 600_000
"""A visibility that no test lives to see the end of."""
POLL = 1_000
TRIES = 30
BOUND = 60.0
"""Seconds after which something that should have happened has not."""


class QueueBench(Protocol):
    """Makes queues for one test, and lets time pass on their clock.

    For an adapter in real time ``let_pass`` waits; with a manual clock it turns it. ``plenty`` says how many messages
    a test of load should use.
    """

    plenty: int

    def queue(self, *, max_receives: int | None = None) -> Queue:
        """A new, empty queue; with ``max_receives`` it has a dead-letter queue."""
        ...

    def dead_letters(self, queue: Queue) -> Queue:
        """The dead-letter queue of a queue that was made with ``max_receives``."""
        ...

    def let_pass(self, ms: int) -> None:
        """Let at least ``ms`` pass on the queues' clock."""
        ...


def given(queue: Queue, *bodies: str) -> list[str]:
    """Send the bodies; their message ids."""
    answers = queue.send([Message(body) for body in bodies])
    return [answer.message_id for answer in answers if isinstance(answer, Sent)]


def take(queue: Queue, count: int, visibility: int = LONG) -> list[Delivery]:
    """Receive until ``count`` messages have come, however few come at a time."""
    taken: list[Delivery] = []
    for _ in range(TRIES + count):
        if len(taken) >= count:
            break
        taken += queue.receive(min(10, count - len(taken)), wait=POLL, visibility=visibility).deliveries
    assert len(taken) == count, f"{count} messages should have come from queue '{queue.name}', there came {len(taken)}"
    return taken


def take_one(queue: Queue, visibility: int = LONG) -> Delivery:
    """Receive one message."""
    return take(queue, 1, visibility)[0]


def is_empty(queue: Queue) -> bool:
    """Whether nothing can be received right now."""
    return not queue.receive(10, wait=0, visibility=LONG).deliveries


def bodies(deliveries: Sequence[Delivery]) -> list[str]:
    """The bodies, sorted: order is not promised."""
    return sorted(delivery.body for delivery in deliveries)


def in_thread(work: Callable[[], T]) -> Future[T]:
    """Start ``work`` in a thread of its own."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again by result()
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future
