"""A whole machine stands still past its leases and goes on: what it held was done elsewhere, and it does no harm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.accounts import BATCH, SmallBatch
from tests.acceptance.deployment import Deployment, Place, deployed
from tests.acceptance.small_tasks import SPEC
from tests.servers.freezer import below, paused

pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within
TASKS = 60
PACE = 0.3
"""Seconds: a pause finds runs in their middle."""


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """In two-queue: a worker that writes to the one file more often may stand still in the middle of a write."""
    ledger = str(tmp_path / "ledger.db")
    place = Place(ledger, worker_ledger=ledger, topology="two-queue")
    with deployed(tmp_path, place, SPEC) as deployment:
        deployment.init()
        yield deployment


@contextmanager
def paused_in_a_run(deployment: Deployment, worker: str, lock: Path) -> Iterator[None]:
    """Not in the midst of a write: on one machine, who stands still there keeps all others of that file waiting."""
    pid = deployment.processes[worker].popen.pid
    for _ in range(100):
        with paused(pid):
            if not locked_by(below(pid), lock) and has_a_run(deployment, worker):
                yield
                return
    raise AssertionError(f"{worker} is always in the midst of a write, or has no run")


def has_a_run(deployment: Deployment, worker: str) -> bool:
    """Whether it has one, by the ledger, when no word of its end is on its way."""
    status = deployment.parts.queues.status()
    deployment.until(lambda: None if sum(status.depth()) else True, "every report is recorded")
    running = deployment.parts.views.tasks(f"batch:{BATCH} status:in_progress").rows
    return any(view.task.worker == worker for view in running)


def locked_by(pids: list[int], file: Path) -> bool:
    """Whether one of these processes holds a lock of that file, as the kernel lists them."""
    inode = str(file.stat().st_ino)
    fields = [line.replace("->", "").split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(int(held[4]) in pids and held[5].rpartition(":")[2] == inode for held in fields)


def test_a_machine_that_is_paused_past_its_leases_goes_on_and_does_no_harm(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Its runs are ended by others meanwhile. What it says of them afterwards is late, and changes nothing."""
    batch = SmallBatch(deployment, TASKS, PACE)
    deployment.start(orchestrators=1, workers=1)
    batch.submit()
    deployment.until_ended(BATCH, 5)
    with paused_in_a_run(deployment, "worker-1", tmp_path / "ledger.db-lock"):
        deployment.worker(2)
        deployment.until_ended(BATCH, TASKS)
    batch.check(twice_at_once=True)
    assert any(len(story.runs) > 1 for story in deployment.stories(BATCH)), "the pause hit no run"
