"""The queues of one deployment on SQS."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from threading import Event, Lock
from typing import TYPE_CHECKING

from leasehold.adapters.sqs.attempts import Attempts
from leasehold.adapters.sqs.counting import Counting
from leasehold.adapters.sqs.hands import Hands
from leasehold.adapters.sqs.names import dead_letter_queue, events_queue, status_queue, task_queue
from leasehold.adapters.sqs.queue import SqsQueue
from leasehold.core.errors import BadSettings
from leasehold.core.metering import DEAD, EVENTS, STATUS, TASKS
from leasehold.ports.clock import Clock
from leasehold.ports.metering import Meter, NoMeter

if TYPE_CHECKING:
    from leasehold.adapters.sqs.transport import Transport


class SqsQueues:
    """Task queues, status queue and dead-letter queue under one prefix, over shared connections. Thread-safe.

    Nothing is asked of AWS, and boto3 is not imported, before a queue is used. ``region`` wins over what boto3 would
    find. ``fifo`` goes for task queues and dead letters. ``pause`` waits so many seconds between two tries of an entry.
    """

    def __init__(
        self,
        prefix: str,
        region: str | None = None,
        fifo: bool = False,  # noqa: FBT001, FBT002 - one of three parts of a queue's address, in the order of the setting
        *,
        clock: Clock,
        random: Random,
        pause: Callable[[float], object] | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.prefix = prefix
        self.region = region
        self.fifo = fifo
        self._clock = clock
        self._over = Event()
        self._attempts = Attempts(clock, random, pause or self._over.wait)
        self._hands = Hands()
        self._counting = Counting(meter or NoMeter())
        self._lock = Lock()
        self._queues: dict[str, SqsQueue] = {}
        self._transport: Transport | None = None

    def tasks(self, name: str) -> SqsQueue:
        """The task queue called ``name``. Raises ``BadSettings`` where SQS knows no such names."""
        return self._queue(task_queue(self.prefix, name, fifo=self.fifo), f"{TASKS}{name}", fifo=self.fifo)

    def status(self) -> SqsQueue:
        """The status queue, where a report that is there twice is recorded once."""
        return self._queue(status_queue(self.prefix), STATUS, repeatable=True)

    def dead(self) -> SqsQueue:
        """The dead-letter queue of all task queues."""
        return self._queue(dead_letter_queue(self.prefix, fifo=self.fifo), DEAD, fifo=self.fifo)

    def events(self, name: str) -> SqsQueue:
        """A queue that others fill: its whole name."""
        return self._queue(events_queue(name), EVENTS)

    def transport(self) -> Transport:
        """The shared connections. Raises ``BadSettings`` where boto3 is not installed."""
        with self._lock:
            if self._transport is None:
                self._transport = open_transport(self.region, self._counting.looked_up)
            return self._transport

    def close(self) -> None:
        """End long polls and close connections."""
        self._over.set()
        for queue in [*self._queues.values()]:
            queue.close()
        self._hands.close()
        if self._transport is not None:
            self._transport.close()

    def _queue(self, name: str, role: str, *, fifo: bool = False, repeatable: bool = False) -> SqsQueue:
        with self._lock:
            if name not in self._queues:
                self._counting.called(name, role)
                self._queues[name] = SqsQueue(
                    name,
                    self.transport,
                    self._hands,
                    self._clock,
                    self._attempts,
                    self._counting,
                    fifo=fifo,
                    repeatable=repeatable,
                )
            return self._queues[name]


def open_transport(region: str | None, counted: Callable[[str], object] = lambda _: None) -> Transport:
    """Connections to SQS. Raises ``BadSettings`` where boto3 is not installed."""
    try:
        from leasehold.adapters.sqs.transport import Transport
    except ModuleNotFoundError as error:
        if error.name not in {"boto3", "botocore"}:
            raise
        raise BadSettings("queues on SQS need boto3. Install it: pip install 'leasehold[aws]'") from error
    return Transport(region, counted)
