"""The whole road in small, under misfortune: at the end every task has its outcome, and nothing counted twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from leasehold.core.model import Status
from leasehold.flow.audit import Terms, audit
from tests.flow.world import World

SEEDS = range(int(os.environ.get("LEASEHOLD_SEEDS", "150")))
"""Worlds per search of `make prove`."""


def loses_nothing(world: World, terms: Terms) -> None:
    """What holds at the end, whatever happened on the way; two runs at once are a defect unless a queue repeats."""
    orchestra = world.orchestra
    verdict = audit(orchestra.views, terms=terms)
    assert verdict.ok, verdict.problems
    for chunk in orchestra.views.scan():
        for task in chunk:
            trail = orchestra.trail(task.id)
            assert trail.count("completed") == (task.status is Status.COMPLETED), trail
            assert task.status is not Status.COMPLETED or task.id in world.life.returned


def lived(folder: Path, seed: int, *, claimed: bool = False, **rates: float) -> World:
    world = World(folder, seed, claimed=claimed, **rates)
    work, poison = world.submit("work", 10), world.submit("poison", 2)
    world.chaos(1_200)
    work += world.submit("work", 3)
    world.chaos(800)
    world.peace()
    assert world.statuses(work) == {Status.COMPLETED}
    assert world.statuses(poison) == {Status.FAILED}
    assert {world.orchestra.task(id).attempts for id in poison} == {3}
    repeats = {"duplicate", "undeleted", "lose_reply_send"} & rates.keys() if rates != FAIR else set[str]()
    loses_nothing(world, Terms("single-queue" if claimed else "two-queue", duplicates=bool(repeats)))
    return world


FAIR = {
    "reorder": 0.3,
    "short": 0.2,
    "delay": 0.1,
    "lose_reply_receive": 0.05,
    "lose_send": 0.03,
    "lose_reply_send": 0.05,
    "lose_reply_delete": 0.05,
    "lose_reply_change": 0.05,
    "fail_entry": 0.1,
    "unavailable": 0.05,
}
"""What a queue may do that never gives one task to two."""

DOUBLING = {"duplicate": 0.4, "undeleted": 0.3, "stale_delete": 0.5, "lose_reply_send": 0.2, "reorder": 0.5}
"""What gives one task to two, often."""

FOUL = {**FAIR, "duplicate": 0.05, "undeleted": 0.05, "stale_delete": 0.2, "vanish": 0.03}
"""What a standard queue may do besides."""


TOPOLOGIES = pytest.mark.parametrize("claimed", [False, True], ids=["two-queue", "single-queue"])


@TOPOLOGIES
@pytest.mark.parametrize("seed", range(4))
def test_on_fair_queues_no_two_runs_of_a_task_ever_overlap(tmp_path: Path, seed: int, claimed: bool) -> None:
    world = lived(tmp_path, seed, claimed=claimed, **FAIR)
    assert world.life.overlaps == []


@TOPOLOGIES
@pytest.mark.parametrize("seed", range(4))
def test_whatever_queues_do_every_task_ends_and_completes_once(tmp_path: Path, seed: int, claimed: bool) -> None:
    world = lived(tmp_path, seed, claimed=claimed, **FOUL)
    assert len(world.struck) > 10


@pytest.mark.parametrize("seed", range(4))
def test_where_runs_are_claimed_no_two_ever_overlap_whatever_queues_do(tmp_path: Path, seed: int) -> None:
    """Duplicates, deletes that do not stick, claims whose commit is unknown."""
    world = lived(tmp_path, 50 + seed, claimed=True, **DOUBLING)
    assert {"duplicate", "undeleted"} <= world.struck.keys()
    assert world.flaky.failed
    assert world.life.overlaps == []


@TOPOLOGIES
def test_without_misfortune_every_task_runs_once(tmp_path: Path, claimed: bool) -> None:
    world = World(tmp_path, 0, claimed=claimed)
    ids = world.submit("work", 20)
    world.luck = 1.0
    world.peace()
    assert world.statuses(ids) == {Status.COMPLETED}
    loses_nothing(world, Terms("single-queue" if claimed else "two-queue"))


@pytest.mark.prove
@pytest.mark.parametrize("seed", SEEDS)
def test_where_runs_are_claimed_no_two_ever_overlap_in_many_worlds(tmp_path: Path, seed: int) -> None:
    rates = FOUL if seed % 2 else DOUBLING
    assert lived(tmp_path, 3_000 + seed, claimed=True, **rates).life.overlaps == []


@pytest.mark.prove
@pytest.mark.parametrize("seed", SEEDS)
def test_on_fair_queues_no_two_runs_ever_overlap_in_many_worlds(tmp_path: Path, seed: int) -> None:
    assert lived(tmp_path, 1_000 + seed, claimed=False, **FAIR).life.overlaps == []


@pytest.mark.prove
@pytest.mark.parametrize("seed", SEEDS)
def test_every_task_ends_and_completes_once_in_many_worlds(tmp_path: Path, seed: int) -> None:
    lived(tmp_path, 2_000 + seed, claimed=False, **FOUL)
