"""A worker is killed in the middle of bundles of a hundred: what was completed is not run again, the rest is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.accounts import BATCH, SmallBatch
from tests.acceptance.deployment import Deployment, Story, deployed
from tests.acceptance.sites import site
from tests.acceptance.small_tasks import SPEC, spans
from tests.servers.clusters import Clusters

pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within

TASKS, BUNDLE = 200, 100
PACE = 0.03
UNDER_WAY = 30
"""Tasks after whose end the worker dies."""
SETTINGS = {"LEASEHOLD_WINDOW": "400", "LEASEHOLD_VALIDITY": "60s"}


@pytest.mark.parametrize("topology", ["two-queue", pytest.param("single-queue", marks=pytest.mark.prove)])
def test_a_worker_is_killed_in_the_middle_of_its_bundles(tmp_path: Path, clusters: Clusters, topology: str) -> None:
    with (
        site(tmp_path, clusters["newest"], topology, "sqs") as standing,
        deployed(tmp_path, standing.place._replace(settings=SETTINGS), SPEC) as deployment,
    ):
        batch = SmallBatch(deployment, TASKS, PACE, bundled=True)
        standing.set_up(deployment)
        batch.submit()
        deployment.start(orchestrators=1, workers=1)
        deployment.until_ended(BATCH, UNDER_WAY)
        assert largest(deployment) == BUNDLE
        deployment.processes["worker-1"].kill()
        deployment.worker(2)
        batch.check()
        stories = list(deployment.stories(BATCH))
        assert any(story.lines("unbundled") for story in stories), "no bundle was received twice"
        for story in stories:
            assert_charged_for_what_began(story)
        again = {number for number, runs in spans(batch.journal).items() if len(runs) > 1}
        sent_again = {int(story.view.key or 0) for story in stories if story.view.task.n > 1}
        assert again <= sent_again, "what was recorded as completed was run again"


def largest(deployment: Deployment) -> int:
    """How many tasks share one message, at most."""
    rows = deployment.parts.views.tasks(f'batch:"{BATCH}"', limit=TASKS).rows
    return max(view.task.members for view in rows)


def assert_charged_for_what_began(story: Story) -> None:
    """One loss for a run that began and was not heard of again; none for a member whose turn had not come (B3)."""
    began = [line.n for line in story.lines("started")]
    lost = [number for number in began if number < story.view.task.n]
    given_back = len(story.lines("released"))
    assert story.view.task.losses <= len(lost) <= story.view.task.losses + given_back, story.trail
