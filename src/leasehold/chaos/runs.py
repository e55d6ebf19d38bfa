"""One task run as often as it takes, each run in a process of its own behind a guard, killed where it is told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from leasehold.adapters.memory import MemoryStore
from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.pool import SlotPool
from leasehold.core.model import Token
from leasehold.core.redaction import Redaction
from leasehold.flow.checkpoints import Checkpoints, folder
from leasehold.ports.slots import Answer, Began, Job, Loading, Raised, Returned, Saving, SlotEvent, Stopped

GRACE = 1_000
"""ms between TERM and KILL for a run that takes too long."""
TURN = 1_000
"""ms of one look at what a run does."""
LIMIT = 64 << 20
TASK = "chaos"


class Subject(NamedTuple):
    """What is tried: a handler, where it is, and its arguments as JSON text."""

    spec: str
    handler: str
    arguments: str
    timeout: int
    """ms that one run may take."""
    environment: Mapping[str, str]
    """All variables that children may pick from."""
    also: tuple[str, ...] = ()
    """Names of those that they get beyond the usual ones."""


class Kill(NamedTuple):
    """Where a run is killed: at the ``save`` of that number, before or after it is ``kept``; or ms after it began."""

    save: int = 0
    kept: bool = False
    after: int | None = None


class End(NamedTuple):
    """How a run ended: ``returned``, ``failed``, ``killed`` or ``too long``."""

    how: str
    result: str | None = None
    told: str = ""
    """Of a failed one what it said."""
    took: int = 0
    """ms."""
    saves: int = 0


class Task:
    """One task with its checkpoints, in a working directory of its own."""

    def __init__(self, subject: Subject, place: Path, scratch: Path) -> None:
        self.place = place
        self._subject = subject
        self._scratch = scratch
        self._store = MemoryStore()
        self._checkpoints = Checkpoints(self._store, limit=LIMIT)
        self._r = 0

    def run(self, kill: Kill | None = None) -> End:
        """Run it once more, in a new process, from its last checkpoint."""
        return self.together(1, kill)[0]

    def together(self, count: int, kill: Kill | None = None) -> list[End]:
        """Run it so many times at once."""
        subject = self._subject
        with chdir(self.place):
            env = {**subject.environment, "TMPDIR": str(self._scratch), "PYTHONDONTWRITEBYTECODE": "1"}
            pool = SlotPool(subject.spec, count, env=env, grace=GRACE, also=subject.also, redaction=Redaction())
            try:
                pool.knows(subject.handler)
                runs = [self._next() for _ in range(count)]
                now = boot()
                end, begin = now + subject.timeout, now + subject.timeout
                jobs = [Job(str(r), TASK, subject.handler, subject.arguments, 1, r, end, begin) for r in runs]
                pool.start(jobs)
                return Watch(pool, self._checkpoints, [job.run_id for job in jobs], kill).follow()
            finally:
                pool.close()

    def _next(self) -> int:
        self._r += 1
        return self._r

    def forget(self) -> None:
        """The task is completed: its checkpoints are gone."""
        self._checkpoints.forget(TASK)

    @property
    def state(self) -> str | None:
        """The last checkpoint, as JSON text."""
        return self._checkpoints.load(TASK, Token(1, self._r))

    @property
    def kept(self) -> int:
        """Checkpoints that are kept."""
        return len(self._store.keys(folder(TASK)))


class Watch:
    """Follows runs until all have ended or are killed: saves, loads, and strikes."""

    def __init__(self, pool: SlotPool, checkpoints: Checkpoints, runs: list[str], kill: Kill | None) -> None:
        self._pool = pool
        self._checkpoints = checkpoints
        self._runs = runs
        self._kill = kill
        self._began: dict[str, int] = {}
        self._saves = dict.fromkeys(runs, 0)
        self._ends: dict[str, End] = {}

    def follow(self) -> list[End]:
        """How each ended."""
        while len(self._ends) < len(self._runs):
            if self._struck() or any(self._take(event) for event in self._pool.events(self._patience())):
                self._strike()
        return [self._ends[run_id] for run_id in self._runs]

    def _strike(self) -> None:
        """What has not ended ends now: the caller closes the slots, which is SIGKILL for all that lives in them."""
        for run_id in self._runs:
            self._ends.setdefault(run_id, End("killed", saves=self._saves[run_id]))

    def _patience(self) -> int:
        at = self._strikes_at
        return TURN if at is None else max(0, min(TURN, at - boot()))

    @property
    def _strikes_at(self) -> int | None:
        after = None if self._kill is None else self._kill.after
        return None if after is None or not self._began else min(self._began.values()) + after

    def _struck(self) -> bool:
        at = self._strikes_at
        return at is not None and boot() >= at

    def _take(self, event: SlotEvent) -> bool:
        """Whether to strike now."""
        if isinstance(event, Began):
            self._began[event.run_id] = event.at_boot
        elif isinstance(event, Loading):
            self._pool.answer(
                event.run_id, Answer(self._checkpoints.load(TASK, token_of(event.run_id)), question=event.question)
            )
        elif isinstance(event, Saving):
            return self._save(event)
        elif isinstance(event, (Returned, Raised, Stopped)):
            self._ends[event.run_id] = self._ended(event)
        return False

    def _save(self, event: Saving) -> bool:
        self._saves[event.run_id] += 1
        here = self._kill is not None and self._kill.save == self._saves[event.run_id]
        if here and self._kill is not None and not self._kill.kept:
            return True
        error = self._checkpoints.save(TASK, token_of(event.run_id), event.run_id, event.state)
        if not here:
            self._pool.answer(event.run_id, Answer(error=error, question=event.question))
        return here

    def _ended(self, event: Returned | Raised | Stopped) -> End:
        took = event.at_boot - self._began.get(event.run_id, event.at_boot)
        saves = self._saves[event.run_id]
        if isinstance(event, Returned):
            return End("returned", event.result, took=took, saves=saves)
        if isinstance(event, Stopped):
            return End("failed", told=f"it was stopped: {event.cause}", took=took, saves=saves)
        failure = event.failure
        how = "too long" if failure.kind == "lease" else "failed"
        return End(how, told=f"{failure.type}: {failure.message}".partition("\n")[0], took=took, saves=saves)


def token_of(run_id: str) -> Token:
    """The token of a run: its number is its receive."""
    return Token(1, int(run_id))
