"""A worker that was taken over, as a process of its own on SQS: it can spoil its own task, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from leasehold.assemble import Parts
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.recorder import Recorder
from leasehold.ports.views import TaskView
from leasehold.settings import read_settings
from leasehold.testing.sqs_server import SqsServer
from tests.deployment.conftest import Command

PROGRAM = Path(__file__).with_name("hostile_worker.py")
FORGING = ["another's task", "another's task with a guess", "another dispatch", "another's store"]


class Scene(NamedTuple):
    """A task that the hostile worker is given, one that it is not, and the system that both are in."""

    parts: Parts
    own: str
    victim: str

    def attack(self, orders: str) -> None:
        """Let the worker say it, and an orchestrator record it."""
        words = [sys.executable, str(PROGRAM), orders, "acme-tasks-default", "acme-status", self.victim]
        subprocess.run(words, check=True, timeout=60)
        parts = self.parts
        recorder = Recorder(
            parts.queues.status(), parts.ledger, parts.bell, parts.random, key=parts.ledger.secret("capability")
        )
        while recorder.step():
            pass

    def task(self, id: str) -> TaskView:
        view = self.parts.views.task(id)
        assert view is not None
        return view

    def story(self, id: str) -> object:
        """All that is known of a task."""
        return self.task(id), self.parts.views.audit(id), self.parts.views.runs(id)


@pytest.fixture
def scene(run: Command, sqs: SqsServer, tmp_path: Path) -> Iterator[Scene]:
    run("init", "--queues", "default,media")
    own = run("submit", "jobs.py:transcribe", "source=a", "--json").json["id"]
    victim = run("submit", "jobs.py:encode", "source=b", "--json").json["id"]
    parts = Parts(read_settings(folder=tmp_path))
    Dispatcher(
        parts.ledger,
        parts.queues.tasks,
        parts.clock,
        key=parts.ledger.secret("capability"),
        validity=parts.settings.validity,
        largest_window=10,
        most_receives=10,
    ).step()
    yield Scene(parts, own, victim)
    parts.close()


@pytest.mark.parametrize("orders", FORGING)
def test_what_it_says_of_what_it_was_not_given_is_refused_counted_and_shown(
    scene: Scene, run: Command, orders: str
) -> None:
    before = [scene.story(id) for id in (scene.own, scene.victim)]
    scene.attack(orders)
    assert [scene.story(id) for id in (scene.own, scene.victim)] == before
    shown = run("queue", "quarantine", "--json").lines
    assert 0 < len(shown) <= 4
    verdict = run("audit", "--json").json
    assert verdict["ok"] is True
    if orders != "another's store":
        assert verdict["forged"] == len(shown)
        assert any("tasks that the sender was not given" in note for note in verdict["notes"])
        assert any(line["reason"].startswith("its capability does not fit task") for line in shown)


def test_a_status_that_is_replayed_counts_once_and_a_second_result_never(scene: Scene, run: Command) -> None:
    victim = scene.story(scene.victim)
    scene.attack("its own task, again and again")
    assert scene.task(scene.own).result == '"forged"'  # it was given that task: a worker is believed of its own
    trail = [line.kind for line in scene.parts.views.audit(scene.own)]
    assert trail.count("completed") == 1
    assert scene.story(scene.victim) == victim
    assert run("audit", "--json").json["ok"] is True


def test_rubbish_is_kept_within_bounds_and_changes_nothing(scene: Scene, run: Command) -> None:
    before = [scene.story(id) for id in (scene.own, scene.victim)]
    scene.attack("rubbish")
    assert [scene.story(id) for id in (scene.own, scene.victim)] == before
    assert len(run("queue", "quarantine", "--limit", "1000", "--json").lines) <= 200
    assert run("audit", "--json").json["ok"] is True
