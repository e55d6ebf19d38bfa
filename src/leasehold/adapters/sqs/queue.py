"""One queue on SQS, as the Queue port has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from leasehold.adapters.bodies import refusal
from leasehold.adapters.sqs.attempts import NEVER, Attempts, Fault, Reply, Settled, faults_of
from leasehold.adapters.sqs.counting import Counting, Load
from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.adapters.sqs.hands import Hands
from leasehold.adapters.sqs.names import label
from leasehold.adapters.sqs.packing import CEILING, ENTRIES, requests, size, tens
from leasehold.adapters.sqs.polls import Polls
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Delivery, Depth, Message, NotSent, QueueTraits, Received, Sent

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        MessageTypeDef,
        ReceiveMessageResultTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

    from leasehold.adapters.sqs.transport import Transport

T = TypeVar("T")
LONGEST_HIDING = 43_195_000
"""ms: SQS hides a message for 12 hours, counted from its receive (Developer Guide, "Visibility timeout"); a change that
would go beyond is refused, so 5 s are left for the requests themselves."""

LONGEST_POLL = 20
"""s that a receive may wait (API Reference, ReceiveMessage: WaitTimeSeconds)."""

NOTHING = Load()


class SqsQueue:
    """The Queue port on SQS. Thread-safe.

    ``repeatable``: a message that is there twice does no harm, so a send whose fate is unknown is made again.
    On a FIFO queue that holds for every send: within 5 minutes SQS knows the key again (Developer Guide,
    "Exactly-once processing"), and no call here takes that long.
    """

    def __init__(
        self,
        name: str,
        transport: Callable[[], Transport],
        hands: Hands,
        clock: Clock,
        attempts: Attempts,
        counting: Counting,
        *,
        fifo: bool = False,
        repeatable: bool = False,
    ) -> None:
        self.name = name
        self.traits = QueueTraits(
            fifo=fifo, billed=True, batch=ENTRIES, body_limit=CEILING, max_visibility=LONGEST_HIDING
        )
        self._transport = transport
        self._hands = hands
        self._clock = clock
        self._attempts = attempts
        self._counting = counting
        self._repeatable = repeatable or fifo
        self._polls = Polls[Received]()
        self._date = ("", 0)
        """The last Date header and its instant: one second has many replies."""

    # -- send ----------------------------------------------------------------------------------------------------------

    def send(self, messages: Sequence[Message]) -> list[Sent | NotSent]:
        """Send each body; one answer per body, in order. Ten to a request, as far as their bytes fit.

        Bodies that SQS would refuse are not sent: one of them fails the whole request for some reasons.
        """
        refused = {p: why for p, each in enumerate(messages) if (why := refusal(each.body, CEILING)) is not None}
        batches = list(requests(messages, [p for p in range(len(messages)) if p not in refused]))
        settled = self._exchange(
            batches,
            lambda positions: self._send({p: messages[p] for p in positions}),
            repeatable=self._repeatable,
        )
        if settled.failure is not None and not settled.done and not any(f.unknown for f in settled.faults.values()):
            raise settled.failure
        answers: dict[int, Sent | NotSent] = {p: NotSent(why, refused=True) for p, why in refused.items()}
        answers.update((p, Sent(message_id)) for p, message_id in settled.done.items())
        answers.update((p, not_sent(fault)) for p, fault in settled.faults.items())
        return [answers[p] for p in range(len(messages))]

    def _send(self, messages: Mapping[int, Message]) -> Reply:
        entries = [self._entry(position, message) for position, message in messages.items()]
        reply = self._ask(
            "SendMessage",
            lambda client, url: client.send_message_batch(QueueUrl=url, Entries=entries),
            carries=Load(len(messages), sum(size(message.body) for message in messages.values())),
            patient=not self._repeatable,  # giving up early would leave what may still be there
        )
        done = {int(each["Id"]): each["MessageId"] for each in reply.get("Successful", ())}
        return Reply(done, faults_of(reply.get("Failed", ())))

    def _entry(self, position: int, message: Message) -> SendMessageBatchRequestEntryTypeDef:
        """One entry. On a FIFO queue each message is a group of its own: a group is run one after the other."""
        entry: SendMessageBatchRequestEntryTypeDef = {"Id": str(position), "MessageBody": message.body}
        if self.traits.fifo:
            key = label(message.dedup or uuid4().hex)
            entry["MessageGroupId"] = entry["MessageDeduplicationId"] = key
        elif message.group:
            entry["MessageGroupId"] = label(message.group)
        return entry

    # -- receive -------------------------------------------------------------------------------------------------------

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        """Up to ``limit`` messages and ten at most, in one request; each hidden for ``visibility``, in seconds upwards.

        Waits in whole seconds, at least one where it may wait at all.
        """
        if not 0 <= visibility <= LONGEST_HIDING:
            raise ValueError(f"SQS hides messages for 0 to {LONGEST_HIDING} ms, not {visibility}")
        if limit <= 0:
            return self._nothing()
        seconds = min(LONGEST_POLL, max(wait // 1_000, 1 if wait > 0 else 0))
        if not seconds:
            return self._receive(limit, 0, visibility)
        return self._polls.run(lambda: self._receive(limit, seconds, visibility), self._give_back) or self._nothing()

    def _receive(self, limit: int, wait: int, visibility: int) -> Received:
        reply = self._ask(
            "ReceiveMessage",
            lambda client, url: client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(limit, ENTRIES),
                WaitTimeSeconds=wait,
                VisibilityTimeout=in_seconds(visibility),
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            ),
            brings=brought,
            patient=True,
        )
        server_time = self._instant(reply["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        return Received([delivery(each) for each in reply.get("Messages", ())], server_time)

    def _instant(self, date: str) -> int:
        """The queue's clock, as the reply's Date header tells it: whole seconds, rounded down (R6)."""
        known, instant = self._date
        if date != known:
            try:
                instant = int(parsedate_to_datetime(date).timestamp()) * 1_000
            except ValueError as error:
                told = f"queue '{self.name}': a reply tells no time (Date: {date!r}). Is there a proxy that drops it?"
                raise SqsFailure(told, code="NoDate", unknown=True) from error
            self._date = date, instant
        return instant

    def _nothing(self) -> Received:
        return Received([], self._clock.now())

    def _give_back(self, received: Received) -> None:
        """Show again what came when nobody waited for it any more."""
        try:
            self.change_visibility([(each.receipt, 0) for each in received.deliveries])
        except SqsFailure:
            return  # its visibility gives it back

    # -- delete and change ---------------------------------------------------------------------------------------------

    def delete(self, receipts: Sequence[str]) -> list[bool]:
        """Delete by receipt; whether each delete was confirmed."""
        batches = tens(range(len(receipts)))
        settled = self._exchange(
            batches, lambda positions: self._delete({p: receipts[p] for p in positions}), repeatable=True
        )
        return confirmed(len(receipts), settled)

    def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
        """(receipt, ms from now): hide longer, or give back at once with 0. Whether each change was confirmed.

        What may have been given back is not given back again: it may be another's by now, whose lease an old receipt
        might end. SQS promises nothing about old receipts on standard queues.
        """
        hide = [p for p, (_, ms) in enumerate(changes) if 0 < ms <= LONGEST_HIDING]
        show = [p for p, (_, ms) in enumerate(changes) if ms == 0]

        def ask(positions: Sequence[int]) -> Reply:
            return self._change({p: changes[p] for p in positions})

        hidden = self._exchange(tens(hide), ask, repeatable=True)
        return confirmed(len(changes), hidden, self._exchange(tens(show), ask, repeatable=False))

    def _delete(self, receipts: Mapping[int, str]) -> Reply:
        reply = self._ask(
            "DeleteMessage",
            lambda client, url: client.delete_message_batch(
                QueueUrl=url, Entries=[{"Id": str(p), "ReceiptHandle": receipt} for p, receipt in receipts.items()]
            ),
            carries=Load(len(receipts)),
        )
        done = {int(each["Id"]): "" for each in reply.get("Successful", ())}
        return Reply(done, faults_of(reply.get("Failed", ())))

    def _change(self, changes: Mapping[int, tuple[str, int]]) -> Reply:
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(p), "ReceiptHandle": receipt, "VisibilityTimeout": in_seconds(ms)}
            for p, (receipt, ms) in changes.items()
        ]
        reply = self._ask(
            "ChangeMessageVisibility",
            lambda client, url: client.change_message_visibility_batch(QueueUrl=url, Entries=entries),
            carries=Load(len(entries)),
        )
        done = {int(each["Id"]): "" for each in reply.get("Successful", ())}
        return Reply(done, faults_of(reply.get("Failed", ())))

    # -- the rest ------------------------------------------------------------------------------------------------------

    def depth(self) -> Depth:
        """SQS's approximate counts; they settle within a minute (API Reference, GetQueueAttributes)."""
        reply = self._ask(
            "GetQueueAttributes",
            lambda client, url: client.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            ),
        )
        counts = reply.get("Attributes", {})
        return Depth(
            visible=int(counts.get("ApproximateNumberOfMessages", 0)),
            in_flight=int(counts.get("ApproximateNumberOfMessagesNotVisible", 0))
            + int(counts.get("ApproximateNumberOfMessagesDelayed", 0)),
        )

    def close(self) -> None:
        """Let long polls end; what they still receive is given back. Everything else goes on working."""
        self._polls.close()

    def _ask(
        self,
        action: str,
        request: Callable[[SQSClient, str], T],
        *,
        patient: bool = False,
        carries: Load = NOTHING,
        brings: Callable[[T], Load] = lambda _: NOTHING,
    ) -> T:
        """Make one request, and count it: what it ``carries`` or its reply ``brings`` is billed by its size."""
        try:
            reply = self._transport().ask(self.name, action, request, patient=patient)
        except SqsFailure as error:
            if error.answered or error.unknown:  # else nothing left this machine
                self._counting.made(self.name, action, carries, failed=True)
            raise
        brought = brings(reply)
        self._counting.made(self.name, action, brought if brought.messages else carries)
        return reply

    def _exchange(
        self, batches: Sequence[Sequence[int]], ask: Callable[[Sequence[int]], Reply], *, repeatable: bool
    ) -> Settled:
        """One request per batch, side by side; once one fails as a whole, those not yet begun are not made."""
        trouble: list[SqsFailure] = []

        def settle(batch: Sequence[int]) -> Settled:
            if trouble:
                return Settled({}, dict.fromkeys(batch, Fault(f"not tried: {trouble[0]}")), trouble[0])
            settled = self._attempts.settle(batch, ask, repeatable=repeatable)
            trouble.extend([settled.failure] if settled.failure is not None else [])
            return settled

        whole = Settled({}, {})
        for part in self._hands.each(batches, settle):
            whole.done.update(part.done)
            whole.faults.update(part.faults)
        return whole._replace(failure=trouble[0] if trouble else None)


