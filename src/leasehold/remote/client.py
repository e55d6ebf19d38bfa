"""A client whose ledger is behind an API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from leasehold.core.errors import (
    BadArguments,
    KeyTaken,
    NoSuchOperation,
    NotOurApi,
    TooLarge,
    UsageError,
)
from leasehold.core.model import Status
from leasehold.core.redaction import HIDDEN
from leasehold.core.units import SECOND, milliseconds, say_bytes
from leasehold.flow import problems, reading
from leasehold.flow.client import Changed, Client, Left, Order, Refused, Submission, Writing
from leasehold.flow.editing import holds_hidden
from leasehold.flow.lookup import workers_of
from leasehold.flow.ordering import LONGEST_WISH, Wish, wish_of
from leasehold.flow.shapes import Shape
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.ledger import Accepted, Existing, KeyConflict, Operation
from leasehold.ports.tracing import UNTRACED, Tracing
from leasehold.ports.views import Outcome, WorkerView
from leasehold.remote.http import Api
from leasehold.remote.views import MOST, RemoteViews

DURATIONS = frozenset({"delay", "lease", "backoff_base", "backoff_cap"})
"""Fields of a wish that are ms, and end in ``_ms`` on the way."""


class RemoteClient(Client):
    """Does over HTTP what a client of the database does. Who changes something is whose token it is.

    Every task that it submits has its id from here, so a submit whose answer was lost is sent again and done once.
    """

    elsewhere = True
    longest_look = 10 * SECOND
    turn = 3 * SECOND

    def __init__(
        self,
        api: Api,
        bell: Bell,
        clock: Clock,
        *,
        ids: Callable[[], str],
        payload_limit: int,
        tracing: Tracing = UNTRACED,
        owns: bool = False,
    ) -> None:
        """``owns``: the API is closed with it."""
        super().__init__(RemoteViews(api), bell, clock, payload_limit=payload_limit)
        self._api = api
        self._ids = ids
        self._tracing = tracing
        self._owns = owns

    # ------------------------------------------------------------ submit

    def submit_named(
        self,
        handler: str,
        arguments: Mapping[str, object],
        *,
        key: str | None = None,
        batch: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        delay: str | float = 0,
        lease: str | float | None = None,
        attempts: int | None = None,
    ) -> Accepted | Existing:
        """Submit a task without its handler's code: what is not said is as the server's application has it.

        ``lease`` (``"30m"``, or seconds) has to be said where the server knows no application. Raises as ``submit``.
        """
        wish = Wish(
            handler,
            arguments,
            key=key,
            batch=batch,
            queue=queue,
            priority=priority,
            delay=milliseconds(delay),
            lease=None if lease is None else milliseconds(lease),
            attempts=attempts,
            id=self._ids(),
        )
        answer = self._write([line_of(wish)])[0]
        if isinstance(answer, KeyConflict):
            raise KeyTaken(f"key {key!r} of handler {handler!r} is taken by {answer.task_id}", answer.task_id)
        if isinstance(answer, Refused):
            raise answer.error
        return answer

    def _prepare(self, orders: Sequence[Order], connection: object | None) -> Writing:
        if connection is not None:
            raise UsageError(
                f"connection: the ledger is behind an API ({self._api.url}), so a task cannot be part of your "
                "transaction. Leave out the connection, or give the address of the database"
            )
        return partial(self._write, [self._line(order) for order in orders])

    def _line(self, order: Order) -> bytes:
        """An order on its way. Raises ``TooLarge``, ``BadArguments``."""
        self.vet(order)
        task_id = order.id or self._ids()
        trace = order.trace or self._tracing.submitted(order.name, order.queue, task_id)
        try:
            wish = wish_of(order._replace(id=task_id, trace=trace))
        except (ValueError, RecursionError) as error:
            raise BadArguments(f"the arguments of handler {order.name!r} are no JSON: {error}") from error
        return line_of(wish)

    def _write(self, lines: Sequence[bytes]) -> Sequence[Submission]:
        answered = self._api.stream("/tasks/stream", lines)
        found = self._api.read(lambda: {shape["row"]: submission(shape) for shape in answered})
        if found.keys() != set(range(1, len(lines) + 1)):
            raise NotOurApi(f"ledger {self._api.url}: it answered {len(found)} of {len(lines)} rows")
        return [found[row] for row in range(1, len(lines) + 1)]

    # ------------------------------------------------------------ outcomes

    def result_text(self, outcome: Outcome) -> str:
        """The result as JSON text. Raises ``UsageError`` where the server does not show all of it."""
        if outcome.result_ref is not None:
            shape = self._api.get(f"/tasks/{quote(outcome.task_id, safe='')}/result")
            outcome = self._api.read(lambda: reading.outcome(shape))
        text = "null" if outcome.result is None else outcome.result
        if HIDDEN in text and holds_hidden(json.loads(text)):
            raise UsageError(
                f"the server does not show all of the result of task {outcome.task_id}: {HIDDEN!r} stands for what is "
                "hidden, by its name (LEASEHOLD_REDACT_KEYS) or from viewers (LEASEHOLD_DASHBOARD_HIDE). Give it "
                "another name, or read it from the database"
            )
        return text

    # ------------------------------------------------------------ change

    def cancel(self, task_ids: Sequence[str], *, by: str = "", reason: str = "") -> Changed:
        """Cancel at once in the ledger. The trail names whose token it is, not ``by``."""
        del by
        return self._changed("/tasks/cancel", task_ids, reason)

    def retry(self, task_ids: Sequence[str], *, by: str = "", reason: str = "") -> Changed:
        """Try failed or cancelled tasks again. The trail names whose token it is, not ``by``."""
        del by
        return self._changed("/tasks/retry", task_ids, reason)

    def _changed(self, path: str, task_ids: Sequence[str], reason: str) -> Changed:
        changed: list[str] = []
        left: list[Left] = []
        for start in range(0, len(task_ids), MOST):
            shape = self._api.change(path, {"ids": list(task_ids[start : start + MOST]), "reason": reason})
            changed += self._api.read(lambda shape=shape: [str(each) for each in shape["changed"]])
            left += self._api.read(lambda shape=shape: [Left(each["id"], each["reason"]) for each in shape["left"]])
        return Changed(changed, left)

    def operate(self, kind: str, filter_: str, *, by: str = "", reason: str = "") -> Operation:
        """Write a bulk operation over all tasks that match now. It is by whose token it is, not ``by``."""
        del by
        asked = {"kind": kind, "filter": filter_, "reason": reason, "even_if_none": True}
        shape = self._api.change("/operations", asked)
        return self._api.read(lambda: reading.operation(shape["operation"]))

    def cancel_operation(self, operation_id: str, *, by: str = "") -> bool:
        """Stop a bulk operation where it is; whether it was still going on."""
        del by
        try:
            shape = self._api.change(f"/operations/{quote(operation_id, safe='')}/cancel")
        except NoSuchOperation:
            return False
        return self._api.read(lambda: bool(shape["cancelled"]))

    def pause(self, queue: str, *, paused: bool, by: str = "") -> None:
        """Stop or resume dispatching of a queue. Raises ``NoSuchQueue``."""
        del by
        self._api.change(f"/queues/{quote(queue, safe='')}/{'pause' if paused else 'resume'}")

    def recall(self, name: str, *, by: str = "") -> list[WorkerView]:
        """Say that a machine, or one worker, is gone for good. Raises ``NoSuchWorker`` where nothing runs there."""
        del by
        theirs = workers_of(self.views, name)
        shape = self._api.change("/workers/recall", {"worker": name})
        return self._api.read(lambda: [view for view in theirs if view.name in shape["recalled"]])

    def close(self) -> None:
        """End what waits, and release the connections."""
        self._bell.close()
        if self._owns:
            self._api.close()


def line_of(wish: Wish) -> bytes:
    """A wish as a line of JSON. Raises ``TooLarge``, ``BadArguments``."""
    given = {name: value for name, value in wish._asdict().items() if value is not None}
    shape: dict[str, Any] = {f"{name}_ms" if name in DURATIONS else name: value for name, value in given.items()}
    try:
        line = json.dumps(shape, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadArguments(f"the arguments of handler {wish.handler!r} cannot be written as JSON: {error}") from error
    if len(line) > LONGEST_WISH:
        raise TooLarge(
            f"the arguments of handler {wish.handler!r} take {say_bytes(len(line))} with all that goes with them, and "
            f"the API takes {say_bytes(LONGEST_WISH)}. Put large data into object storage and pass its address"
        )
    return line


def submission(shape: Shape) -> Submission:
    """What became of one row."""
    if "problem" in shape:
        error = problems.read(shape["problem"])
        if isinstance(error, KeyTaken) and error.task_id is not None:
            return KeyConflict(error.task_id)
        return Refused(error)
    return Existing(shape["id"], Status(shape["status"])) if shape["existed"] else Accepted(shape["id"])
