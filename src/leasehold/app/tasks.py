"""A handler as its module sees it: a function that can also be submitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from leasehold.app.batches import Batch, RowOptions
from leasehold.app.handles import Handle
from leasehold.core.units import milliseconds

if TYPE_CHECKING:
    from leasehold.app.application import App
    from leasehold.flow.client import Order
    from leasehold.flow.registry import Handler, Registry

P = ParamSpec("P")
R = TypeVar("R")


class TaskFunction(Generic[P, R]):
    """An ordinary function with ``submit`` and ``submit_many``."""

    def __init__(self, app: App, handler: Handler, function: Callable[P, R], **options: Any) -> None:
        self.app = app
        self.handler = handler
        self._function = function
        self._options = options
        update_wrapper(cast("Any", self), function)

    @property
    def name(self) -> str:
        """The handler's name."""
        return self.handler.name

    @property
    def registry(self) -> Registry:
        """The handlers of its App: who names one task of an App to a worker names all of them."""
        return self.app.registry

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it here and now."""
        return self._function(*args, **kwargs)

    def options(
        self,
        *,
        key: str | None = None,
        batch: str | None = None,
        priority: int | None = None,
        queue: str | None = None,
        delay: str | float | None = None,
        tenant: str | None = None,
        connection: object | None = None,
    ) -> TaskFunction[P, R]:
        """The same task, to be submitted with other options.

        ``key`` is unique per handler and batch: submitting it again returns the task that has it. ``delay`` is the
        shortest time to wait before the first run (``"5m"``, or seconds). ``connection``: your own connection to the
        ledger's database (SQLAlchemy's, psycopg's or sqlite3's): the task is then part of your transaction, and is
        committed or rolled back with it. It runs at most about a second after your commit; until then nobody sees it.
        """
        given = {"key": key, "batch": batch, "priority": priority, "queue": queue, "tenant": tenant}
        chosen: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        if delay is not None:
            chosen["delay"] = milliseconds(delay)
        if connection is not None:
            chosen["connection"] = connection
        return TaskFunction(self.app, self.handler, self._function, **{**self._options, **chosen})

    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Write the task to the ledger; when this returns, it will be done or you will be told why not.

        Raises ``BadArguments`` if they do not fit the function's hints, ``TooLarge``, ``KeyTaken``,
        ``LedgerUnavailable``, ``UsageError`` for a connection that cannot be used; nothing was stored then.
        """
        order = self.order(self.handler.bind(args, kwargs))
        client = self.app.connection.client
        return Handle(self.app, client.submit(order, connection=self._options.get("connection")).task_id)

    def submit_many(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        key: str | None = None,
        batch: str | None = None,
        retry_failed: bool = False,
        connection: object | None = None,
        **common: Any,
    ) -> Batch[R]:
        """Write a task per row, in chunks, in memory that does not grow with the rows.

        A row gives arguments by name; ``common`` ones are the same for all. ``key`` names the argument that tells rows
        apart: submitting the same rows again then goes on where the last time ended. Rows that do not fit go to
        ``batch.rejected``, the others go on. ``connection`` as in ``options``: all are part of your transaction.
        """
        connection = connection if connection is not None else self._options.get("connection")
        options = RowOptions(key, batch, retry_failed, common, connection)
        return Batch[R].submit(self.app, self, rows, options)

    def order(self, arguments: str, **more: Any) -> Order:
        """What is submitted: these arguments (JSON text) with the handler's policy and the chosen options."""
        from leasehold.flow.client import Order  # a slot's child imports this module, and never submits

        handler = self.handler
        chosen: dict[str, Any] = {"queue": handler.queue, "priority": handler.priority, **self._options, **more}
        chosen.pop("connection", None)
        return Order(handler.name, arguments, handler.policy, find=handler.find, **chosen)
