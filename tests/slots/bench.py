"""A pool of real slots, and words for tests to use it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.pool import Recycling, SlotPool
from leasehold.ports.slots import Answer, Began, Job, Loading, Raised, Returned, Saving, SlotEvent, Stopped

HANDLERS = str(Path(__file__).with_name("handlers.py"))
LONG = 60_000
"""ms of a lease that no test waits for."""
SHORT = 3_000
"""ms of a lease that is meant to run out, but not before its run has begun: long enough for a busy machine."""
BOUND = 30_000
"""ms after which a test that waits has failed."""
GRACE = 200
End = Returned | Raised | Stopped
Value = Any
"""An argument of a handler, or an event of which a test asks for attributes."""


class Bench:
    """Starts runs, answers them as a worker would, and waits for what happens."""

    def __init__(
        self,
        slots: int = 1,
        *,
        spec: str = HANDLERS,
        grace: int = GRACE,
        env: Mapping[str, str] = os.environ,
        recycling: Recycling | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self.pool = SlotPool(spec, slots, env=env, grace=grace, recycling=recycling, memory_limit=memory_limit)
        self._numbers = count(1)
        self.seen: list[SlotEvent] = []
        self.states: dict[str, str] = {}
        """Checkpoints by task."""
        self.answer = Answer()
        self._tasks: dict[str, str] = {}

    def job(
        self, name: str, /, *, lease: int = LONG, start_by: int = LONG, task: str = "task", **arguments: Value
    ) -> Job:
        run_id = f"run-{next(self._numbers)}"
        self._tasks[run_id] = task
        now = boot()
        return Job(run_id, task, name, json.dumps(arguments), 3, 1, now + lease, now + start_by)

    def start(self, name: str, /, *, lease: int = LONG, **arguments: Value) -> str:
        self.pool.knows(name)  # waits until the application is loaded: no lease counts before
        job = self.job(name, lease=lease, **arguments)
        self.pool.start([job])
        return job.run_id

    def run(self, name: str, /, *, lease: int = LONG, **arguments: Value) -> Value:
        """The end of a run."""
        return self.end(self.start(name, lease=lease, **arguments))

    def knows_as_short(self, name: str, **arguments: Value) -> None:
        """Run it until several are handed over at a time: one that the machine kept waiting is remembered as slow."""
        while self.pool._tempo.together(name) < 3:
            self.run(name, **arguments)

    def end(self, run_id: str) -> Value:
        """Wait for the end of a run."""
        return self.wait(lambda event: event.run_id == run_id and isinstance(event, End))

    def began(self, run_id: str) -> Began:
        """Wait for its beginning."""
        return self.wait(lambda event: event.run_id == run_id and isinstance(event, Began))

    def wait(self, wanted: Callable[[SlotEvent], bool]) -> Value:
        """Wait for an event, or find it among those seen."""
        late = boot() + BOUND
        while not (found := [event for event in self.seen if wanted(event)]):
            assert boot() < late, f"nothing of the kind in {self.seen}"
            self.turn()
        return found[0]

    def hear(self, kind: type[SlotEvent]) -> Value:
        """Wait for a further event of this kind, and answer nothing meanwhile."""
        late = boot() + BOUND
        while True:
            assert boot() < late, f"no {kind.__name__} after {self.seen}"
            events = self.pool.events(1_000)
            self.seen += events
            if found := [event for event in events if isinstance(event, kind)]:
                return found[0]

    def turn(self, wait: int = 1_000) -> None:
        """Take in what happened, and answer it."""
        for event in self.pool.events(wait):
            self.seen.append(event)
            task = self._tasks[event.run_id]
            if isinstance(event, Saving):
                self.states[task] = event.state
                self.pool.answer(event.run_id, self.answer._replace(question=event.question))
            elif isinstance(event, Loading):
                answer = self.answer._replace(state=self.states.get(task), question=event.question)
                self.pool.answer(event.run_id, answer)

    def ends(self, run_id: str) -> list[SlotEvent]:
        """How a run ended: one event."""
        return [event for event in self.seen if event.run_id == run_id and isinstance(event, End)]


class Held:
    """The end of a named pipe that sees when the last process that holds the other end is dead."""

    def __init__(self, folder: Path, name: str = "held") -> None:
        self.path = str(folder / name)
        os.mkfifo(self.path)
        self._fd: int | None = None

    def wait_until_held(self) -> None:
        """Return once somebody holds it."""
        if self._fd is None:
            self._fd = os.open(self.path, os.O_RDONLY)
        assert os.read(self._fd, 4)

    def wait_until_free(self) -> None:
        """Return once every process that held it is dead."""
        assert self._fd is not None
        while os.read(self._fd, 4096):
            pass

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
