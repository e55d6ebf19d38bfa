"""The application that the demo's workers load: the job as a handler for short recordings, and one for any.

Loading it loads no model; a slot's process does that in its first run, and keeps it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from leasehold.app import App
from leasehold.demo.job import Transcript, write_down
from leasehold.demo.listen import Pace
from leasehold.demo.recogniser import Model, load
from leasehold.demo.trouble import Trouble
from leasehold.flow.registry import Retry
from leasehold.ports.run import current

QUEUE: Final = "demo"
"""A queue of its own: on a ledger with other tasks the demo's workers leave those alone."""

app = App("demo")
listener = cache(load)


@app.task(lease="8s", queue=QUEUE, retry=Retry(attempts=12, backoff="500ms..2s", losses=10))
def transcribe(source: str, pace: float = 0.0, model: str = "grammar", trouble: str = "") -> Transcript:
    """Write down a short recording, no faster than `pace`, in spite of its trouble.

    The lease is as short as one may wait for its end. Where a machine is too busy for it, a recording goes on from its
    checkpoint in another run, and each costs an attempt: so there are many.
    """
    return write_down(current(), Path(source), listener(Model(model)), Pace(pace), Trouble.parse(trouble))


@app.task(lease="30m", queue=QUEUE, retry=Retry(attempts=10, backoff="1s..30s", losses=10))
def transcribe_own(source: str) -> Transcript:
    """Write down a recording of any length with the general model.

    Some seconds of sound take it about as many seconds. A recording that takes longer than the lease goes on from its
    checkpoint in the next run, at the price of an attempt.
    """
    return write_down(current(), Path(source), listener(Model.GENERAL), Pace(0.0), Trouble())
