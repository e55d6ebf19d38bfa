"""The handlers that benchmarks run."""

from __future__ import annotations

import time

from leasehold import App

app = App("bench")


@app.task(lease="60s")
def noop(number: int) -> int:
    """Do nothing."""
    return number


@app.task(lease="60s")
def started_at() -> float:
    """When it began: seconds on the clock that all processes of this machine share."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@app.task(lease="60s")
def burn(seconds: float) -> float:
    """Use so much CPU, and tell how much it was."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return seconds + time.thread_time() - until
