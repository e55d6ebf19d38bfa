"""The handlers that benchmarks run."""

from __future__ import annotations

from leasehold import App

app = App("bench")


@app.task(lease="60s")
def noop(number: int) -> int:
    """Do nothing."""
    return number
