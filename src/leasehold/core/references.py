"""References to objects in the store: where a value is, whose it is, and the hash of what must be there.

``arguments/TASK/SHA256``, ``results/TASK/RUN-SHA256``, ``logs/TASK/RUN-SHA256``: a reference that fits none of them for
its own task is refused where it enters, so that no message can point at another task's objects, at a checkpoint, or out
of the store. As the hash is part of the key, whoever holds the reference can tell whether he was given what was put.
"""

from __future__ import annotations

import hashlib

HASH = 64
"""Characters of a SHA-256 in hex."""
DIGITS = frozenset("0123456789abcdef")


def digest(value: bytes) -> str:
    """The SHA-256 of a value, in hex."""
    return hashlib.sha256(value).hexdigest()


def arguments_reference(task_id: str, value: bytes) -> str:
    """Where a task's large arguments are kept."""
    return f"arguments/{task_id}/{digest(value)}"


def result_reference(task_id: str, run_id: str, value: bytes) -> str:
    """Where a run's large result is kept."""
    return f"results/{task_id}/{run_id}-{digest(value)}"


def log_reference(task_id: str, run_id: str, value: bytes) -> str:
    """Where a run's long log is kept."""
    return f"logs/{task_id}/{run_id}-{digest(value)}"


def is_arguments(reference: str, task_id: str) -> bool:
    """Whether it can be where this task's arguments are."""
    return _is(reference, f"arguments/{task_id}/")


def is_result(reference: str, task_id: str, run_id: str) -> bool:
    """Whether it can be where this run's result is."""
    return _is(reference, f"results/{task_id}/{run_id}-")


def is_log(reference: str, task_id: str, run_id: str) -> bool:
    """Whether it can be where this run's log is."""
    return _is(reference, f"logs/{task_id}/{run_id}-")


def fits(reference: str, value: bytes) -> bool:
    """Whether the value is what was put under this reference."""
    return digest(value) == reference[-HASH:]


def _is(reference: str, beginning: str) -> bool:
    rest = reference[len(beginning) :]
    return reference.startswith(beginning) and len(rest) == HASH and DIGITS.issuperset(rest)
