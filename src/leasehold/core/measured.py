"""What was measured and ``plan`` counts with: each figure with the day and the command that it came from.

All on the project's machine (2 cores, Python 3.11, Linux) with no-op tasks, unless it says otherwise: other machines
and other work differ. A figure is replaced here when it is measured anew, and in docs/performance.md with it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Backend(StrEnum):
    """Where ledger and queues are."""

    FILE = "file"
    """One SQLite file."""
    POSTGRES = "postgres"
    """PostgreSQL with its own queues."""
    SQS = "sqs"
    """PostgreSQL and SQS, ``two-queue``."""
    SQS_SINGLE = "sqs-single"
    """PostgreSQL and SQS, ``single-queue``."""
    SQS_FIFO = "sqs-fifo"
    """PostgreSQL and FIFO queues, ``two-queue``."""

    @property
    def on_sqs(self) -> bool:
        """Whether requests are billed."""
        return self in {Backend.SQS, Backend.SQS_SINGLE, Backend.SQS_FIFO}

    @property
    def reports(self) -> bool:
        """Whether workers report through a status queue."""
        return self is not Backend.SQS_SINGLE


class Constant(NamedTuple):
    """One figure. ``value`` is ``None`` where it was not measured yet: then what follows from it is not known."""

    value: float | None
    unit: str
    date: str = ""
    source: str = ""


class Cpu(NamedTuple):
    """CPU seconds per 1,000 tasks of each part of a system."""

    orchestrator: float
    worker: float
    database: float | None
    """Of the database's server; ``None``: there is none, its work is in the other figures."""


NOOP = "bench.noop --at"
EVENING = "2026-11-21"
TODAY = "2026-11-22"
CPU: dict[Backend, Cpu] = {
    Backend.FILE: Cpu(0.179, 0.186, None),
    Backend.POSTGRES: Cpu(0.122, 0.182, 0.175),
    Backend.SQS: Cpu(0.231, 0.414, 0.112),
    Backend.SQS_SINGLE: Cpu(0.248, 0.936, 0.454),
    Backend.SQS_FIFO: Cpu(0.231, 0.414, 0.112),
}
CPU_MEASURED: dict[Backend, Constant] = {
    Backend.FILE: Constant(0.417, "CPU s per 1,000 tasks", EVENING, f"{NOOP} file"),
    Backend.POSTGRES: Constant(0.343, "CPU s per 1,000 tasks", EVENING, f"{NOOP} postgres"),
    Backend.SQS: Constant(0.699, "CPU s per 1,000 tasks", EVENING, f"{NOOP} postgres+sqs"),
    Backend.SQS_SINGLE: Constant(
        1.270, "CPU s per 1,000 tasks", EVENING, f"{NOOP} postgres+sqs --topology single-queue"
    ),
    Backend.SQS_FIFO: Constant(None, "CPU s per 1,000 tasks", "", "not measured: taken as on standard queues"),
}
MEASURED_BUNDLE = 100
CPU_BUNDLED: dict[Backend, Cpu] = {
    Backend.FILE: Cpu(0.156, 0.110, None),
    Backend.POSTGRES: Cpu(0.118, 0.119, 0.151),
    Backend.SQS: Cpu(0.124, 0.083, 0.099),
    Backend.SQS_SINGLE: Cpu(0.049, 0.203, 0.141),
    Backend.SQS_FIFO: Cpu(0.124, 0.083, 0.099),
}
"""Where ``MEASURED_BUNDLE`` tasks share a message. Measured in turn with single ones beside other work, and what that
saved of each part taken off the figures of the quiet evening above."""
CPU_BUNDLED_MEASURED: dict[Backend, Constant] = {
    Backend.FILE: Constant(0.266, "CPU s per 1,000 tasks", TODAY, f"{NOOP} file --bundle 100"),
    Backend.POSTGRES: Constant(0.237, "CPU s per 1,000 tasks", TODAY, f"{NOOP} postgres --bundle 100"),
    Backend.SQS: Constant(0.207, "CPU s per 1,000 tasks", TODAY, f"{NOOP} postgres+sqs --bundle 100"),
    Backend.SQS_SINGLE: Constant(
        0.252, "CPU s per 1,000 tasks", TODAY, f"{NOOP} postgres+sqs --topology single-queue --bundle 100"
    ),
    Backend.SQS_FIFO: Constant(None, "CPU s per 1,000 tasks", "", "not measured: taken as on standard queues"),
}
SUBMIT: dict[bool, Constant] = {
    False: Constant(40_650, "tasks/s", "2026-11-21", "bench.submit --runs 2"),
    True: Constant(30_300, "tasks/s", EVENING, "bench.submit --at postgres"),
}
"""``submit_many``, to a file and (``True``) to PostgreSQL."""

LEDGER_BYTES: dict[bool, Constant] = {
    False: Constant(1_200, "bytes per task", "2026-11-22", "bench.sizes 5000"),
    True: Constant(3_400, "bytes per task", "2026-11-22", "bench.sizes 5000"),
}
"""What one completed task leaves in a file and (``True``) in PostgreSQL, indexes included, besides its arguments and
result."""

WAL_BYTES = Constant(5_400, "bytes per task", "2026-11-22", "bench.sizes 5000; queues in the database are not in it")
"""What PostgreSQL writes to its log for one task, whole pages after checkpoints included."""

STARTED_BYTES = Constant(760, "bytes", "2026-11-22", "tests/core/test_planning.py, with a receipt of 412 characters")
COMPLETED_BYTES = Constant(360, "bytes", "2026-11-22", "tests/core/test_planning.py, besides the result")
"""Of one report on the wire."""

MESSAGE_BYTES = Constant(225, "bytes", "2026-11-22", "tests/core/test_planning.py, besides the arguments")
"""Of one task message."""

MEMBER_BYTES = Constant(108, "bytes", TODAY, "tests/core/test_planning.py, besides the arguments")
"""Of each further task in one message."""

RECORDING = Constant(20, "ms", "2026-11-21", "bench.noop --at postgres+sqs: two requests and one transaction")
"""One step of a recorder on SQS: what arrives meanwhile is received together."""
