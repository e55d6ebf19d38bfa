"""Where handlers run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from leasehold.core.model import Failure

NEIGHBOUR = "neighbour"
"""Cause of ``Stopped``: several runs shared a process and it died unexplained. Each runs alone next time."""
SIBLING = "sibling"
"""Cause of ``Stopped``: the process had to be killed because of another run in it."""


class Job(NamedTuple):
    """One run for a slot: ``arguments`` is JSON text; the run must have ended by ``deadline_boot``.

    One that could not begin by ``start_by_boot`` never begins (its dispatch may not be valid any more, or its lease
    too short): it yields ``Stopped(begun=False)``. The child checks that itself, just before it begins.
    """

    run_id: str
    task_id: str
    name: str
    arguments: str
    n: int
    r: int
    deadline_boot: int
    start_by_boot: int
    bundle: str | None = None
    """Jobs that follow each other with the same name here share a slot, and run one after the other."""
    trace: str | None = None
    """The ``traceparent`` for what the handler does; ``None``: nobody traces it."""


class Began(NamedTuple):
    """The child began this run.

    One that is stopped, or moved to another slot, at that very instant may still say ``Stopped(begun=False)``, or begin
    once more.
    """

    run_id: str
    at_boot: int


class Returned(NamedTuple):
    """The handler returned; ``result`` is JSON text."""

    run_id: str
    at_boot: int
    result: str
    log: bytes = b""
    log_bytes: int = 0


class Raised(NamedTuple):
    """The run failed: an exception, a bad result or argument, or the death of its child."""

    run_id: str
    at_boot: int
    failure: Failure
    unrecoverable: bool = False
    after: int | None = None
    log: bytes = b""
    log_bytes: int = 0


class Stopped(NamedTuple):
    """The run ended without fault of its own: asked to stop, or its neighbour's death took it along.

    ``begun`` says whether any of its code ran.
    """

    run_id: str
    at_boot: int
    cause: str
    begun: bool
    log: bytes = b""
    log_bytes: int = 0


class Saving(NamedTuple):
    """The run wants ``state`` (JSON text) kept; it waits for ``Slots.answer(run_id, ...)``."""

    run_id: str
    state: str
    fraction: float | None
    note: str | None
    question: int = 0
    """The answer names it: a run that is interrupted while it waits may ask again, and must not be told of this one."""


class Loading(NamedTuple):
    """The run wants its last checkpoint; it waits for ``Slots.answer(run_id, ...)``."""

    run_id: str
    question: int = 0
    """As in ``Saving``."""


class Told(NamedTuple):
    """The run says how far it is; nobody waits."""

    run_id: str
    fraction: float | None
    note: str | None


SlotEvent = Began | Returned | Raised | Stopped | Saving | Loading | Told


class Answer(NamedTuple):
    """To ``Saving`` and ``Loading``: the state (JSON text), or an error to raise in the handler, or neither."""

    state: str | None = None
    error: str | None = None
    interrupted: str | None = None
    """Why the run should end early (drain, cancelled), or ``None``."""
    question: int = 0
    """What it answers."""


class Slots(Protocol):
    """Supervised places where handlers run, each in a process of its own, behind a guard (the leash).

    Every started run yields exactly one of ``Returned``, ``Raised``, ``Stopped``. No process of a run is alive past
    its ``deadline_boot`` plus grace, whatever it does and whether or not this process is alive.
    """

    def free(self) -> int:
        """How many runs could begin at once now."""
        ...

    def knows(self, name: str) -> bool:
        """Whether the application has this handler."""
        ...

    def start(self, jobs: Sequence[Job]) -> None:
        """Hand over; jobs beyond ``free()`` wait behind running ones in the shortest line."""
        ...

    def events(self, wait: int) -> list[SlotEvent]:
        """What happened, waiting up to ``wait`` ms for the first event."""
        ...

    def wake(self) -> None:
        """Make an ``events`` under way in another thread return at once."""
        ...

    def answer(self, run_id: str, answer: Answer) -> None:
        """Answer a ``Saving`` or ``Loading``."""
        ...

    def interrupt(self, reason: str, run_ids: Sequence[str] | None = None) -> None:
        """Tell these runs (``None``: every running handler) that they should end soon (``current().interrupted``)."""
        ...

    def take_back(self, run_ids: Sequence[str], cause: str) -> None:
        """Those of these runs that have not begun never do, and yield ``Stopped``; what has begun goes on."""
        ...

    def stop(self, run_ids: Sequence[str], cause: str) -> None:
        """End these runs (TERM, grace, KILL); each yields its event when it is seen dead. Waiting ones never begin."""
        ...

    def close(self) -> None:
        """Kill everything, return when nothing is left alive."""
        ...
