"""``concurrent.futures`` over tasks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, TypeVar, cast

from leasehold.app.handles import Handle
from leasehold.app.tasks import TaskFunction
from leasehold.core.errors import UsageError

if TYPE_CHECKING:
    from leasehold.app.application import App

T = TypeVar("T")


class TaskExecutor(Executor):
    """``submit`` writes a task; its future ends with the task's outcome. Cancelling a future cancels its task."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._open: dict[str, tuple[Handle[Any], Future[Any]]] = {}
        self._changed = Condition()
        self._shut = False
        self._thread: Thread | None = None

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Submit a task of this App; raises ``UsageError`` for any other function."""
        if not isinstance(fn, TaskFunction):
            raise UsageError(f"{fn!r} is no task: decorate it with @app.task, so that a worker can find it by its name")
        future: Future[T] = Future()
        with self._changed:
            if self._shut:
                raise RuntimeError("this executor has been shut down")
            handle = cast("Handle[T]", fn.submit(*args, **kwargs))
            self._open[handle.id] = (handle, future)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = Thread(target=self._collect, name="leasehold-executor", daemon=True)
                self._thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of Executor
        """Take nothing more; with ``wait``, return when all has ended; with ``cancel_futures``, cancel what has not."""
        with self._changed:
            self._shut = True
            handles = [handle for handle, _ in self._open.values()]
            self._changed.notify_all()
        if cancel_futures:
            for handle in handles:
                handle.cancel("the executor was shut down")
        if wait and self._thread is not None:
            self._thread.join()

    def _collect(self) -> None:
        self._app.connection.serve()
        while (open_ := self._next()) is not None:
            self._cancel_dropped(open_)
            client = self._app.connection.client
            for outcome in client.wait(list(open_), client.turn):
                handle, future = open_[outcome.task_id]
                with self._changed:
                    del self._open[outcome.task_id]
                resolve(future, lambda handle=handle, outcome=outcome: handle.unwrap(outcome))

    def _next(self) -> dict[str, tuple[Handle[Any], Future[Any]]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._open or self._shut)
            return dict(self._open) or None

    def _cancel_dropped(self, open_: dict[str, tuple[Handle[Any], Future[Any]]]) -> None:
        for handle, future in open_.values():
            if future.cancelled():
                handle.cancel("its future was cancelled")


def resolve(future: Future[Any], result: Callable[[], Any]) -> None:
    """End a future with what the task ended with; one that was cancelled stays so."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(result())
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for the future
        future.set_exception(error)
