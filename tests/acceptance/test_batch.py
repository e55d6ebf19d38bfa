"""The acceptance run: a real batch on real processes; a worker and an orchestrator are killed in its middle."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.acceptance.accounts import audited
from tests.acceptance.deployment import Deployment, deployed
from tests.acceptance.processes import left_behind
from tests.acceptance.recordings import BATCH, Recordings
from tests.acceptance.sites import Site, site
from tests.servers.clusters import Clusters

pytest.importorskip("pocketsphinx", reason="no wheel for this machine")
pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within


def kill_one_of_each(deployment: Deployment, batch: Recordings, random: Random) -> str:
    """Kill an orchestrator after a few outcomes, and the worker that has the run that calls for it; the worker."""
    deployment.until_ended(BATCH, random.randint(0, 3))
    deployment.processes[f"orchestrator-{random.randint(1, 2)}"].kill()
    deployment.until(lambda: batch.call if batch.call.exists() else None, "a run calls for its worker's death")
    victim = deployment.until(lambda: holder(deployment, batch), "the ledger knows who has the run that calls")
    deployment.processes[victim].kill()
    return victim


def holder(deployment: Deployment, batch: Recordings) -> str | None:
    """The worker that has the run that calls, by the ledger."""
    caller = next(item.source for item in batch.plan.items if item.trouble.call is not None)
    rows = deployment.parts.views.tasks(f"batch:{BATCH} status:in_progress").rows
    return next((view.task.worker for view in rows if view.key == str(caller)), None)


WAYS = [
    ("two-queue", "sqs", "newest"),
    ("single-queue", "sqs", "oldest"),
    ("two-queue", "embedded", "oldest"),
    ("single-queue", "embedded", "newest"),
    ("two-queue", "fifo", "newest"),
]
RUNS = [
    *((*way, 1) for way in WAYS[:2]),
    *(pytest.param(*way, 10, marks=pytest.mark.prove) for way in WAYS),
    *(pytest.param(*way, seed, marks=[pytest.mark.prove, pytest.mark.more]) for seed in (11, 12) for way in WAYS),
]
"""Each seed kills at other moments."""


@pytest.mark.parametrize(("topology", "queues", "version", "seed"), RUNS)
def test_every_task_is_accounted_for(
    tmp_path: Path, clusters: Clusters, topology: str, queues: str, version: str, seed: int
) -> None:
    with (
        site(tmp_path, clusters[version], topology, queues) as standing,
        deployed(tmp_path, standing.place) as deployment,
    ):
        random = Random(seed)
        batch = Recordings.prepared(deployment.folder / "scratch", random)
        standing.set_up(deployment)
        deployment.start()
        batch.submit(deployment)
        victim = kill_one_of_each(deployment, batch, random)
        assert deployment.wait(BATCH).code == 1, "two rows must fail"
        standing.all_recorded(deployment)
        deployment.stop()
        batch.check(deployment, victim)
        assert audited(deployment, len(batch.plan.items))["overlaps"] == 0
        assert_only_those_connect_who_may(deployment, standing)
        assert left_behind(deployment.folder) == []


def assert_only_those_connect_who_may(deployment: Deployment, standing: Site) -> None:
    """The server's log names everybody who logged in: workers only where they need the database."""
    names = standing.connected_as()
    workers = {name for name in names if name.startswith("worker")}
    assert names - workers == {"operator", "client", "orchestrator-1", "orchestrator-2"}
    assert workers == ({"worker-1", "worker-2"} if standing.place.worker_ledger else set())
    made = [path.name for number in (1, 2) for path in (deployment.folder / f"worker-{number}").iterdir()]
    assert not [name for name in made if "leasehold" in name], "a worker made a ledger of its own"
