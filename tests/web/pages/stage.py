"""A batch as the demo leaves it, at every moment at once: done, failed of one cause and of another, lost, running.

Behind it lies a day of traffic, and an orchestrator has done what the clock asked for.
"""

from __future__ import annotations

import json
from time import time
from typing import NamedTuple

from leasehold.core.events import Cancelled, Lapsed, Progressed, Started
from leasehold.core.metering import STATUS, Action, Count, Tally
from leasehold.core.model import Failure, FailureKind, Run
from leasehold.core.reports import Payload
from leasehold.core.units import HOUR
from leasehold.ports.ledger import Change, Need, NewTask, Operation
from leasehold.testing.ledger_bench import LEASE, Moves
from tests.web.conftest import Bench

BATCH = "november"
EVIL = (
    "</script><script>window.hacked=1;alert(1)</script><img src=x onerror=window.hacked=2>"
    "<svg/onload=window.hacked=3>\"'&{{7*7}}<style>*{display:none}</style><a hx-get='/x' hx-trigger='load'>\u2028\u202e"
)
DAMAGED = Failure(
    FailureKind.EXCEPTION,
    "Unrecoverable",
    "is not readable audio: its header promises 31.5 s of sound, but the file ends after 12.0 s",
    "media.py:readable",
    'Traceback (most recent call last):\n  File "media.py", line 61, in readable\n    raise Unrecoverable(str(e))\n',
)
MEMORY = Failure(FailureKind.MEMORY, "MemoryExceeded", "the process was killed at 2.1 GiB", signal=9)
ENDED = (0, 0, 0, 0, 0, 0, 14, 96, 131, 127, 118, 84, 92, 129, 133, 121, 117, 61, 24, 9, 0, 0, 0, 22)
"""Tasks of queue media that ended, hour by hour up to this one."""
WAITED = (0, 0, 0, 0, 0, 0, 240, 610, 1_130, 1_020, 905, 830, 744, 622, 489, 371, 250, 92, 18, 3, 0, 0, 0, 4)
"""How many waited there, on average."""
LOOKS = 60
"""An hour, of an orchestrator."""
STATE = '{"second": 372.5, "segments": 8, "speakers": ["A", "B"], "text": "s3://talks/partial/lecture-24.json"}'
"""The newest checkpoint of the task that runs."""


class Staged(NamedTuple):
    """Ids of tasks, by what became of them."""

    done: str
    failed: str
    lost: str
    running: str
    queued: str
    cancelled: str


