"""An application whose tasks need room: what they take, save and return is too large for a report or a message."""

from __future__ import annotations

from leasehold.app import App
from leasehold.demo.handlers import QUEUE
from leasehold.flow.registry import Retry
from leasehold.ports.run import current

app = App("bulky tasks")
SPEC = "tests.acceptance.bulky_tasks:app"
BULK = 100_000
"""Characters: over what goes by pipe (48 KiB) and over what goes in a report."""


@app.task(lease="30s", queue=QUEUE, retry=Retry(attempts=3, backoff="100ms..500ms", losses=3))
def carry(number: int, bulk: str) -> str:
    """Bring it back, with the number; what was saved on the way is there."""
    run = current()
    run.save({"bulk": bulk})
    state = run.load({})
    return f"{number} {state['bulk']}"
