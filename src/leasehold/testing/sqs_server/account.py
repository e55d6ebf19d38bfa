"""The queues of one account in one region."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count

from leasehold.adapters.memory import Copy, Shelf
from leasehold.ports.clock import Clock
from leasehold.testing.sqs_server import attributes as known
from leasehold.testing.sqs_server.errors import SqsError, invalid
from leasehold.testing.sqs_server.faults import FaultBook
from leasehold.testing.sqs_server.polls import Poll

ACCOUNT = "000000000000"
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
A_WHILE = 60_000
"""ms in which a queue is neither made anew after its deletion nor purged twice."""
ENCRYPTED = {"SqsManagedSseEnabled": "true"}


class StoredQueue:
    """One queue: attributes, tags, messages, and who waits for them."""

    def __init__(self, name: str, arn: str, attributes: Mapping[str, str], shelf: Shelf, now: int) -> None:
        self.name = name
        self.arn = arn
        self.attributes = {**attributes}
        self.tags: dict[str, str] = {}
        self.shelf = shelf
        self.fifo = name.endswith(".fifo")
        self.created_at = self.modified_at = now
        self.purged_at: int | None = None
        self.polls: deque[Poll] = deque()

    def setting(self, name: str) -> int:
        """A number among the attributes."""
        return known.setting(self.attributes, name)


class Account:
    """Makes, finds and deletes queues, and ties them to their dead-letter queues."""

    def __init__(self, clock: Clock, faults: FaultBook, *, region: str, in_flight_limit: int) -> None:
        self.clock = clock
        self.region = region
        self.queues: dict[str, StoredQueue] = {}
        self.on_arrival: Callable[[StoredQueue], None] = lambda _: None
        """Called when messages arrive on a queue without a request to it."""
        self._faults = faults
        self._in_flight_limit = in_flight_limit
        self._deleted: dict[str, int] = {}
        self._numbers = count(1)

    def arn(self, name: str) -> str:
        """The ARN of a queue of this name."""
        return f"arn:aws:sqs:{self.region}:{ACCOUNT}:{name}"

    def find(self, name: str) -> StoredQueue:
        """The queue of this name."""
        if (queue := self.queues.get(name)) is None:
            raise SqsError("QueueDoesNotExist", "The specified queue does not exist.")
        return queue

    def create(self, name: str, attributes: Mapping[str, object]) -> StoredQueue:
        """Make a queue, or find that it is there with these attributes."""
        if not NAME.fullmatch(name):
            raise SqsError(
                "InvalidParameterValue",
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            )
        checked = known.checked(name, attributes)
        if name.endswith(".fifo") and checked.get("FifoQueue") != "true":
            raise SqsError("InvalidParameterValue", "The queue name ends in .fifo, so FifoQueue must be true.")
        if (queue := self.queues.get(name)) is not None:
            return self._same(queue, checked)
        now = self.clock.now()
        if now - self._deleted.get(name, now - A_WHILE) < A_WHILE:
            raise SqsError(
                "QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            )
        self._check_redrive(name, checked)
        queue = self.queues[name] = StoredQueue(name, self.arn(name), ENCRYPTED | checked, self._shelf(name), now)
        self._tie(queue)
        return queue

    def set_attributes(self, queue: StoredQueue, attributes: Mapping[str, object]) -> None:
        """Change some attributes; an empty value takes one away."""
        checked = known.checked(queue.name, attributes)
        if "FifoQueue" in checked:
            raise known.bad_value("FifoQueue")
        self._check_redrive(queue.name, checked)
        queue.attributes = {name: value for name, value in (queue.attributes | checked).items() if value}
        queue.modified_at = self.clock.now()
        self._tie(queue)

    def delete(self, queue: StoredQueue) -> None:
        """Delete a queue and what is on it; what it was the dead-letter queue of delivers as usual."""
        del self.queues[queue.name]
        self._deleted[queue.name] = self.clock.now()
        for other in self.queues.values():
            self._tie(other)

    def _shelf(self, name: str) -> Shelf:
        number = next(self._numbers)

        def message_id(key: int) -> str:
            return f"{key >> 32:08x}-{number & 0xFFFF:04x}-4000-8000-{number >> 16:04x}{key & 0xFFFFFFFF:08x}"

        return Shelf(f"{name}@{number}", self.clock, faults=self._faults, message_id=message_id)

    def _same(self, queue: StoredQueue, attributes: Mapping[str, str]) -> StoredQueue:
        defaults = {name: str(default) for name, (default, _, _) in known.RANGES.items()}
        for name, value in attributes.items():
            if (defaults | queue.attributes).get(name) != value:
                raise SqsError(
                    "QueueNameExists",
                    f"A queue already exists with the same name and a different value for attribute {name}",
                )
        return queue

    def _check_redrive(self, name: str, attributes: Mapping[str, str]) -> None:
        if not (policy := attributes.get("RedrivePolicy")):
            return
        target = self._by_arn(known.read_redrive(policy).target)
        if target is None:
            raise invalid(policy, "RedrivePolicy", "Dead letter target does not exist.")
        if target.fifo != name.endswith(".fifo"):
            raise invalid(policy, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source.")

    def _by_arn(self, arn: str) -> StoredQueue | None:
        return next((queue for queue in self.queues.values() if queue.arn == arn), None)

    def _tie(self, queue: StoredQueue) -> None:
        """Let the messages follow the attributes."""
        terms = known.terms(queue.attributes, fifo=queue.fifo, in_flight_limit=self._in_flight_limit)
        queue.shelf.bury = None
        if policy := queue.attributes.get("RedrivePolicy"):
            redrive = known.read_redrive(policy)
            if (target := self._by_arn(redrive.target)) is not None:
                terms = terms._replace(max_receives=redrive.max_receives)
                queue.shelf.bury = partial(self._bury, target)
        queue.shelf.terms = terms

    def _bury(self, target: StoredQueue, copy: Copy) -> None:
        target.shelf.adopt(copy)
        self.on_arrival(target)
