"""A whole deployment of real processes, started from settings only, as a user would start it.

Each process has exactly the environment that its role has. What is waited for is what the system itself says: the
output of its processes, their exit codes, the views of its ledger.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from leasehold.app.connection import Connection
from leasehold.assemble import Parts
from leasehold.core.errors import Unavailable
from leasehold.core.model import Audit, FailureKind, Status
from leasehold.demo.handlers import QUEUE
from leasehold.ports.views import RunView, TaskView
from leasehold.settings import read_settings
from tests.acceptance.processes import BOUND, Process, scrubbed
from tests.servers.pulse import Pulse, ahead

T = TypeVar("T")
APP = "leasehold.demo.handlers:app"
SETTINGS = {
    "LEASEHOLD_LEASE_MARGIN": "1500ms",
    "LEASEHOLD_TERM_GRACE": "500ms",
    "LEASEHOLD_VALIDITY": "6s",
    "LEASEHOLD_WINDOW": "4",
    "LEASEHOLD_LONG_POLL": "1s",
}
"""Leases and validity of seconds, so that what a killed process held comes back soon."""
NOWHERE = {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGUSER": "nobody", "PGDATABASE": "none", "PGCONNECT_TIMEOUT": "1"}
"""Where a process ends that connects to a PostgreSQL that nobody told it of."""
STOOD = 1_000
"""ms that the machine stood still while a run had its lease: what takes a second or two overruns it for that alone."""
LOOK = 100
"""ms between two looks at the ledger, unless a task ends before."""


class Place(NamedTuple):
    """What a deployment stands on."""

    ledger: str
    queues: str = "embedded"
    topology: str = "two-queue"
    worker_ledger: str | None = None
    """The ledger as workers log in to it; ``None``: they know of none."""
    orchestrator_ledger: str | None = None
    """The ledger as orchestrators reach it, where that is another way."""
    aws: Mapping[str, str] = {}
    """By which boto3 finds the queues."""
    settings: Mapping[str, str] = {}


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    out: str

    @property
    def json(self) -> dict[str, Any]:
        """Its output as JSON."""
        return json.loads(self.out)


class Story(NamedTuple):
    """All that the ledger knows of one task."""

    view: TaskView
    runs: Sequence[RunView]
    trail: Sequence[Audit]

    @property
    def result(self) -> Any:  # noqa: ANN401 - whatever a handler returns
        """What the handler returned."""
        return json.loads(self.view.result or "null")

    def lines(self, kind: str) -> list[Audit]:
        """Lines of its audit trail of one kind."""
        return [line for line in self.trail if line.kind == kind]


def signed(ledger: str, name: str) -> str:
    """The ledger's address with who it is that connects: the server's log then tells."""
    return f"{ledger}{'&' if '?' in ledger else '?'}application_name={name}" if "postgres" in ledger else ledger


class Deployment:
    """Orchestrators and workers as processes, and commands of an operator beside them."""

    def __init__(self, folder: Path, place: Place, app: str = APP) -> None:
        self.folder = folder
        self.place = place
        self.app = app
        self.processes: dict[str, Process] = {}
        self.everybody: list[Process] = []
        self.patience = BOUND
        """Seconds to wait for what the whole of it does."""
        self.pulse = Pulse()

    # ---------------------------------------------------------------- who knows what

    def environment(self, role: str, name: str = "operator") -> dict[str, str]:
        """Exactly what a process of this role is given: ``worker``, ``orchestrator`` or ``operator``."""
        place = self.place
        chosen = {
            "LEASEHOLD_QUEUES": place.queues,
            "LEASEHOLD_TOPOLOGY": place.topology,
            "LEASEHOLD_STORE": str(self.folder / "store"),
        }
        ways = {"worker": place.worker_ledger, "orchestrator": place.orchestrator_ledger or place.ledger}
        ledger = ways.get(role, place.ledger)
        known = NOWHERE if ledger is None else {"LEASEHOLD_LEDGER": signed(ledger, name)}
        return {**scrubbed(self.folder), **SETTINGS, **place.settings, **chosen, **place.aws, **known}

    # ---------------------------------------------------------------- processes

    def orchestrator(self, number: int) -> Process:
        """Start an orchestrator."""
        return self._start("orchestrator", f"orchestrator-{number}")

    def worker(self, number: int, *, slots: int = 2) -> Process:
        """Start a worker."""
        name = f"worker-{number}"
        options = ["--app", self.app, "--queues", QUEUE, "--slots", str(slots), "--name", name]
        return self._start("worker", name, *options)

    def init(self) -> Ran:
        """Make what the deployment stands on."""
        return self.run("init", "--queues", QUEUE)

    def start(self, *, orchestrators: int = 2, workers: int = 2) -> None:
        """Start so many of each."""
        for number in range(1, orchestrators + 1):
            self.orchestrator(number)
        for number in range(1, workers + 1):
            self.worker(number)

    def _start(self, role: str, name: str, *options: str) -> Process:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "leasehold", role, *options]
        process = Process(name, command, self.environment(role, name), home)
        self.processes[name] = process
        self.everybody.append(process)
        return process

    def stop(self) -> None:
        """Stop what runs in good order: workers first, so that what they report last is still recorded."""
        for role in ("worker", "orchestrator"):
            running = [process for name, process in self.processes.items() if name.startswith(role) and process.running]
            for process in running:
                process.expected = True
                process.popen.terminate()
            assert [(process.name, process.ended()) for process in running] == [(each.name, 0) for each in running]

    # ---------------------------------------------------------------- commands

    def run(self, *arguments: str, code: int | None = 0) -> Ran:
        """Run one command as an operator would, and look at its exit code; what it said."""
        command = [sys.executable, "-m", "leasehold", *arguments]
        process = Process(" ".join(arguments), command, self.environment("operator"), self.folder)
        self.everybody.append(process)
        ended = process.ended(self.patience + BOUND)  # its own time-out comes first, and says more
        assert code in (None, ended), f"leasehold {process.name}: exit code {ended}\n{process.output}"
        return Ran(ended, process.output)

    def wait(self, batch: str) -> Ran:
        """``leasehold wait`` for a batch: 0 all completed, 1 some failed."""
        return self.run("wait", "--batch", batch, "--timeout", f"{self.patience:.0f}s", code=None)

    # ---------------------------------------------------------------- looks

    @cached_property
    def connection(self) -> Connection:
        """A client in this process, of the same ledger and the same store."""
        known = self.environment("operator", "client").items()
        given = {name.removeprefix("LEASEHOLD_").lower(): value for name, value in known if "LEASEHOLD_" in name}
        return Connection(given, lambda: self.app)

    @cached_property
    def parts(self) -> Parts:
        """The read side of the ledger, and its bell."""
        return Parts(read_settings(environ=self.environment("operator"), folder=self.folder))

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """Look at the ledger until there is something to see."""
        end = monotonic() + self.patience
        while True:
            self.check()
            with_trouble: Exception | None = None
            try:
                if (found := look()) is not None:
                    return found
            except Unavailable as error:
                with_trouble = error
            assert monotonic() < end, f"it never came to this: {what} ({with_trouble})"
            self._rest()

    def _rest(self) -> None:
        try:
            self.parts.bell.wait("ended", LOOK)
        except Unavailable:
            os.sched_yield()

    def until_ended(self, batch: str, count: int) -> int:
        """Wait until so many tasks of a batch have an outcome; how many have."""

        def look() -> int | None:
            ended = self.ended(batch)
            return ended if ended >= count else None

        return self.until(look, f"{count} tasks of batch {batch!r} ended")

    def ended(self, batch: str) -> int:
        """How many tasks of a batch have an outcome."""
        outcomes = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
        return sum(cell.tasks for cell in self.parts.views.counts(batch=batch) if cell.status in outcomes)

    def stories(self, batch: str) -> Iterator[Story]:
        """All that is known of each task of a batch, from its first page to its last."""
        views, cursor = self.parts.views, None
        while True:
            page = views.tasks(f'batch:"{batch}"', cursor=cursor, limit=500)
            for view in page.rows:
                yield Story(view, views.runs(view.task.id), views.audit(view.task.id))
            if (cursor := page.cursor) is None:
                return

    def overran_standing_still(self, story: Story) -> int:
        """How many runs of a task cost it an attempt because this machine stood still until their lease was over."""
        spans = [
            ((run.started_at or run.ended_at) - ahead(), run.ended_at - ahead())
            for run in story.runs
            if run.ended_at is not None and run.failure is not None and run.failure.kind is FailureKind.LEASE
        ]
        return sum(self.pulse.stood(*span) >= STOOD for span in spans)

    def check(self) -> None:
        """No process has ended unless somebody ended it."""
        dead = [process for process in self.processes.values() if not process.running and not process.expected]
        told = "\n".join(f"{process.name}: {process.popen.returncode}\n{process.output}" for process in dead)
        assert not dead, f"ended by themselves:\n{told}"

    # ---------------------------------------------------------------- the end

    def clean_up(self) -> None:
        """End everything, and tell what it said: pytest shows that where the test has failed."""
        for process in self.everybody:
            process.clean_up()
        for made in ("parts", "connection"):
            if made in self.__dict__:
                getattr(self, made).close()
        self.pulse.close()
        for process in self.everybody:
            print(f"--- {process.name} ({process.popen.returncode})\n{process.output}")  # noqa: T201 - for pytest


@contextmanager
def deployed(folder: Path, place: Place, app: str = APP) -> Iterator[Deployment]:
    """A deployment that is gone after the block, whatever happens in it."""
    deployment = Deployment(folder, place, app)
    try:
        yield deployment
    finally:
        deployment.clean_up()
