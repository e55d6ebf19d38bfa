"""An application in which some tasks are poison: each breaks its process, its machine or its worker in its own way."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import NoReturn

from leasehold.app import App
from leasehold.demo.handlers import QUEUE
from leasehold.flow.registry import Retry

app = App("poison")
SPEC = "tests.acceptance.poison:app"
LEASE = "6s"
ATTEMPTS = 2
RETRY = Retry(attempts=ATTEMPTS, backoff="100ms..200ms", losses=20)
FORKS = 60
poison = app.task(lease="1m", queue=QUEUE, retry=RETRY)
"""Dies of itself, long before its lease is over, however slow the machine."""
endless = app.task(lease=LEASE, queue=QUEUE, retry=RETRY)
"""Dies of its lease."""


def stay() -> NoReturn:
    while True:
        signal.pause()


@app.task(lease="30s", queue=QUEUE, retry=RETRY)
def good(number: int) -> int:
    """What must not suffer."""
    return number + 1


@poison
def segfault() -> None:
    """As a broken extension module does."""
    ctypes.string_at(0)


@poison
def killed() -> None:
    """As from outside: an operator, or a kernel that counts in a place that we cannot read."""
    os.kill(os.getpid(), signal.SIGKILL)


@poison
def out_of_memory() -> None:
    """More than its process may have."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (64 << 20), resource.RLIM_INFINITY))
    bytearray(256 << 20)


@endless
def hang() -> None:
    """For ever, deaf to requests."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stay()


@poison
def fill_the_disk(folder: str) -> None:
    """Write until there is no room, and leave it like that."""
    with Path(folder, "filled").open("ab") as file:
        while True:
            file.write(b"x" * 65_536)


@endless
def fork_bomb() -> None:
    """Fork until the tokens are spent; nobody waits for anybody."""
    tokens, give_tokens = os.pipe()
    os.write(give_tokens, b"x" * FORKS)
    while os.read(tokens, 1):
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


@poison
def leave() -> None:
    """As a library that calls exit()."""
    os._exit(7)


@app.task(lease=LEASE, queue=QUEUE, retry=Retry(attempts=5, backoff="100ms..200ms", losses=1))
def kill_the_worker() -> None:
    """At once, so that nobody hears that the run has started."""
    guard = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(guard, signal.SIGKILL)
