"""One call of an action: who asks, for what, and what the actions share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leasehold.testing.sqs_server.account import Account, StoredQueue
from leasehold.testing.sqs_server.errors import SqsError, invalid, missing
from leasehold.testing.sqs_server.faults import FaultBook, Scope
from leasehold.testing.sqs_server.fields import Fields, objects, text
from leasehold.testing.sqs_server.polls import Poll, Polls

BATCH = 10
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

Reply = dict[str, Any]


@dataclass(slots=True)
class Call:
    """What an action gets to work with."""

    account: Account
    polls: Polls
    faults: FaultBook
    fields: Fields
    base: str
    """The URL in front of the queues' names."""
    scope: Scope
    """Action, queue and access key id of the caller."""
    size: int = 0
    """Bytes of payload, as they are billed."""
    empty: bool = False

    def name(self) -> str:
        """The name of the queue that is meant, by URL."""
        return (text(self.fields, "QueueUrl") or "").rpartition("/")[2]

    def queue(self) -> StoredQueue:
        """The queue that is meant."""
        return self.account.find(self.name())


@dataclass(slots=True)
class Waiting:
    """The answer of a receive that waits."""

    queue: StoredQueue
    poll: Callable[[Callable[[Reply], None]], Poll]
    """Makes the poll, given whom to answer."""


def alone(call: Call) -> None:
    """Before a request of one entry: the fault that fails entries fails it as a whole."""
    if call.faults.strikes("fail_entry"):
        raise SqsError("InternalFailure", "We encountered an internal error. Please try again.")


def each_entry(call: Call, found: list[Fields], act: Callable[[Fields], Reply]) -> Reply:
    """Do each entry of a batch; what is wrong with one does not stop the others."""
    done: list[Reply] = []
    failed: list[Reply] = []
    for entry in found:
        entry_id = str(entry["Id"])
        try:
            if call.faults.strikes("fail_entry"):
                failed.append(_failure(entry_id, "InternalError", "We encountered an internal error.", sender=False))
            else:
                done.append({"Id": entry_id} | act(entry))
        except SqsError as error:
            code = error.shape.code.rpartition(".")[2]
            failed.append(_failure(entry_id, code, error.message, sender=True))
    reply: Reply = {}
    if done:
        reply["Successful"] = done
    if failed:
        reply["Failed"] = failed
    return reply


def _failure(entry_id: str, code: str, message: str, *, sender: bool) -> Reply:
    return {"Id": entry_id, "SenderFault": sender, "Code": code, "Message": message}


def entries(call: Call) -> list[Fields]:
    """The entries of a batch, which as a whole must be sound."""
    found = objects(call.fields, "Entries")
    if not found:
        raise SqsError(
            "EmptyBatchRequest", f"There should be at least one {call.scope.action}RequestEntry in the request."
        )
    if len(found) > BATCH:
        raise SqsError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {BATCH}. You have sent {len(found)}.",
        )
    ids = set[str]()
    for entry in found:
        entry_id = text(entry, "Id") or ""
        if not ENTRY_ID.fullmatch(entry_id):
            raise SqsError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if entry_id in ids:
            raise SqsError("BatchEntryIdsNotDistinct", f"Id {entry_id} repeated.")
        ids.add(entry_id)
    return found


def needed(fields: Fields, name: str) -> str:
    """A string that must be there."""
    value = text(fields, name)
    if not value:
        raise missing(name)
    return value


def expired_handle(receipt: str) -> SqsError:
    """On a FIFO queue a delete must come in time."""
    return invalid(receipt, "ReceiptHandle", "The receipt handle has expired.")
