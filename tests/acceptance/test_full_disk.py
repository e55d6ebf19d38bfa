"""A disk that is full for a while: nothing is lost or charged, it is said, and all goes on once there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from leasehold.core.model import Status
from tests.acceptance import bulky_tasks
from tests.acceptance.accounts import BATCH, SmallBatch, odd_trail
from tests.acceptance.deployment import Deployment, Place, deployed
from tests.acceptance.small_tasks import SPEC
from tests.servers.disks import can_mount, full, no_room_for, small_disk

pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within
TASKS = 60
PACE = 0.05
UNDER_WAY = 10
BULKY = 24
TOLD = {"disk": "the disk (or its quota) is full", "limit": "Check the disk and the space left on it"}
FALLBACK = [pytest.mark.prove] if can_mount() else []
"""Where a small disk can be mounted, the limit on files is only another way to the same."""
mounted = pytest.mark.skipif(
    not can_mount(), reason="only root may mount a small disk; the limit on files shows the same"
)


@contextmanager
def limited(deployment: Deployment) -> Iterator[None]:
    """No process can let a file grow."""
    with ExitStack() as stack:
        for process in deployment.processes.values():
            stack.enter_context(no_room_for(process.popen.pid))
        yield


@pytest.mark.parametrize("way", [pytest.param("disk", marks=mounted), pytest.param("limit", marks=FALLBACK)])
def test_a_ledger_whose_disk_is_full_for_a_while(tmp_path: Path, way: str) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(small_disk(tmp_path / "small", 32)) if way == "disk" else tmp_path
        ledger = str(folder / "ledger.db")
        place = Place(ledger, worker_ledger=ledger)
        deployment = stack.enter_context(deployed(tmp_path, place, SPEC))
        batch = SmallBatch(deployment, TASKS, PACE)
        deployment.init()
        deployment.start(orchestrators=1)
        batch.submit()
        deployment.until_ended(BATCH, UNDER_WAY)
        with full(folder) if way == "disk" else limited(deployment):
            for name in ("worker-1", "worker-2"):
                deployment.processes[name].says(TOLD[way])
        batch.check()


@mounted
def test_a_worker_whose_temporary_folder_is_full(tmp_path: Path) -> None:
    """What is large goes to a run by file, and where there is no room for files by the pipe after all."""
    with small_disk(tmp_path / "tmp", 16) as disk:
        ledger = str(tmp_path / "ledger.db")
        place = Place(ledger, worker_ledger=ledger, settings={"TMPDIR": str(disk)})
        with deployed(tmp_path, place, bulky_tasks.SPEC) as deployment:
            deployment.init()
            deployment.start(orchestrators=1)
            submit_bulky(deployment, "before", 1)
            deployment.until_ended("before", 1)
            with full(disk):
                submit_bulky(deployment, BATCH, BULKY)
                assert deployment.wait(BATCH).code == 0
            check_bulky(deployment)


@mounted
@pytest.mark.prove
def test_a_store_whose_disk_is_full_for_a_while(tmp_path: Path) -> None:
    """Runs wait with what they want to keep, and no attempt is spent."""
    with small_disk(tmp_path / "store", 32):
        ledger = str(tmp_path / "ledger.db")
        with deployed(tmp_path, Place(ledger, worker_ledger=ledger), bulky_tasks.SPEC) as deployment:
            deployment.init()
            submit_bulky(deployment, BATCH, BULKY)
            with full(tmp_path / "store"):
                deployment.start(orchestrators=1)
                deployment.until(lambda: under_way(deployment), "runs have begun, and cannot save")
            assert deployment.wait(BATCH).code == 0
            check_bulky(deployment)


def under_way(deployment: Deployment) -> bool | None:
    """Whether all four slots have a run; each saves as its first act."""
    running = sum(story.view.task.status is Status.IN_PROGRESS for story in deployment.stories(BATCH))
    return True if running == 4 else None


def submit_bulky(deployment: Deployment, batch: str, tasks: int) -> None:
    with bulky_tasks.app.behind(deployment.connection):
        rows = [{"number": number} for number in range(tasks)]
        bulky_tasks.carry.submit_many(rows, key="number", batch=batch, bulk="x" * bulky_tasks.BULK)


def check_bulky(deployment: Deployment) -> None:
    """All of it is completed, and nothing was charged."""
    deployment.stop()
    stories = list(deployment.stories(BATCH))
    tasks = [story.view.task for story in stories]
    assert Counter((task.status, task.attempts, task.losses) for task in tasks) == {(Status.COMPLETED, 0, 0): BULKY}
    assert [told for story in stories for told in odd_trail(story)] == []
