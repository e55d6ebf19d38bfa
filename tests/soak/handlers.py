"""The tasks of the soak. Each run writes down what it does, in a history that the system knows nothing of."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable
from random import Random
from threading import Event
from typing import Any

from leasehold import App, Interrupted, Retry, Unrecoverable, current
from leasehold.demo.handlers import QUEUE
from tests.soak.history import note

app = App("soak")
SPEC = "tests.soak.handlers:app"
LEASE = 8.0
"""s."""
SIGN = 0.1
"""s between two signs of life."""
STEPS = 5
LARGE = 100_000
STATE = 20_000
HISTORY, WORKER = "SOAK_HISTORY", "SOAK_WORKER"
"""The file, and the worker's name with its generation, such as ``worker-1/3``: in the environment."""


class Witness:
    """Writes down what one run does."""

    def __init__(self, number: int, kind: str) -> None:
        self.run = uuid.uuid4().hex
        self.number = number
        self._file = os.environ[HISTORY]
        told = {"number": number, "kind": kind, "task": current().task_id, "token": current().token}
        who = {"pid": os.getpid(), "worker": os.environ[WORKER], "remaining": current().remaining}
        self.note("began", **told, **who)

    def note(self, what: str, **more: object) -> None:
        note(self._file, what, run=self.run, **more)

    def work(self, seconds: float) -> None:
        """Work so long, with signs of life, unless asked to stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            Event().wait(min(left, SIGN))
            self.note("sign")
            current().check()

    def first(self) -> bool:
        """Whether this is the first run of its task, by its token."""
        return current().token == 1 << 20 | 1


def plain(witness: Witness, seconds: float) -> object:
    witness.work(seconds)
    return None


def flaky(witness: Witness, seconds: float) -> object:
    witness.work(seconds)
    if Random(f"{witness.number}/{current().token}").random() < 0.5:
        raise RuntimeError("one of those days")
    return None


def checkpoints(witness: Witness, seconds: float) -> object:
    """Go on from the last checkpoint; what was loaded and saved is written down too."""
    done = current().load({"done": 0})["done"]
    witness.note("loaded", done=done)
    while done < STEPS:
        witness.work(seconds / STEPS)
        done += 1
        witness.note("saves", done=done)
        current().save({"done": done, "padding": "x" * STATE}, done=done, total=STEPS)
        witness.note("saved", done=done)
    return None


def large(witness: Witness, seconds: float) -> object:
    witness.work(seconds)
    return "x" * LARGE


def crash(witness: Witness, seconds: float) -> object:
    """Kill the own process, the first time."""
    witness.work(seconds)
    if witness.first():
        witness.note("dying")
        os.kill(os.getpid(), Random(witness.number).choice((signal.SIGKILL, signal.SIGSEGV)))
    return None


def hang(witness: Witness, seconds: float) -> object:
    """Outstay the lease and be deaf to every request, the first time."""
    if witness.first():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            Event().wait(SIGN)
            witness.note("sign")
    return plain(witness, seconds)


def doomed(witness: Witness, seconds: float) -> object:
    witness.work(seconds)
    raise Unrecoverable("this will never work")


KINDS: dict[str, Callable[[Witness, float], object]] = {
    "plain": plain,
    "long": plain,
    "flaky": flaky,
    "checkpoints": checkpoints,
    "large": large,
    "crash": crash,
    "hang": hang,
    "doomed": doomed,
}


@app.task(lease=LEASE, queue=QUEUE, retry=Retry(attempts=12, backoff="100ms..1s", losses=40))
def work(number: int, kind: str, seconds: float) -> dict[str, Any]:
    """Do one job; the result names the run that returned it."""
    witness = Witness(number, kind)
    try:
        more = KINDS[kind](witness, seconds)
    except Interrupted as error:
        witness.note("interrupted", why=str(error))
        raise
    except Exception as error:
        witness.note("raised", error=type(error).__name__, says=str(error)[:200])
        raise
    value = {"number": number, "run": witness.run, "more": more}
    witness.note("returned", size=len(json.dumps(value)))
    return value
