"""``leasehold audit`` beside the work: as long as all is well it says so, whenever it is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leasehold.cli.program import outcome
from leasehold.cli.tools import Tools
from tests.acceptance.accounts import BATCH
from tests.acceptance.deployment import Deployment, deployed
from tests.acceptance.sites import site
from tests.acceptance.small_tasks import SPEC, double
from tests.servers.clusters import Clusters

pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within

AUDITS = 20
TASKS = 20
"""Submitted before each audit, so that there is work to look at however long the audits take."""


def test_twenty_audits_of_a_system_at_work_find_nothing_unexplained(
    tmp_path: Path, clusters: Clusters, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        site(tmp_path, clusters["newest"], "two-queue", "sqs") as standing,
        deployed(tmp_path, standing.place._replace(settings={"LEASEHOLD_WINDOW": "50"}), SPEC) as deployment,
    ):
        standing.set_up(deployment)
        deployment.start(orchestrators=2, workers=2)
        tools = Tools(pause=lambda seconds: deployment.parts.bell.wait("ended", int(seconds * 1_000)))
        at_work = 0
        for name, value in deployment.environment("operator").items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        for given in range(TASKS, (AUDITS + 1) * TASKS, TASKS):
            submit(deployment, range(given - TASKS, given))
            deployment.until_ended(BATCH, given - TASKS + 1)  # these are under way
            capsys.readouterr()
            code, said = outcome(["audit", "--json"], obj=tools), capsys.readouterr().out
            assert code == 0, said
            verdict = json.loads(said)
            assert (verdict["ok"], verdict["problems"], verdict["tasks"], verdict["trails"]) == (True, [], given, given)
            assert verdict["queues_asked"]
            at_work += verdict["states"].get("completed", 0) < given
        assert at_work, "no audit saw anything under way"


def submit(deployment: Deployment, numbers: range) -> None:
    """More tasks of the batch, each of 0.1 s."""
    journal = str(deployment.folder / "journal")
    with double.app.behind(deployment.connection):
        double.submit_many([{"number": number} for number in numbers], batch=BATCH, journal=journal, seconds=0.1)
