"""An application of many small tasks, for runs in which something around them goes wrong.

Each run writes down when it began and when it ended, so that what the ledger says can be held against what was.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event
from time import monotonic_ns

from leasehold.app import App
from leasehold.demo.handlers import QUEUE
from leasehold.flow.registry import Retry

app = App("small tasks")
SPEC = "tests.acceptance.small_tasks:app"


@app.task(lease="6s", queue=QUEUE, retry=Retry(attempts=3, backoff="100ms..500ms", losses=20))
def double(number: int, journal: str, seconds: float = 0.0) -> int:
    """Twice the number, after so many seconds."""
    began = monotonic_ns()
    Event().wait(seconds)
    note(journal, f"{number} {began} {monotonic_ns()}")
    return 2 * number


@app.task(lease="10s", queue=QUEUE, retry=Retry(attempts=3, backoff="100ms..500ms", losses=20), bundle=100)
def double_together(number: int, journal: str, seconds: float = 0.0) -> int:
    """The same, up to a hundred in one message."""
    return double(number, journal, seconds)


def note(journal: str, line: str) -> None:
    """Append a line that no other can come between."""
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def spans(journal: Path) -> dict[int, list[tuple[int, int]]]:
    """When each task was run to its end, by its number."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for line in journal.read_text().splitlines():
        number, began, ended = map(int, line.split())
        found[number].append((began, ended))
    return found


def really_twice_at_once(journal: Path) -> Iterator[int]:
    """The tasks that were run twice at once."""
    for number, runs in spans(journal).items():
        if any(later[0] < earlier[1] for earlier, later in pairwise(sorted(runs))):
            yield number
