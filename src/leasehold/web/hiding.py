"""What is not shown: by key to nobody, by role to viewers. Every route reads through this, so none can forget it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from leasehold.core.errors import BadFilter
from leasehold.core.filters import parse
from leasehold.core.model import Audit, Failure
from leasehold.core.redaction import HIDDEN, Redaction
from leasehold.core.units import CEILING
from leasehold.ports.ledger import Operation
from leasehold.ports.views import Bound, FailureGroup, Outcome, Page, RunView, TaskView, Views
from leasehold.web.user import User

COVER = json.dumps(HIDDEN)
"""What stands for a JSON value that is not shown."""


class Hiding:
    """What is shown to whom. ``from_viewers``: some of ``arguments``, ``results``, ``logs`` and ``errors``.

    ``errors`` is whatever handlers and people say in words of their own: messages and tracebacks, reasons, notes,
    details of trails. Types of errors, and where in the code they arose, are shown.
    """

    def __init__(self, redaction: Redaction | None = None, from_viewers: Collection[str] = ()) -> None:
        self._redaction = redaction or Redaction()
        self._from_viewers = frozenset(from_viewers)

    def hides(self, user: User, word: str) -> bool:
        """Whether this user is not shown ``arguments``, ``results``, ``logs`` or ``errors``."""
        return not user.may_change and word in self._from_viewers

    def result(self, text: str) -> str:
        """A result, as anybody may see it: without what stands under hidden keys."""
        return self._redaction.shown(text)

    def check(self, user: User, filter_: str) -> None:
        """Raise ``BadFilter`` where this user asks for arguments that are not shown to viewers: found is told."""
        if self.hides(user, "arguments") and parse(filter_).args:
            raise BadFilter("args.: arguments are not shown to viewers here, so nothing is looked for in them either")

    def operation(self, user: User, one: Operation) -> Operation:
        """A bulk operation as this user may see it: a filter tells of arguments, and so does its error."""
        if self.hides(user, "errors"):
            one = one._replace(reason=covered(one.reason) or "")
        if not (self.hides(user, "arguments") and tells(one.filter)):
            return one
        error = covered(one.stopped_by) if one.finished == "failed" else one.stopped_by
        return one._replace(filter=HIDDEN, stopped_by=error)

    def task(self, user: User, view: TaskView) -> TaskView:
        """A task as this user may see it."""
        if self.hides(user, "errors"):
            view = view._replace(task=view.task._replace(reason=covered(view.task.reason)), note=covered(view.note))
        if self.hides(user, "arguments"):
            there = view.arguments is not None or view.arguments_ref is not None
            view = view._replace(arguments=COVER if there else None, arguments_ref=None)
        if self.hides(user, "results"):
            there = view.result is not None or view.result_ref is not None
            return view._replace(result=COVER if there else None, result_ref=None)
        return view if view.result is None else view._replace(result=self.result(view.result))

    def run(self, user: User, view: RunView) -> RunView:
        """A run as this user may see it."""
        if self.hides(user, "errors"):
            view = view._replace(note=covered(view.note), failure=without_words(view.failure))
        there = view.log is not None or view.log_ref is not None
        return view._replace(log=HIDDEN, log_ref=None) if there and self.hides(user, "logs") else view

    def outcome(self, user: User, one: Outcome) -> Outcome:
        """An outcome as this user may see it."""
        if self.hides(user, "errors"):
            one = one._replace(reason=covered(one.reason), failure=without_words(one.failure))
        if self.hides(user, "results"):
            there = one.result is not None or one.result_ref is not None
            return one._replace(result=COVER if there else None, result_ref=None)
        return one if one.result is None else one._replace(result=self.result(one.result))


def covered(text: str | None) -> str | None:
    """What stands for words that are not shown; nothing where there are none."""
    return HIDDEN if text else text


def tells(filter_: str) -> bool:
    """Whether a filter may name arguments; of one that nobody can read today nobody knows."""
    try:
        return bool(parse(filter_).args)
    except BadFilter:
        return True


def without_words(failure: Failure | None) -> Failure | None:
    """What is left of a failure where its words are not shown."""
    return failure and failure._replace(message=HIDDEN, traceback=HIDDEN if failure.traceback else "")


class ShownViews:
    """The read side as one user may see it; what tells of no single task passes as it is."""

    def __init__(self, views: Views, hiding: Hiding, user: User) -> None:
        self._views = views
        self._hiding = hiding
        self._user = user

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the views have under that name
        return getattr(self._views, name)

    def task(self, task_id: str) -> TaskView | None:
        """One task."""
        view = self._views.task(task_id)
        return None if view is None else self._hiding.task(self._user, view)

    def tasks(self, filter_: str, *, cursor: str | None = None, limit: int = 50) -> Page[TaskView]:
        """A page of tasks."""
        self._hiding.check(self._user, filter_)
        page = self._views.tasks(filter_, cursor=cursor, limit=limit)
        return page._replace(rows=[self._hiding.task(self._user, view) for view in page.rows])

    def count(self, filter_: str, ceiling: int = CEILING) -> int:
        """How many match."""
        self._hiding.check(self._user, filter_)
        return self._views.count(filter_, ceiling)

    def bound(self, filter_: str) -> Bound | None:
        """What of a filter of arguments is not looked for everywhere."""
        self._hiding.check(self._user, filter_)
        return self._views.bound(filter_)

    def runs(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[RunView]:
        """Runs of a task."""
        return [self._hiding.run(self._user, view) for view in self._views.runs(task_id, limit, cursor)]

    def outcomes(self, task_ids: Sequence[str]) -> list[Outcome]:
        """Those of the tasks that have ended."""
        return [self._hiding.outcome(self._user, one) for one in self._views.outcomes(task_ids)]

    def ended(self, batch: str, cursor: str | None = None, limit: int = 1_000) -> Page[Outcome]:
        """Outcomes of a batch."""
        page = self._views.ended(batch, cursor, limit)
        return page._replace(rows=[self._hiding.outcome(self._user, one) for one in page.rows])

    def audit(self, task_id: str, limit: int | None = None, cursor: str | None = None) -> list[Audit]:
        """The audit trail."""
        trail = self._views.audit(task_id, limit, cursor)
        return [line._replace(detail=covered(line.detail)) for line in trail] if self._hides_errors else trail

    def failures(self, limit: int = 50, cursor: str | None = None) -> list[FailureGroup]:
        """Groups of failed tasks."""
        groups = self._views.failures(limit, cursor)
        return [group._replace(message=HIDDEN) for group in groups] if self._hides_errors else groups

    def operations(self, limit: int = 50, cursor: str | None = None) -> list[Operation]:
        """Bulk operations."""
        return [self._hiding.operation(self._user, one) for one in self._views.operations(limit, cursor)]

    def operation(self, operation_id: str) -> Operation | None:
        """One bulk operation."""
        found = self._views.operation(operation_id)
        return None if found is None else self._hiding.operation(self._user, found)

    @property
    def _hides_errors(self) -> bool:
        return self._hiding.hides(self._user, "errors")
