"""A batch as the demo leaves it, at every moment at once: done, failed of one cause and of another, lost, running."""

from __future__ import annotations

import json
from time import time
from typing import NamedTuple

from leasehold.core.events import Cancelled, Lapsed, Progressed, Started
from leasehold.core.model import Failure, FailureKind, Run
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change, NewTask, Operation
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
    "lecture-07.wav is not readable audio: its header promises 31.5 s of sound, but the file ends after 12.0 s",
    "media.py:readable",
    'Traceback (most recent call last):\n  File "media.py", line 61, in readable\n    raise Unrecoverable(str(e))\n',
)
MEMORY = Failure(FailureKind.MEMORY, "MemoryExceeded", "the process was killed at 2.1 GiB", signal=9)


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

    def tasks(self, number: int, *, name: str = "transcribe", queue: str = "media", batch: str = BATCH) -> list[str]:
        """Tasks of the batch, each of a file of its own; queued."""
        new = [self.new(name, queue, batch) for _ in range(number)]
        self.moves.submit(*new)
        self.moves.dispatch(queue)
        return [each.task.id for each in new]

    def new(self, name: str, queue: str, batch: str) -> NewTask:
        """One that is yet to be submitted."""
        self._count += 1
        source = f"s3://talks/lecture-{self._count:02}.wav"
        arguments = json.dumps({"source": source, "language": "en", "options": {"model": "large"}})
        return self.moves.new(name=name, queue=queue, batch=batch, key=source, arguments=arguments)

    def run(self, n: int = 1, r: int = 1, worker: str = "i-0a1b2c3d/boot-1") -> Run:
        """A run that begins now."""
        return self.moves.run(n, r, worker=worker)

    def start(self, id: str, n: int = 1, r: int = 1, worker: str = "i-0a1b2c3d/boot-1") -> Run:
        """Begin a run of it."""
        run = self.run(n, r, worker)
        self.moves.apply(id, Started(run))
        return run

    def complete(self, id: str, n: int = 1, r: int = 1) -> None:
        """End a run of it well."""
        text = json.dumps({"text": "morning glory arrives at sunrise, send the tugboat", "seconds": 31.5})
        payload = Payload(result=text, log="loaded the model\n31.5 s of sound\nwritten\n", log_bytes=41)
        self.moves.ledger.apply([Change(id, self.moves.completed(n, r), payload=payload)])

    def fail(self, id: str, failure: Failure = DAMAGED) -> None:
        """End its first run badly, for good."""
        payload = Payload(log="loaded the model\nreading the header\n", log_bytes=36)
        self.moves.ledger.apply([Change(id, self.moves.failed(failure=failure), payload=payload)])

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
            self.fail(id, MEMORY if number > 4 else DAMAGED)
        self.bench.let_pass(LEASE)
        self.moves.apply(lost, Lapsed())
        self.start(lost, 1, 2, "i-0e5f6a7b/boot-1")
        self.bench.let_pass(30_000)
        self.complete(lost, 1, 2)
        self.moves.apply(cancelled, Cancelled("ada from 127.0.0.1", "the file was withdrawn"))
        return self.still_alive(Staged(done[0], failed[0], lost, "", "", cancelled))

    def still_alive(self, staged: Staged) -> Staged:
        """Those that have not ended, and what people asked for; then it is now."""
        operation = Operation("op-1", "retry", "status:failed batch:october", "op-1", "ada", "the disk was full", 0)
        now = self.moves.ledger.now()
        self.moves.ledger.start_operation(operation._replace(created_at=now))
        running, queued = self.tasks(3), self.tasks(4, name="render", queue="frames", batch="trailer")
        self.moves.submit(*(self.new("render", "frames", "trailer") for _ in range(5)))
        self.bench.clock.jump(int(time() * 1_000) - self.bench.clock.now() - 25_000)
        for number, id in enumerate(running):
            run = self.start(id, worker=f"i-0a1b2c3d/boot-{number % 2 + 1}")
            self.moves.apply(id, Progressed(run, 0.25 + number / 4, "segment 12 of 31"))
        self.bench.let_pass(25_000)
        return staged._replace(running=running[0], queued=queued[0])

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
