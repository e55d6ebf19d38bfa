"""Many tasks submitted together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from leasehold.app.handles import Handle
from leasehold.core.errors import BadArguments, TooLarge, UsageError
from leasehold.core.model import Status
from leasehold.core.units import milliseconds
from leasehold.ports.ledger import Accepted, Existing, KeyConflict

if TYPE_CHECKING:
    from leasehold.app.application import App
    from leasehold.app.tasks import TaskFunction
    from leasehold.flow.client import Order, Submission

R = TypeVar("R")

RETRY_CHUNK = 500


class RowOptions(NamedTuple):
    """How rows become tasks."""

    key: str | None
    batch: str | None
    retry_failed: bool
    common: Mapping[str, Any]
    connection: object | None = None


class Rejected(NamedTuple):
    """A row that became no task: its number (the first row is 1), and what is wrong with it."""

    number: int
    reason: str


class Batch(Generic[R]):
    """What became of the rows of one ``submit_many``.

    ``submitted`` rows are new tasks; ``existing`` ones were there already (finished or alive); ``failed`` lists the
    ids of existing tasks that had failed (retried if ``retry_failed`` was set); ``rejected`` rows are no tasks.
    """

    def __init__(self, app: App, name: str) -> None:
        self.app = app
        self.name = name
        self.submitted = 0
        self.existing = 0
        self.failed: list[str] = []
        self.rejected: list[Rejected] = []

    @classmethod
    def submit(
        cls, app: App, task: TaskFunction[..., R], rows: Iterable[Mapping[str, Any]], options: RowOptions
    ) -> Self:
        """Write them all."""
        if options.retry_failed and options.connection is not None:
            raise UsageError("retry_failed cannot be part of your transaction: leave out retry_failed, or connection")
        client = app.connection.client
        batch = cls(app, options.batch or f"batch-{app.connection.new_id()}")
        for (number, order), answer in client.submit_many(
            batch.orders(task, rows, options), connection=options.connection
        ):
            batch.count(number, order, answer)
        if options.retry_failed:
            for start in range(0, len(batch.failed), RETRY_CHUNK):
                client.retry(batch.failed[start : start + RETRY_CHUNK], by="submit_many", reason="retry_failed")
        return batch

    def orders(
        self, task: TaskFunction[..., R], rows: Iterable[Mapping[str, Any]], options: RowOptions
    ) -> Iterator[tuple[int, Order]]:
        """The rows that fit, as orders."""
        for number, row in enumerate(rows, start=1):
            try:
                arguments = task.handler.bind((), {**options.common, **row})
                key = None if options.key is None else key_of(row, options.key)
            except (BadArguments, TooLarge) as error:
                self.rejected.append(Rejected(number, str(error)))
            else:
                yield number, task.order(arguments, batch=self.name, key=key)

    def count(self, number: int, order: Order, answer: Submission) -> None:
        """Note what became of one row."""
        match answer:
            case Accepted():
                self.submitted += 1
            case Existing():
                self.existing += 1
                if answer.status is Status.FAILED:
                    self.failed.append(answer.task_id)
            case KeyConflict():
                why = f"key {order.key!r} is taken by task {answer.task_id} with other arguments"
                self.rejected.append(Rejected(number, why))
            case _:
                self.rejected.append(Rejected(number, str(answer.error)))

    def counts(self) -> dict[str, int]:
        """How many tasks of this batch stand where, by status."""
        found: dict[str, int] = {}
        for cell in self.app.connection.client.views.counts(batch=self.name):
            found[str(cell.status)] = found.get(str(cell.status), 0) + cell.tasks
        return found

    def as_completed(self, timeout: str | float | None = None) -> Iterator[Handle[R]]:
        """Each task of the batch as it ends, whatever its outcome; ends when all have.

        Raises ``TimeoutError``. On the embedded default this starts an orchestrator and a worker on this machine.
        """
        connection = self.app.connection
        if connection.client.alive(self.name):
            connection.serve()
        limit = None if timeout is None else milliseconds(timeout)
        for outcome in connection.client.batch_outcomes(self.name, limit):
            yield Handle(self.app, outcome.task_id, outcome)

    def wait(self, timeout: str | float | None = None) -> dict[str, int]:
        """Wait until every task of the batch has ended; the counts by status. Raises ``TimeoutError``."""
        for _ in self.as_completed(timeout):
            pass
        return self.counts()


def key_of(row: Mapping[str, Any], column: str) -> str:
    """What tells this row apart; raises ``BadArguments`` for a row without it."""
    if row.get(column) is None:
        raise BadArguments(f"it has no {column!r}, which was named as the key")
    return str(row[column])
