"""How a ledger is kept small: what has ended long ago, and how it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from leasehold.core.model import Audit, Status, Task
from leasehold.ports.views import RunView, TaskView


class Aged(NamedTuple):
    """A task that has ended."""

    place: int
    """Where it is among all tasks, in the order of submits."""
    task: Task
    keyed: bool


class Story(NamedTuple):
    """A task with all that is on record of it."""

    view: TaskView
    runs: Sequence[RunView]
    trail: Sequence[Audit]


class Leftover(NamedTuple):
    """What a task that is forgotten has left in the store: one object, or all below a key that ends with ``/``."""

    number: int
    key: str


class Retention(Protocol):
    """The part of a ledger that forgets. Each call is one short transaction that waits for nobody.

    Thread-safe; several may forget at once. Raises ``LedgerUnavailable``.
    """

    def now(self) -> int:
        """The database's clock."""
        ...

    def aged(self, status: Status, after: int, limit: int) -> list[Aged]:
        """The next tasks of that status beyond a place, in the order of submits."""
        ...

    def stories(self, tasks: Sequence[Task]) -> list[Story]:
        """Those that are there and can be read, in the order of submits, their arguments as people may see them."""
        ...

    def forget(self, tasks: Sequence[Task], *, trails: bool, archived: bool) -> list[str]:
        """Remove these tasks with all that is kept of them; the ids of those that went.

        Left alone is what has changed since, what somebody else holds locked, and the newest task of all (whose number
        is the last that was given); nothing goes while a bulk operation is under way. Ids of reports stay until they
        are too old to be repeated. Counters follow in the same transaction, and say how many of a batch went. Without
        ``trails`` the audit trails stay. What they have in the store becomes ``leftovers``: not what a story names, if
        it is ``archived``.
        """
        ...

    def forget_trails(self, ended_before: int, limit: int) -> int:
        """Remove trails of forgotten tasks that ended before that instant; how many."""
        ...

    def leftovers(self, limit: int) -> list[Leftover]:
        """What is to be removed from the store."""
        ...

    def cleared(self, leftovers: Sequence[Leftover]) -> None:
        """They are removed."""
        ...
