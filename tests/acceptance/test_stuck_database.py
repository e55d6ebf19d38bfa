"""PostgreSQL answers, but does nothing: its disk is full, or somebody else's transaction holds what is needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

from leasehold.core.model import Why
from tests.acceptance.accounts import BATCH, SmallBatch
from tests.acceptance.deployment import Deployment, deployed
from tests.acceptance.sites import Site, site
from tests.acceptance.small_tasks import SPEC
from tests.servers.clusters import Cluster, Clusters
from tests.servers.disks import can_mount, full, small_disk

pytestmark = [
    pytest.mark.prove,  # somebody has to give up waiting first, and that takes its time
    pytest.mark.timeout(300),  # a bound for what hangs: longer than those within
]
TASKS = 80
PACE = 0.05
UNDER_WAY = 15
ROOM = 96
"""MiB of the small disk."""


def under_way(deployment: Deployment, standing: Site) -> SmallBatch:
    batch = SmallBatch(deployment, TASKS, PACE)
    standing.set_up(deployment)
    deployment.start()
    batch.submit()
    deployment.until_ended(BATCH, UNDER_WAY)
    return batch


def test_a_transaction_that_is_stuck_holds_up_and_loses_nothing(tmp_path: Path, clusters: Clusters) -> None:
    """Somebody locked every task and went to lunch: whoever waits gives up, says so, and tries again."""
    with site(tmp_path, clusters["newest"], "two-queue", "sqs") as standing, deployed(
        tmp_path, standing.place, SPEC
    ) as deployment:  # fmt: skip
        batch = SmallBatch(deployment, TASKS, PACE)
        standing.set_up(deployment)
        deployment.start(workers=0)
        batch.submit()
        deployment.until(lambda: dispatched(deployment) or None, "something is dispatched")
        given_up = "canceling statement due to lock timeout"
        with psycopg.connect(standing.cluster.url(standing.database)) as stuck:
            stuck.execute("SELECT id FROM tasks FOR UPDATE")
            seen = standing.cluster.log().count(given_up)
            deployment.worker(1)  # only now: what there is to record of these tasks comes while they are locked
            deployment.worker(2)
            deployment.until(
                lambda: True if standing.cluster.log().count(given_up) > seen else None, "somebody gives up waiting"
            )
            stuck.rollback()
        batch.check()


def dispatched(deployment: Deployment) -> int:
    """How many tasks wait in the task queue. Those that are due would not do: a dispatcher passes by what is locked."""
    return sum(cell.tasks for cell in deployment.parts.views.counts(batch=BATCH) if cell.why is Why.QUEUED)


@contextmanager
def on_a_small_disk(cluster: Cluster) -> Iterator[Path]:
    """While this lasts, ``default_tablespace`` of new databases is on a disk of little room; the disk."""
    outer = Path(mkdtemp(prefix="leasehold-disk-", dir="/tmp"))
    outer.chmod(0o755)
    try:
        with small_disk(outer / "small", ROOM) as disk:
            place = disk / "data"
            place.mkdir()
            shutil.chown(place, "nobody", "nogroup")
            cluster.run(f"CREATE TABLESPACE small LOCATION '{place}'")
            try:
                yield disk
            finally:
                cluster.run("DROP TABLESPACE small")
    finally:
        shutil.rmtree(outer)


@pytest.mark.skipif(not can_mount(), reason="only root may mount a small disk")
def test_a_database_whose_disk_is_full_for_a_while(tmp_path: Path, clusters: Clusters) -> None:
    cluster = clusters["newest"]
    with ExitStack() as stack:
        disk = stack.enter_context(on_a_small_disk(cluster))
        standing = stack.enter_context(site(tmp_path, cluster, "two-queue", "sqs"))
        cluster.run(f'ALTER DATABASE "{standing.database}" SET TABLESPACE small')
        deployment = stack.enter_context(deployed(tmp_path, standing.place, SPEC))
        batch = under_way(deployment, standing)
        with full(disk):
            deployment.until(lambda: told(deployment), "an orchestrator says that the disk is full")
        batch.check()


def told(deployment: Deployment) -> bool | None:
    """Whether somebody has said it."""
    said = (deployment.processes[name].output for name in ("orchestrator-1", "orchestrator-2"))
    return True if any("its disk is full" in output for output in said) else None
