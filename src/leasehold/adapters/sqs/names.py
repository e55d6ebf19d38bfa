"""What the queues are called on SQS."""

from __future__ import annotations

import re
from hashlib import sha256

from leasehold.core.errors import BadSettings

FIFO = ".fifo"
LONGEST = 80
"""Characters of a queue's name, ``.fifo`` included (Developer Guide, "Amazon SQS queue names")."""

NAME = re.compile(r"[A-Za-z0-9_-]+(\.fifo)?")
LABEL = re.compile(r"[!-~]{1,128}")
"""What ``MessageGroupId`` and ``MessageDeduplicationId`` may be (API Reference, SendMessageBatchRequestEntry)."""


def task_queue(prefix: str, name: str, *, fifo: bool) -> str:
    """The task queue called ``name``."""
    return _checked(f"{prefix}-tasks-{name}{FIFO if fifo else ''}")


def status_queue(prefix: str) -> str:
    """The status queue: always a standard one, because reports of different tasks need no order."""
    return _checked(f"{prefix}-status")


def dead_letter_queue(prefix: str, *, fifo: bool) -> str:
    """The dead-letter queue: of the same kind as the task queues, as SQS demands."""
    return _checked(f"{prefix}-dead{FIFO if fifo else ''}")


def events_queue(name: str) -> str:
    """The queue of the platform's events, under the name that its owner gave it."""
    return _checked(name)


def label(text: str) -> str:
    """``text`` where SQS takes it as a group or a deduplication key, else a digest of it."""
    return text if LABEL.fullmatch(text) else sha256(text.encode()).hexdigest()


def _checked(name: str) -> str:
    if NAME.fullmatch(name) and len(name) <= LONGEST:
        return name
    raise BadSettings(
        f"a queue cannot be called {name!r} on SQS: use letters, digits, '-' and '_', at most {LONGEST} in all. "
        "Choose another prefix in the setting 'queues', or another name for the queue"
    )
