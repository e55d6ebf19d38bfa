"""The queue: at-least-once, unordered, leased delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class QueueTraits(NamedTuple):
    """What a queue can do beyond the common behaviour."""

    fifo: bool = False
    """Sends of one deduplication key within 5 minutes make one message."""
    shares_ledger: bool = False
    """The queue lives in the ledger's database, so a dispatch and its send are one transaction."""
    billed: bool = False
    """Requests cost money: poll long, pack well."""
    batch: int = 10
    """Entries per call that the transport takes at most; adapters cut longer lists themselves."""
    body_limit: int = 1_048_576
    """Bytes of one body at most."""
    max_visibility: int = 43_195_000


class Message(NamedTuple):
    """A body to send. ``group`` separates tenants (fair queues), ``dedup`` names the message (FIFO queues)."""

    body: str
    group: str | None = None
    dedup: str | None = None


class Sent(NamedTuple):
    """The queue has the message."""

    message_id: str


class NotSent(NamedTuple):
    """The message is not known to be on the queue.

    ``unknown``: it may be there all the same (lost reply), so it must not be sent again under the same token.
    ``refused``: the queue will never take this body.
    """

    reason: str
    unknown: bool = False
    refused: bool = False


class Delivery(NamedTuple):
    """One receive of one message. ``receipt`` is the handle of this receive; ``sent_at`` is on the queue's clock."""

    message_id: str
    body: str
    receipt: str
    receive_count: int
    sent_at: int


class Received(NamedTuple):
    """The answer to one receive: ``server_time`` is the queue's clock (ms), second-exact or better."""

    deliveries: Sequence[Delivery]
    server_time: int


class Depth(NamedTuple):
    """How many messages there are, roughly."""

    visible: int
    in_flight: int
    """Received and hidden; or sent with a delay, which nobody here asks for."""

    @property
    def messages(self) -> int:
        """All of them."""
        return sum(self)


@runtime_checkable
class Dated(Protocol):
    """A queue that can tell how old its oldest message is."""

    def oldest_age(self) -> int:
        """How many ms ago the oldest message was sent, those in flight included; 0 where there is none."""
        ...


class Queue(Protocol):
    """At-least-once, unordered, leased delivery, as SQS defines it. Thread-safe.

    A received message is invisible for ``visibility`` ms from the receive, then comes back with a higher receive
    count and a new receipt. Every method answers per entry; a call that fails as a whole raises ``QueueUnavailable``.
    A ``send`` that raises has sent nothing: where that is not known, it answers ``NotSent`` with ``unknown``.
    """

    @property
    def name(self) -> str:
        """The queue's name, for messages to people."""
        ...

    @property
    def traits(self) -> QueueTraits:
        """Declared capabilities."""
        ...

    def send(self, messages: Sequence[Message]) -> list[Sent | NotSent]:
        """Send each body; one answer per body, in order.

        A call that raises ``QueueUnavailable`` has sent none of them; where that is not certain, the answers say so.
        """
        ...

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        """Up to ``limit`` messages, waiting up to ``wait`` ms for the first one; each hidden for ``visibility`` ms."""
        ...

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        """Delete by receipt; whether each delete was confirmed. A stale receipt may be confirmed and delete nothing."""
        ...

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
        """(receipt, ms from now): hide longer, or give back at once with 0. Whether each change was confirmed."""
        ...

    def depth(self) -> Depth:
        """Approximate counts, cheap."""
        ...

    def close(self) -> None:
        """Release what is held; a receive under way returns soon."""
        ...
