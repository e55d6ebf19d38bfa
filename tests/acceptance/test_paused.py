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
def paused_between_writes(pid: int, lock: Path) -> Iterator[None]:
    """Not in the midst of a write: on one machine, who stands still there keeps all others of that file waiting."""
    for _ in range(100):
        with paused(pid):
            if not locked_by(below(pid), lock):
                yield
                return
    raise AssertionError("it is always in the midst of a write")


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
    deployment.start(orchestrators=1)
    batch.submit()
    deployment.until_ended(BATCH, 5)
    with paused_between_writes(deployment.processes["worker-1"].popen.pid, tmp_path / "ledger.db-lock"):
        deployment.until_ended(BATCH, TASKS)
    batch.check(twice_at_once=True)
    assert any(len(story.runs) > 1 for story in deployment.stories(BATCH)), "the pause hit no run"
