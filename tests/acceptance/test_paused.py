"""A whole machine stands still past its leases and goes on: what it held was done elsewhere, and it does no harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.accounts import BATCH, SmallBatch
from tests.acceptance.deployment import Deployment, Place, deployed
from tests.acceptance.small_tasks import SPEC
from tests.servers.freezer import paused

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


def test_a_machine_that_is_paused_past_its_leases_goes_on_and_does_no_harm(deployment: Deployment) -> None:
    """Its runs are ended by others meanwhile. What it says of them afterwards is late, and changes nothing."""
    batch = SmallBatch(deployment, TASKS, PACE)
    deployment.start(orchestrators=1)
    batch.submit()
    deployment.until_ended(BATCH, 5)
    with paused(deployment.processes["worker-1"].popen.pid):
        deployment.until_ended(BATCH, TASKS)
    batch.check(twice_at_once=True)
    assert any(len(story.runs) > 1 for story in deployment.stories(BATCH)), "the pause hit no run"
