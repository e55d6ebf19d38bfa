"""How a run under way learns that its task was cancelled: by an object in the store, looked for at its reports."""

from __future__ import annotations

from collections.abc import Sequence

from leasehold.core.errors import StoreUnavailable
from leasehold.core.model import Decision, Status
from leasehold.flow.checkpoints import cancel_mark
from leasehold.ports.ledger import Applied
from leasehold.ports.store import Store


class Marks:
    """Marks cancelled dispatches. A courtesy that saves work: without a mark a run ends by itself, or by its lease."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def follow(self, answers: Sequence[Applied]) -> None:
        """Mark what was just cancelled while on its way; lift the marks of what was just retried.

        A retried task keeps the dispatch that is still open, so its mark would stop the very run that is wanted.
        """
        decided = [answer for answer in answers if isinstance(answer, Decision) and answer.task.open]
        try:
            for task in [answer.task for answer in decided if answer.task.status is Status.CANCELLED]:
                self._store.create(cancel_mark(task.id, task.n), b"")
            retried = [answer.task for answer in decided if any(line.kind == "retried" for line in answer.audit)]
            if retried:
                self._store.delete([cancel_mark(task.id, task.n) for task in retried])
        except StoreUnavailable:
            return
