"""What user code sees of its own run: ``current()``."""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

from leasehold.core.errors import Interrupted, UsageError
from leasehold.core.model import Token

State = TypeVar("State")
NOTE = 500
"""Characters of a progress note; the rest is left out."""


class Link(Protocol):
    """How a run reaches whoever keeps its checkpoints and may want it to stop."""

    def load(self) -> str | None:
        """The last checkpoint as JSON text."""
        ...

    def save(self, state: str, fraction: float | None, note: str | None) -> None:
        """Keep ``state``; returns once it is durable."""
        ...

    def tell(self, fraction: float | None, note: str | None) -> None:
        """Say how far the run is."""
        ...

    def interrupted(self) -> str | None:
        """Why the run should end early, if it should."""
        ...

    def remaining(self) -> float:
        """Seconds left of the lease."""
        ...


class InMemory:
    """The link of a plain call: checkpoints live as long as the object, nobody interrupts, no lease ends."""

    def __init__(self, state: str | None = None) -> None:
        self.state = state
        self.fraction: float | None = None
        self.note: str | None = None
        self.reason: str | None = None
        """Set it to see how a handler takes an interruption."""

    def load(self) -> str | None:
        """The state saved last."""
        return self.state

    def save(self, state: str, fraction: float | None, note: str | None) -> None:
        """Keep it here."""
        self.state = state
        self.tell(fraction, note)

    def tell(self, fraction: float | None, note: str | None) -> None:
        """Keep it here."""
        self.fraction = fraction
        self.note = note

    def interrupted(self) -> str | None:
        """What a test has set."""
        return self.reason

    def remaining(self) -> float:
        """A plain call has no lease."""
        return math.inf


class Run:
    """The run that this code is part of.

    ``load`` and ``save`` are checkpoints: what ``save`` was given comes back from ``load`` in the next run of the same
    task, on whichever machine that is. ``token`` rises from run to run of one task: a resource that refuses smaller
    numbers cannot be harmed by a run that was thought dead.
    """

    __slots__ = ("link", "n", "r", "task_id", "trace")

    link: Link
    """For whoever made this run; user code has the methods."""

    def __init__(self, task_id: str, n: int, r: int, link: Link, trace: str | None = None) -> None:
        self.task_id = task_id
        self.n = n
        self.r = r
        self.link = link
        self.trace = trace
        """The W3C ``traceparent`` of this run, to be passed on to whatever it calls; ``None``: nobody traces it."""

    @property
    def token(self) -> int:
        """The fencing token: one integer that rises with every run of this task."""
        return Token(self.n, self.r).fence

    @property
    def interrupted(self) -> str | None:
        """Why this run should end soon (its machine is going away, its task was cancelled), or ``None``."""
        return self.link.interrupted()

    @property
    def remaining(self) -> float:
        """Seconds until this run is stopped; infinite in a plain call."""
        return self.link.remaining()

    def load(self, default: State) -> State:
        """The last checkpoint of this task, or ``default`` when there is none."""
        text = self.link.load()
        return default if text is None else json.loads(text)

    def save(
        self, state: object, *, done: float | None = None, total: float | None = None, note: str | None = None
    ) -> None:
        """Keep ``state`` (anything that JSON can hold) as the checkpoint; it is durable when this returns.

        ``done`` of ``total`` and a short ``note`` are shown as progress.

        Raises:
            UsageError: ``state`` cannot be written as JSON.
        """
        try:
            text = json.dumps(state, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"this checkpoint cannot be written as JSON ({error}). Save plain values") from error
        self.link.save(text, fraction(done, total), short(note))

    def progress(self, done: float | None = None, total: float | None = None, note: str | None = None) -> None:
        """Show how far this run is, without a checkpoint."""
        self.link.tell(fraction(done, total), short(note))

    def check(self) -> None:
        """Raise ``Interrupted`` if this run should end soon; let it pass through the handler."""
        if (reason := self.interrupted) is not None:
            raise Interrupted(reason)


def fraction(done: float | None, total: float | None) -> float | None:
    """How far ``done`` of ``total`` is, from 0 to 1; ``None`` when that cannot be said."""
    if done is None or not total or not total > 0:
        return None
    return min(1.0, max(0.0, done / total))


_running: ContextVar[Run] = ContextVar("leasehold_run")
_alone: list[Run] = []
"""The one run of a process that runs one at a time: threads that the handler started begin with an empty context."""


def current() -> Run:
    """The run that this code is part of; in a plain call, outside a worker, a fresh one in memory."""
    return known() or Run("plain-call", 1, 1, InMemory())


def short(note: str | None) -> str | None:
    """A note that fits on a screen."""
    return note if note is None or len(note) <= NOTE else f"{note[: NOTE - 3]}..."


def known() -> Run | None:
    """As ``current``, but ``None`` where no run is known."""
    found = _running.get(None)
    return found if found is not None else _alone[-1] if _alone else None


@contextmanager
def running(run: Run, *, alone: bool = False) -> Generator[Run]:
    """Make ``run`` the current one inside the block; ``alone`` also for threads that know of no other."""
    token = _running.set(run)
    if alone:
        _alone.append(run)
    try:
        yield run
    finally:
        _running.reset(token)
        if alone:
            _alone.remove(run)


def begin(run: Run) -> None:
    """As ``running`` with ``alone``, for a process that does nothing but one run after the other: no end, less cost."""
    _running.set(run)
    _alone[:] = (run,)


def end() -> None:
    """The run of ``begin`` is over: whatever its threads still do belongs to no run."""
    _alone.clear()
