"""Handlers that the suite of slots runs. Spec: ``leasehold.testing.slot_handlers:handlers``."""

from __future__ import annotations

import os
import sys

from leasehold.core.errors import Recoverable, Unrecoverable
from leasehold.flow.registry import Registry
from leasehold.ports.run import current

SPEC = f"{__name__}:handlers"
handlers = Registry()


def noop() -> None:
    """Do nothing."""


def add(a: int, b: int = 2) -> int:
    """Take arguments, return a result."""
    return a + b


def count() -> int:
    """Save a checkpoint: one more than the last."""
    run = current()
    number = run.load(0) + 1
    run.save(number, done=number, total=4, note="counted")
    return number


def about() -> list[int]:
    """Say who this run is."""
    run = current()
    return [run.n, run.r, run.token]


def tell() -> None:
    """Say how far the run is."""
    current().progress(1, 2, "half")


def fail() -> None:
    """Fail."""
    raise ValueError("no good")


def fail_for_now() -> None:
    """Fail, and say when to try again."""
    raise Recoverable("busy", after="5m")


def fail_for_good() -> None:
    """Fail for good."""
    raise Unrecoverable("corrupt")


def leave() -> None:
    """Try to end the process."""
    sys.exit(3)


def give_no_json() -> object:
    """Return what JSON cannot hold."""
    return object()


def until_interrupted() -> None:
    """Say that it runs, and run until told to end."""
    current().progress(note="running")
    while True:
        current().check()
        os.sched_yield()


async def add_async(a: int, b: int = 2) -> int:
    """Take arguments, return a result, as a coroutine."""
    return a + b


for plain in (noop, add, count, about, tell, fail, fail_for_now, fail_for_good, leave, give_no_json, until_interrupted):
    handlers.add(plain)
handlers.add(add_async, concurrency=3)
