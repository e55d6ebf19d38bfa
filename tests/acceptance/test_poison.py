"""Poison spends its own budgets and ends in `failed` with its story; what runs beside it is charged nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from leasehold.core.model import FailureKind, Status
from tests.acceptance import poison
from tests.acceptance.accounts import audited, odd_trail
from tests.acceptance.deployment import Deployment, Place, Story, deployed
from tests.acceptance.processes import left_behind

pytestmark = pytest.mark.timeout(300)  # a bound for what hangs: longer than those within
GOOD = 60
BATCH, POISON = "good", "poison"
SETTINGS = {"LEASEHOLD_LEASE_MARGIN": "3s", "LEASEHOLD_TERM_GRACE": "300ms", "LEASEHOLD_WINDOW": "20"}


class Death(NamedTuple):
    """How each run of a kind of poison must be said to have ended."""

    kind: FailureKind
    type: str
    says: str


DEATHS = {
    "segfault": Death(FailureKind.SIGNAL, "SIGSEGV", "killed by SIGSEGV"),
    "killed": Death(FailureKind.SIGNAL, "SIGKILL", "killed by SIGKILL"),
    "out_of_memory": Death(FailureKind.MEMORY, "MemoryError", ""),
    "hang": Death(FailureKind.LEASE, "LeaseOverrun", "its lease was over"),
    "fill_the_disk": Death(FailureKind.EXCEPTION, "OSError", "No space left on device"),
    "fork_bomb": Death(FailureKind.LEASE, "LeaseOverrun", "its lease was over"),
    "leave": Death(FailureKind.EXIT, "Exit", "exit code 7"),
}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    ledger = str(tmp_path / "ledger.db")
    place = Place(ledger, worker_ledger=ledger, settings=SETTINGS)
    with deployed(tmp_path, place, poison.SPEC) as deployment:
        deployment.init()
        yield deployment


def submit_good(deployment: Deployment) -> None:
    with poison.app.behind(deployment.connection):
        poison.good.submit_many([{"number": number} for number in range(GOOD)], batch=BATCH)


def check_good(deployment: Deployment) -> None:
    """All of it is completed, and paid for nothing."""
    stories = list(deployment.stories(BATCH))
    assert len(stories) == GOOD
    assert {(story.view.task.status, story.view.task.attempts) for story in stories} == {(Status.COMPLETED, 0)}
    assert [told for story in stories for told in odd_trail(story)] == []


def test_poison_of_every_kind_fails_with_its_story_and_harms_no_other_task(
    deployment: Deployment, tmp_path: Path
) -> None:
    deployment.start(orchestrators=1)
    (tmp_path / "filled").symlink_to("/dev/full")  # a device that never has room
    with poison.app.behind(deployment.connection):
        for name in DEATHS:
            arguments = {"folder": str(tmp_path)} if name == "fill_the_disk" else {}
            getattr(poison, name).options(batch=POISON, key=name).submit(**arguments)
    submit_good(deployment)
    assert deployment.wait(BATCH).code == 0
    assert deployment.wait(POISON).code == 1, "all of it must fail"
    deployment.stop()
    check_good(deployment)
    stories = {story.view.task.name: story for story in deployment.stories(POISON)}
    assert stories.keys() == DEATHS.keys()
    for name, death in DEATHS.items():
        check_story(name, death, stories[name])
    check_groups(deployment)
    assert audited(deployment, GOOD + len(DEATHS))["overlaps"] == 0
    assert left_behind(deployment.folder) == []


def check_story(name: str, death: Death, story: Story) -> None:
    """Its runs, how each died, and what it was charged."""
    task = story.view.task
    assert (task.status, task.attempts) == (Status.FAILED, poison.ATTEMPTS), (name, task, story.runs)
    charged = [run for run in story.runs if run.outcome != "released"]  # given back unbegun, behind one that hung
    assert [run.outcome for run in charged] == ["failed"] * poison.ATTEMPTS, (name, story.runs)
    for run in charged:
        assert run.failure is not None
        assert (run.failure.kind, run.failure.type) == (death.kind, death.type), name
        assert death.says in run.failure.message, name
        assert run.lost_at is None
    assert death.says in (task.reason or "") or death.type in (task.reason or ""), (name, task.reason)
    assert list(odd_trail(story)) == []


def check_groups(deployment: Deployment) -> None:
    """Failures of one cause are one group, and each group is found by its tasks."""
    groups = {(group.name, group.type): group.tasks for group in deployment.parts.views.failures()}
    assert groups == {(name, death.type): 1 for name, death in DEATHS.items()}


@pytest.mark.prove
def test_poison_that_kills_its_worker_before_anyone_hears_of_the_run_fails_too(deployment: Deployment) -> None:
    """Ten receives that nobody explained are one loss, and its budget is one: then it is over with it."""
    deployment.start(orchestrators=1, workers=1)
    with poison.app.behind(deployment.connection):
        poison.kill_the_worker.options(batch=POISON).submit()
    deaths = 0
    while not deployment.ended(POISON):
        worker = deployment.processes["worker-1"]
        worker.expected = True
        deployment.until(
            lambda worker=worker: True if ended(deployment, worker) else None, "a kill, or the end of them"
        )
        if not worker.running:
            deaths += 1
            deployment.worker(1)
    submit_good(deployment)
    assert deployment.wait(BATCH).code == 0
    deployment.stop()
    check_good(deployment)
    (story,) = deployment.stories(POISON)
    assert story.view.task.status is Status.FAILED
    assert (story.view.task.attempts, story.view.task.losses) == (0, 1), "the handler was never heard to fail"
    assert 1 <= deaths <= 11, deaths
    assert left_behind(deployment.folder) == []


def ended(deployment: Deployment, worker: object) -> bool:
    """Whether the worker is dead, or its poison has an outcome."""
    return not deployment.processes["worker-1"].running or bool(deployment.ended(POISON))
