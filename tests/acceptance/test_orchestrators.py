"""Several orchestrators serve one ledger without a leader, and any of them may vanish at any moment."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.acceptance.accounts import BATCH, SmallBatch
from tests.acceptance.deployment import deployed
from tests.acceptance.sites import site
from tests.acceptance.small_tasks import SPEC
from tests.servers.clusters import Clusters

pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within

TASKS = 2_000
KILLS = 8


@pytest.mark.parametrize(("queues", "seed"), [("sqs", 1), pytest.param("embedded", 2, marks=pytest.mark.prove)])
def test_three_orchestrators_are_killed_and_started_again(
    tmp_path: Path, clusters: Clusters, queues: str, seed: int
) -> None:
    random = Random(seed)
    with (
        site(tmp_path, clusters["newest"], "two-queue", queues) as standing,
        deployed(tmp_path, standing.place._replace(settings={"LEASEHOLD_WINDOW": "100"}), SPEC) as deployment,
    ):
        batch = SmallBatch(deployment, TASKS)
        standing.set_up(deployment)
        batch.submit()
        deployment.start(orchestrators=3, workers=2)
        started = 3
        for place in sorted(random.sample(range(TASKS * 9 // 10), KILLS)):
            deployment.until_ended(BATCH, place)
            alive = [name for name, each in deployment.processes.items() if "orchestrator" in name and each.running]
            deployment.processes[random.choice(alive)].kill()
            started += 1
            deployment.orchestrator(started)
        batch.check()
