"""Checkpoints: create-only objects keyed by task and sortable token, so that a stale run can harm nobody."""

from __future__ import annotations

from contextlib import suppress

from leasehold.core.errors import StoreUnavailable
from leasehold.core.model import Token
from leasehold.ports.store import Store

KEPT = 2
"""Checkpoints kept per task: the newest, and one more in case a reader is about to open it."""


class Checkpoints:
    """Saves and loads the states of runs. A state is JSON text."""

    def __init__(self, store: Store, *, limit: int) -> None:
        self._store = store
        self._limit = limit

    def save(self, task_id: str, token: Token, run_id: str, state: str) -> str | None:
        """Keep ``state`` durably as the newest checkpoint of this token; what is wrong with it, if anything is.

        Runs may share a token: a queue may deliver one message twice, and a ledger that is restored from a backup gives
        its numbers again. So the run's id ends the key, and its number follows the highest of that token, whoever saved
        that: what was kept last is what is loaded, and never what is pruned.
        """
        value = state.encode()
        if len(value) > self._limit:
            return (
                f"a checkpoint of {len(value):,} bytes is over the limit of {self._limit:,}: "
                "keep large data in files of your own and save where they are, or raise LEASEHOLD_PAYLOAD_LIMIT"
            )
        older = [key for key in self._store.keys(folder(task_id)) if fence_of(key) <= token.fence]
        number = number_of(older[-1]) + 1 if older and fence_of(older[-1]) == token.fence else 1
        self._store.create(f"{folder(task_id)}/{token.fence:020d}-{number:010d}-{run_id}", value)
        with suppress(StoreUnavailable):  # the state is kept; what is too much is pruned by the next save
            self._store.delete(older[: 1 - KEPT])
        return None

    def load(self, task_id: str, token: Token) -> str | None:
        """The newest state of this run or any older one; never that of a newer run."""
        for key in reversed(self._store.keys(folder(task_id))):
            if fence_of(key) <= token.fence and (value := self._store.get(key)) is not None:
                return value.decode()
        return None

    def forget(self, task_id: str) -> None:
        """The task is completed: nobody will resume it."""
        self._store.delete(self._store.keys(folder(task_id)))


def folder(task_id: str) -> str:
    """Where a task's checkpoints are."""
    return f"checkpoints/{task_id}"


def fence_of(key: str) -> int:
    """The fencing token in a checkpoint's key."""
    return int(key.rsplit("/", 1)[-1].split("-", 2)[0])


def number_of(key: str) -> int:
    """The number of a checkpoint among those of its token."""
    return int(key.rsplit("/", 1)[-1].split("-", 2)[1])


def cancel_mark(task_id: str, n: int) -> str:
    """The object whose existence tells the runs of dispatch ``n`` that the task was cancelled."""
    return f"cancelled/{task_id}/{n}"
