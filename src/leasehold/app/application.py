"""App: the handlers of an application, and a client for them that is assembled at first use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from getpass import getuser
from types import FrameType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from leasehold.app.spec import spec_of
from leasehold.app.tasks import TaskFunction
from leasehold.flow.registry import DEFAULT_LEASE, DEFAULT_QUEUE, Registry, Retry

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from leasehold.app.connection import Behind
    from leasehold.app.handles import Handle
    from leasehold.ports.ledger import Operation

P = ParamSpec("P")
R = TypeVar("R")


class App:
    """The handlers of one application.

    Making an App opens nothing. Its first submit opens the ledger that the settings name (default: one SQLite file in
    the working directory); its first wait starts an orchestrator and a worker on this machine, unless some already
    serve that ledger or the settings name queues elsewhere. ``close``, or the end of the process, stops what it
    started.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        """``name`` is for people. ``settings`` override environment and file, by their names in lower case."""
        self.name = name
        self.registry = Registry()
        self._settings = settings
        self._connection: Behind | None = None
        self._home = home_of(inspect.currentframe())

    @overload
    def task(self, function: Callable[P, R]) -> TaskFunction[P, R]: ...
    @overload
    def task(
        self,
        *,
        name: str | None = None,
        lease: str | float = DEFAULT_LEASE,
        retry: Retry | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        concurrency: int = 1,
        bundle: int = 1,
        credentials: bool = False,
        env: Sequence[str] = (),
        find: Sequence[str] = (),
    ) -> Callable[[Callable[P, R]], TaskFunction[P, R]]: ...
    def task(
        self, function: Callable[P, R] | None = None, **options: Any
    ) -> TaskFunction[P, R] | Callable[[Callable[P, R]], TaskFunction[P, R]]:
        """Make a function a task. It stays an ordinary function: calling it runs it here and now.

        ``lease``: how long one run may take (``"30m"``, or seconds); ``retry``: what may go wrong before the task is
        given up; ``queue`` and ``priority`` (higher first): where it waits; ``concurrency``: how many runs of an
        ``async def`` handler share one slot; ``bundle``: up to how many of its tasks share a message and its lease, and
        run one after the other, each with its own outcome (for tasks of well under a second); ``credentials``: its runs
        get the worker's cloud credentials, which others do not; ``env``: names of further variables that its runs get
        (``["API_TOKEN", "MODEL_*"]``); ``find``: names of arguments by which its tasks are to be found, however many
        there are (``["episode", "source.bucket"]``, for filters such as ``args.episode:42``). Raises ``BadLease``,
        ``BadApplication``.
        """

        def register(function: Callable[P, R]) -> TaskFunction[P, R]:
            return TaskFunction(self, self.registry.add(function, **options), function)

        return register if function is None else register(function)

    def command(  # noqa: PLR0913 - one for each thing that may be said of a handler
        self,
        name: str,
        template: str,
        *,
        shell: bool = False,
        unrecoverable: Sequence[int] = (),
        lease: str | float = DEFAULT_LEASE,
        retry: Retry | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        credentials: bool = False,
        env: Sequence[str] = (),
        find: Sequence[str] = (),
    ) -> TaskFunction[..., Any]:
        """Make a program a task: ``app.command("convert", "ffmpeg -i {source} {target}")``.

        Its placeholders are its arguments. ``shell``: hand the line to ``/bin/sh -c``, each value quoted;
        ``unrecoverable``: exit codes that are not tried again; the others as for ``task``. It cannot be called here,
        only submitted. Raises ``BadLease``, ``BadApplication``.
        """
        handler = self.registry.add_command(
            name,
            template,
            shell=shell,
            unrecoverable=unrecoverable,
            lease=lease,
            retry=retry,
            queue=queue,
            priority=priority,
            credentials=credentials,
            env=env,
            find=find,
        )
        return TaskFunction(self, handler, handler.function)

    def submit(self, name: str, /, *args: Any, **kwargs: Any) -> Handle[Any]:
        """Submit a task by the name of its handler."""
        return self[name].submit(*args, **kwargs)

    def __getitem__(self, name: str) -> TaskFunction[..., Any]:
        """The task of that name; raises ``UnknownHandler``."""
        handler = self.registry.get(name)
        return TaskFunction(self, handler, handler.function)

    def cancel_where(self, filter_: str, reason: str = "") -> Operation:
        """Cancel every task that matches now and has no outcome, however many: in batches, by the orchestrator.

        ``filter_`` is the filter language (``batch:november status:pending``). Raises ``BadFilter``.
        """
        return self.connection.client.operate("cancel", filter_, by=getuser(), reason=reason)

    def retry_where(self, filter_: str, reason: str = "") -> Operation:
        """Retry every failed or cancelled task that matches now, with fresh budgets; as ``cancel_where``."""
        return self.connection.client.operate("retry", filter_, by=getuser(), reason=reason)

    def executor(self) -> Executor:
        """A ``concurrent.futures`` executor whose work is tasks; its functions must be tasks of this App."""
        from leasehold.app.executor import TaskExecutor

        return TaskExecutor(self)

    @contextmanager
    def behind(self, system: Behind) -> Generator[None]:
        """Inside the block, use ``system`` instead of what the settings name (``leasehold.testing.run_inline``)."""
        before, self._connection = self._connection, system
        try:
            yield
        finally:
            self._connection = before

    @property
    def connection(self) -> Behind:
        """The ledger behind this App, opened at first use."""
        if self._connection is None:
            from leasehold.app.connection import Connection

            connection = Connection(
                self._settings, lambda: spec_of(self._home), [handler.queue for handler in self.registry.all()]
            )
            if connection.settings.api is None:  # behind an API, the margin is that of the server, which checks it
                self.registry.check(connection.settings.lease_margin)
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Stop what this App started, and release the ledger. It may be used again afterwards."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def home_of(frame: FrameType | None) -> Mapping[str, Any]:
    """The globals of the module that called: what workers must load to find its handlers."""
    caller = frame.f_back if frame is not None else None
    return caller.f_globals if caller is not None else {}