def confirmed(count: int, *parts: Settled) -> list[bool]:
    """Which of so many positions are done. Raises what went wrong where none is."""
    done = {position for part in parts for position in part.done}
    failure = next((part.failure for part in parts if part.failure is not None), None)
    if failure is not None and not done:
        raise failure
    return [position in done for position in range(count)]


def in_seconds(ms: int) -> int:
    """Whole seconds, upwards: a message is hidden at least as long as its holder believes (R1)."""
    return -(-ms // 1_000)


def brought(reply: ReceiveMessageResultTypeDef) -> Load:
    """What a reply to a receive holds."""
    messages = reply.get("Messages", ())
    return Load(len(messages), sum(size(message.get("Body", "")) for message in messages))


def delivery(message: MessageTypeDef) -> Delivery:
    """A message of a reply, with the attributes that were asked for."""
    attributes = message.get("Attributes", {})
    return Delivery(
        message.get("MessageId", ""),
        message.get("Body", ""),
        message.get("ReceiptHandle", ""),
        int(attributes["ApproximateReceiveCount"]),
        int(attributes["SentTimestamp"]),
    )


def not_sent(fault: Fault) -> NotSent:
    """An entry that failed, as the port says it."""
    return NotSent(fault.reason, unknown=fault.unknown, refused=fault.code in NEVER)