class Stage:
    """Builds it, some twenty minutes ago."""

    def __init__(self, bench: Bench) -> None:
        bench.clock.jump(int(time() * 1_000) - bench.clock.now() - 1_200_000)
        self.bench = bench
        self.moves = Moves(bench)
        self._count = 0
        self._files: dict[str, str] = {}
        self._runs: dict[str, Run] = {}

    def tasks(self, number: int, *, name: str = "transcribe", queue: str = "media", batch: str = BATCH) -> list[str]:
        """Tasks of the batch, each of a file of its own; queued."""
        ids = self.submitted(number, name=name, queue=queue, batch=batch)
        self.moves.dispatch(queue)
        return ids

    def submitted(
        self, number: int, *, name: str = "transcribe", queue: str = "media", batch: str = BATCH
    ) -> list[str]:
        """The same, due."""
        new = [self.new(name, queue, batch) for _ in range(number)]
        self.moves.submit(*new)
        return [each.task.id for each in new]

    def new(self, name: str, queue: str, batch: str) -> NewTask:
        """One that is yet to be submitted."""
        self._count += 1
        file = f"lecture-{self._count:02}.wav"
        source = f"s3://talks/{file}"
        arguments = json.dumps({"source": source, "language": "en", "options": {"model": "large"}})
        new = self.moves.new(name=name, queue=queue, batch=batch, key=source, arguments=arguments)
        self._files[new.task.id] = file
        return new

    def run(self, n: int = 1, r: int = 1, worker: str = "i-0a1b2c3d/boot-1") -> Run:
        """A run that begins now."""
        return self.moves.run(n, r, worker=worker)

    def start(self, id: str, n: int = 1, r: int = 1, worker: str = "i-0a1b2c3d/boot-1") -> Run:
        """Begin a run of it."""
        run = self.run(n, r, worker)
        self.moves.apply(id, Started(run))
        self._runs[id] = run
        return run

    def complete(self, id: str) -> None:
        """End its run well."""
        text = json.dumps({"text": "morning glory arrives at sunrise, send the tugboat", "seconds": 31.5})
        payload = Payload(result=text, log="loaded the model\n31.5 s of sound\nwritten\n", log_bytes=41)
        self.moves.ledger.apply([Change(id, self.moves.completed()._replace(run=self._runs[id]), payload=payload)])

    def fail(self, id: str, failure: Failure | None = None) -> None:
        """End its run badly, for good; unless it is said otherwise, of its file."""
        failure = failure or DAMAGED._replace(message=f"{self._files[id]} {DAMAGED.message}")
        payload = Payload(log="loaded the model\nreading the header\n", log_bytes=36)
        failed = self.moves.failed(failure=failure)._replace(run=self._runs[id])
        self.moves.ledger.apply([Change(id, failed, payload=payload)])

    def built(self) -> Staged:
        """All of it."""
        done, failed = self.tasks(14), self.tasks(7)
        (lost,), (cancelled,) = self.tasks(1), self.tasks(1)
        for id in (*done, *failed, lost):
            self.start(id)
            self.bench.let_pass(400)
        self.bench.let_pass(20_000)
        for id in done:
            self.complete(id)
        for number, id in enumerate(failed):
            self.fail(id, MEMORY if number > 4 else None)
        self.bench.let_pass(LEASE)
        self.moves.apply(lost, Lapsed())
        self.start(lost, 1, 2, "i-0e5f6a7b/boot-1")
        self.bench.let_pass(30_000)
        self.complete(lost)
        self.moves.apply(cancelled, Cancelled("ada from 127.0.0.1", "the file was withdrawn"))
        return self.still_alive(Staged(done[0], failed[0], lost, "", "", cancelled))

    def still_alive(self, staged: Staged) -> Staged:
        """Those that have not ended, and what people asked for; then it is now."""
        running, frames = self.submitted(3), self.submitted(9, name="render", queue="frames", batch="trailer")
        self.bench.clock.jump(int(time() * 1_000) - self.bench.clock.now() - 25_000)
        now = self.moves.ledger.now()
        self.moves.ledger.start_operation(
            Operation("op-1", "retry", "status:failed batch:october", "op-1", "ada", "the disk was full", now)
        )
        for task_id, event in (owed for need in Need for owed in self.moves.ledger.alarms(need, 10)):
            self.moves.apply(task_id, event)
        self.moves.dispatch("media")
        self.moves.dispatch("frames", 4)
        for number, id in enumerate(running):
            run = self.start(id, worker=f"i-0a1b2c3d/boot-{number % 2 + 1}")
            self.moves.apply(id, Progressed(run, 0.25 + number / 4, f"segment {8 + 8 * number} of 32"))
        self.bench.let_pass(25_000)
        self.counted()
        return staged._replace(running=running[0], queued=frames[0])

    def counted(self) -> None:
        """A day of traffic, as an orchestrator notes it."""
        for back, (ended, waited) in enumerate(zip(reversed(ENDED), reversed(WAITED), strict=True)):
            noted = {
                ("tasks:media", Action.ENDED): Tally(messages=ended),
                ("tasks:media", Action.SEND): Tally(ended, ended, messages=ended + ended // 8),  # some went out twice
                ("tasks:media", Action.WAITED): Tally(messages=waited * LOOKS),
                (STATUS, Action.WAITED): Tally(requests=LOOKS),
            }
            counts = [Count(back * HOUR, queue, action, tally) for (queue, action), tally in noted.items()]
            self.moves.ledger.note_requests(counts)

    def hostile(self) -> str:
        """A failed task of which everything that a user may choose is hostile."""
        arguments = json.dumps({EVIL: EVIL, "lonely": "\ud800", "more": [EVIL] * 3})
        new = self.moves.new(name=EVIL, key=EVIL, batch=EVIL, queue="media", arguments=arguments)
        self.moves.submit(new)
        self.moves.dispatch("media")
        self.start(new.task.id, worker=EVIL)
        self.bench.let_pass(50)
        failure = Failure(FailureKind.EXCEPTION, EVIL, EVIL, EVIL, EVIL)
        payload = Payload(log=EVIL, log_bytes=len(EVIL.encode()))
        self.moves.ledger.apply([Change(new.task.id, self.moves.failed(failure=failure), payload=payload)])
        self.moves.ledger.start_operation(
            Operation("op-evil", EVIL, EVIL, "op-evil", EVIL, EVIL, self.moves.ledger.now())
        )
        return new.task.id
