"""A handle on one submitted task."""

from __future__ import annotations

import getpass
import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from leasehold.core.errors import NoSuchTask, TaskCancelled, TaskFailed
from leasehold.core.model import Status
from leasehold.core.units import milliseconds

if TYPE_CHECKING:
    from leasehold.app.application import App
    from leasehold.ports.views import Outcome, TaskView

R = TypeVar("R")


class Handle(Generic[R]):
    """One task. ``await handle`` waits for its result without blocking the event loop."""

    def __init__(self, app: App, task_id: str, outcome: Outcome | None = None) -> None:
        self.app = app
        self.id = task_id
        self._outcome = outcome

    def __repr__(self) -> str:
        return f"Handle({self.id!r})"

    def view(self) -> TaskView:
        """All that the ledger knows of it now."""
        view = self.app.connection.client.views.task(self.id)
        if view is None:
            raise NoSuchTask(f"no task {self.id} in this ledger")
        return view

    @property
    def status(self) -> Status:
        """Where it stands now."""
        return self.view().task.status

    def result(self, timeout: str | float | None = None) -> R:
        """Wait for the outcome, at most ``timeout`` (``"10m"``, or seconds), and return what the handler returned.

        Raises ``TaskFailed``, ``TaskCancelled``, ``TimeoutError``. On the embedded default this starts an
        orchestrator and a worker on this machine, unless some already serve the ledger.
        """
        return self.unwrap(self.outcome(timeout))

    def outcome(self, timeout: str | float | None = None) -> Outcome:
        """As ``result``, but a failure is returned, not raised."""
        if self._outcome is None:
            connection = self.app.connection
            if not connection.client.outcomes([self.id]):
                connection.serve()
            limit = None if timeout is None else milliseconds(timeout)
            self._outcome = next(connection.client.wait([self.id], limit), None)
        if self._outcome is None:
            raise TimeoutError(f"task {self.id} is {self.status} after {timeout}; `leasehold why {self.id}` tells more")
        return self._outcome

    def unwrap(self, outcome: Outcome) -> R:
        """The result of an outcome; raises what it ended with."""
        if outcome.status is Status.COMPLETED:
            return json.loads(self.app.connection.client.result_text(outcome))
        story = f"task {self.id} is {outcome.status}: {outcome.reason or 'no reason was recorded'}"
        raise (TaskFailed if outcome.status is Status.FAILED else TaskCancelled)(story)

    def cancel(self, reason: str = "") -> bool:
        """Cancel it; whether it had no outcome yet. A run under way is told at its next checkpoint or progress."""
        return bool(self.app.connection.client.cancel([self.id], by=getpass.getuser(), reason=reason).changed)

    def retry(self, reason: str = "") -> bool:
        """Try a failed or cancelled task again with fresh budgets; whether it was one."""
        self._outcome = None
        return bool(self.app.connection.client.retry([self.id], by=getpass.getuser(), reason=reason).changed)

    def __await__(self) -> Generator[Any, None, R]:
        import asyncio  # it would double the time in which a slot's child loads an application

        return asyncio.to_thread(self.result).__await__()
