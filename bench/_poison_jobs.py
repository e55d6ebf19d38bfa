"""Good tasks, and poison of every kind beside them, for ``bench/poison.py``."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import threading
from pathlib import Path

from leasehold import App
from leasehold.flow.registry import Retry

app = App("poison")
ATTEMPTS = 3
RETRY = Retry(attempts=ATTEMPTS, backoff="500ms..1s")
FORKS = 30


@app.task(lease="60s")
def good(number: int, seconds: float) -> int:
    """Work that waits for something, as most work does."""
    threading.Event().wait(seconds)
    return number


@app.task(lease="60s", retry=RETRY)
def crash() -> None:
    ctypes.string_at(0)


@app.task(lease="60s", retry=RETRY)
def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(lease="60s", retry=RETRY)
def out_of_memory() -> None:
    """More than it may have, and then killed as the kernel kills."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (64 << 20), resource.RLIM_INFINITY))
    try:
        bytearray(256 << 20)
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)


@app.task(lease="60s", retry=RETRY)
def full_disk() -> None:
    Path("/dev/full").write_bytes(b"x")


@app.task(lease="60s", retry=RETRY)
def fork_bomb() -> None:
    """Fork until the tokens are spent, then leave the children to whoever cleans up."""
    tokens, give_tokens = os.pipe()
    os.write(give_tokens, b"x" * FORKS)
    os.set_blocking(tokens, False)
    try:
        while os.read(tokens, 1):
            if os.fork() == 0:
                os.setsid()
    except BlockingIOError:
        os.kill(os.getpid(), signal.SIGKILL)


@app.task(lease="12s", retry=Retry(attempts=1))
def hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()
