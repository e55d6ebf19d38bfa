from __future__ import annotations

import json
from pathlib import Path

import pytest

from leasehold.adapters.memory import MemoryStore
from leasehold.core.model import Token
from leasehold.demo.history import Held
from leasehold.demo.job import State
from leasehold.demo.reaper import PATIENCE, Reaper
from leasehold.flow.checkpoints import Checkpoints
from tests.demo.fakes import FakeTime

CALLER = Held("t1", Token(1, 1), "/sounds/caller.wav", "worker-2", 0, 0.5)
BESIDE = Held("t2", Token(1, 1), "/sounds/beside.wav", "worker-2", 0, 0.5)
ELSEWHERE = Held("t3", Token(1, 1), "/sounds/elsewhere.wav", "worker-1", 0, 0.5)
HELD = [ELSEWHERE, CALLER, BESIDE]


class FakeNode:
    def __init__(self, name: str) -> None:
        self.name = name
        self.kills = 0

    def kill(self) -> None:
        self.kills += 1


class Scene:
    def __init__(self, call: Path) -> None:
        self.call = call
        self.time = FakeTime()
        self.nodes = [FakeNode("worker-1"), FakeNode("worker-2")]
        self.store = MemoryStore()
        self.saved = 0
        self.reaper = Reaper(CALLER.source, call, self.store, self.time.now)

    def saves(self, task: Held, second: float) -> None:
        self.saved += 1
        state = json.dumps(State(second=second, text="", segments=1, starts=[0.0]))
        Checkpoints(self.store, limit=1_000).save(task.task_id, task.token, "run", state)

    def look(self, held: list[Held]) -> list[str]:
        return [task.file for task in self.reaper.look(held, self.nodes)]

    @property
    def kills(self) -> list[int]:
        return [node.kills for node in self.nodes]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "call")


def test_nobody_dies_without_a_call(scene: Scene) -> None:
    scene.saves(BESIDE, 0.7)
    assert scene.look(HELD) == []
    assert scene.kills == [0, 0]


def test_the_node_of_the_caller_dies_once_the_run_beside_it_has_saved_work(scene: Scene) -> None:
    scene.call.touch()
    scene.saves(BESIDE, 0.0)
    assert scene.look(HELD) == [], "that checkpoint says only that the run began"
    scene.saves(BESIDE, 0.7)
    assert scene.look(HELD) == ["caller.wav", "beside.wav"]
    assert scene.kills == [0, 1]


def test_it_waits_for_company_but_not_for_ever(scene: Scene) -> None:
    scene.call.touch()
    assert scene.look([ELSEWHERE, CALLER]) == []
    scene.time.wait(PATIENCE)
    assert scene.look([ELSEWHERE, CALLER]) == ["caller.wav"]
    assert scene.kills == [0, 1]


def test_it_waits_until_the_ledger_knows_where_the_caller_is(scene: Scene) -> None:
    scene.call.touch()
    scene.time.wait(PATIENCE)
    assert scene.look([ELSEWHERE]) == []
    scene.time.wait(PATIENCE)
    assert scene.look(HELD) == ["caller.wav", "beside.wav"]


def test_one_call_kills_once(scene: Scene) -> None:
    scene.call.touch()
    scene.saves(BESIDE, 0.7)
    scene.look(HELD)
    assert scene.look(HELD) == []
    assert scene.kills == [0, 1]


def test_a_call_of_an_earlier_performance_is_not_heard(tmp_path: Path) -> None:
    (tmp_path / "call").touch()
    scene = Scene(tmp_path / "call")
    scene.saves(BESIDE, 0.7)
    assert scene.look(HELD) == []
