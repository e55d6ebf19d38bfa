"""Every error that Leasehold raises on purpose, drawn as a tree. Each says what to do about it.

::

    LeaseholdError
    ├── UsageError                  the caller can mend it: nothing was stored
    │   ├── BadArguments            arguments do not fit the handler's hints, or are no JSON
    │   ├── UnknownHandler          no handler of that name is registered
    │   ├── KeyTaken                the key exists with other arguments
    │   ├── TooLarge                a value is over a ceiling
    │   ├── BadFilter               a filter does not parse
    │   │   └── BadCursor           a page cursor is none, or belongs to another query
    │   ├── BadSettings             a setting is unknown or does not parse
    │   ├── BadLease                a lease is too short or too long
    │   ├── BadApplication          the application cannot be loaded, or has no handlers
    │   ├── BadResult               a handler returned what cannot be written as JSON
    │   ├── NoSuchTask              no task has this id
    │   │   └── TaskForgotten       it ended long ago and is not kept any more
    │   ├── NoSuchBatch             no batch has this name
    │   ├── NoSuchQueue             no queue has this name
    │   ├── NoSuchWorker            no worker of this name runs anything
    │   ├── NoSuchOperation         no bulk operation has this id
    │   ├── NotEnded                the task has no outcome yet
    │   ├── NotOurApi               what answers at an address is no API of Leasehold's, or of another version
    │   └── StaleEdit               the task has changed since it was read
    ├── Unavailable                 try again later; nothing is lost
    │   ├── LedgerUnavailable       the database cannot be reached or written
    │   ├── QueueUnavailable        the queue cannot be reached
    │   └── StoreUnavailable        the object store cannot be reached or written
    ├── StoreDamaged                an object in the store is not what was put there
    ├── LedgerDamaged               a row of the ledger holds what nobody can read
    ├── SchemaMismatch              the ledger has another version: migrate it, or update Leasehold
    ├── MalformedMessage            a message on the wire is not one of ours
    ├── TaskFailed                  from result(): the task ended as failed
    ├── TaskCancelled               from result(): the task was cancelled
    ├── Interrupted                 raised in a handler when its run has to end early
    └── (for handlers to raise)
        ├── Recoverable             try again, optionally after a stated time
        └── Unrecoverable           do not try again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LeaseholdError(Exception):
    """The root: catch it to catch everything that Leasehold raises on purpose."""


class UsageError(LeaseholdError):
    """The caller can mend this; nothing was stored."""


class BadArguments(UsageError):
    """The arguments do not fit the handler's type hints, or cannot be written as JSON."""


class UnknownHandler(UsageError):
    """No handler of that name is registered with this application."""


class KeyTaken(UsageError):
    """A task with this key exists in this batch, with other arguments. Use another key or batch.

    ``task_id``: of that task, where it is known.
    """

    def __init__(self, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id


class TooLarge(UsageError):
    """A value is over its ceiling. Put it into object storage and pass its address, or raise the ceiling."""


class BadFilter(UsageError):
    """A filter does not parse."""


class BadCursor(BadFilter):
    """A page cursor is none, or belongs to another query. Begin again without one."""


class BadSettings(UsageError):
    """A setting is unknown or its value does not parse."""


class BadLease(UsageError):
    """A lease is too short to be useful or longer than any queue can hide a message."""


class BadApplication(UsageError):
    """The application cannot be loaded: a module is missing or fails, or holds no handlers."""


class BadResult(UsageError):
    """A handler returned something that cannot be written as JSON. Return plain values; put the rest into files."""


class NoSuchTask(UsageError):
    """No task has this id."""


class TaskForgotten(NoSuchTask):
    """The task ended long ago and is not kept any more; its trail still is."""


class NoSuchBatch(UsageError):
    """No batch has this name."""


class NoSuchQueue(UsageError):
    """No task ever waited in a queue of this name."""


class NoSuchWorker(UsageError):
    """No worker of this name runs anything."""


class NoSuchOperation(UsageError):
    """No bulk operation has this id."""


class NotEnded(UsageError):
    """The task has no outcome yet."""


class NotOurApi(UsageError):
    """What answers at the ledger's address is no API of Leasehold's, none to be trusted, or one of another version."""


class StaleEdit(UsageError):
    """The task has changed since it was read; ``changes`` tells what happened to it meanwhile. Read it again."""

    def __init__(self, message: str, changes: Sequence[Mapping[str, object]] = ()) -> None:
        super().__init__(message)
        self.changes = changes


class Unavailable(LeaseholdError):
    """Something outside cannot be reached or written right now. Nothing is lost; try again later."""

    retry_after = 0
    """ms that whoever says so asks to wait before the next try."""


class LedgerUnavailable(Unavailable):
    """The ledger's database cannot be reached or written."""


class QueueUnavailable(Unavailable):
    """A queue cannot be reached."""


class StoreUnavailable(Unavailable):
    """The object store cannot be reached or written."""


class StoreDamaged(LeaseholdError):
    """An object in the store is not what was put there: its hash differs. Trying again does not help."""


class LedgerDamaged(LeaseholdError):
    """A row of the ledger holds what nobody can read. ``leasehold audit`` names such rows; take them from a backup."""


class SchemaMismatch(LeaseholdError):
    """The ledger was made by another version. Run ``leasehold migrate``, or update Leasehold."""


class MalformedMessage(LeaseholdError):
    """A message on a queue is not one of ours, or was damaged."""


class TaskFailed(LeaseholdError):
    """The task ended as failed; ``leasehold why TASK`` tells its story."""


class TaskCancelled(LeaseholdError):
    """The task was cancelled."""


class Interrupted(LeaseholdError):
    """This run has to end early (drain or cancel); its checkpoint is kept. Let it pass through the handler."""


class Recoverable(LeaseholdError):
    """Raise in a handler: the task may succeed later.

    ``after``: how long to wait before the next try, as ``"5m"`` or seconds; the retry policy's backoff without it.
    """

    def __init__(self, message: str = "", *, after: str | float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Unrecoverable(LeaseholdError):
    """Raise in a handler: trying again can never help. The task fails for good, with this message."""
