"""The simulator: its worlds keep every law, are the same to the last bit, and show what a broken role does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import ensure_schema
from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.adapters.database.views import DatabaseViews
from leasehold.testing.simulator import Story, Topology, shrunk, simulate
from leasehold.testing.simulator.clocks import MachineClock
from leasehold.testing.simulator.terms import CALLS, EVENTS, STATUS_FAULTS, TASK_FAULTS
from leasehold.testing.simulator.world import Backing
from tests.simulation.broken import FAULTS

SEEDS = 240
STALE = frozenset({"tasks stale_delete", "status stale_delete"})
"""A receipt has to be stale first; ``test_rare_things_happen_too`` waits longer for them."""
RARE = {"tasks stale_delete", "overlap explained by the queue"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    return [simulate(seed) for seed in range(SEEDS)]


def test_whatever_goes_wrong_every_law_holds_and_every_task_ends(stories: list[Story]) -> None:
    assert [story.verdict for story in stories if story.violation is not None] == []


def test_every_kind_of_fault_strikes(stories: list[Story]) -> None:
    struck = sum((story.struck for story in stories), Counter[str]())
    kinds = {*CALLS, *EVENTS, *TASK_FAULTS, *STATUS_FAULTS} - STALE
    assert {kind for kind in kinds if not struck[kind]} == set()


def test_every_topology_and_every_outcome_is_seen(stories: list[Story]) -> None:
    assert {story.terms.topology for story in stories} == set(Topology)
    outcomes = sum((story.statuses for story in stories), Counter[str]())
    assert outcomes.keys() == {"completed", "failed", "cancelled"}
    assert outcomes["completed"] > SEEDS // 2


@pytest.mark.parametrize("seed", [3, 40, 77])
def test_a_schedule_that_is_played_again_is_the_same_to_the_last_bit(stories: list[Story], seed: int) -> None:
    assert simulate(seed, schedule=stories[seed].schedule).digest == stories[seed].digest


def test_another_process_with_other_hashes_lives_through_the_same_stories(stories: list[Story]) -> None:
    said = [said_of(seed, hashes) for seed, hashes in ((7, "1"), (7, "2"), (12, "3"))]
    assert said[0] == said[1]
    assert stories[7].digest in said[0]
    assert stories[12].digest in said[2]


def said_of(seed: int, hashes: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONHASHSEED": hashes}
    command = [sys.executable, "-m", "leasehold.testing.simulator", "--seed", str(seed)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100).stdout


@pytest.mark.parametrize("topology", [Topology.TWO_QUEUE, Topology.FIFO, Topology.SINGLE])
@pytest.mark.parametrize("seed", [1, 5])
def test_on_sqlite_the_story_is_the_same_to_the_last_bit(tmp_path: Path, seed: int, topology: Topology) -> None:
    """The ledger in memory stands in for a database because nobody can tell them apart."""

    def back(clock: MachineClock) -> Backing:
        database = SqliteDatabase(str(tmp_path / "ledger.db"), clock=clock)
        ensure_schema(database)
        return Backing(DatabaseLedger(database), DatabaseViews(database))

    assert simulate(seed, topology=topology, back=back).digest == simulate(seed, topology=topology).digest


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, marks=[pytest.mark.prove] if fault.hidden else []) for rule, fault in FAULTS.items()]
)
def test_a_role_that_breaks_a_rule_is_found_and_its_story_is_short(rule: str) -> None:
    fault = FAULTS[rule]
    stories = (simulate(seed, topology=fault.topology, roles=fault.roles()) for seed in fault.seeds)
    broken = next((story for story in stories if story.violation and story.violation.law in fault.laws), None)
    assert broken is not None
    short = shrunk(broken, roles=fault.roles())
    assert short.violation is not None
    assert short.violation.law in fault.laws
    assert len(short.schedule) <= 20
    assert short.strikes <= 4


def test_pieces_are_written_down_and_never_done_again(tmp_path: Path) -> None:
    record = tmp_path / "simulation.jsonl"
    command = [sys.executable, "-m", "leasehold.testing.simulator", "--seeds", "495..505", "--record", str(record)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    for done in ("10 seeds, 0 failed", "0 seeds, 0 failed; 2 pieces were on record"):
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
        assert run.stdout.splitlines()[-1] == done
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [(line["first"], line["end"], line["failures"]) for line in lines] == [(495, 500, []), (500, 505, [])]


@pytest.mark.prove
def test_rare_things_happen_too() -> None:
    """A standard queue takes a message from its holder by an old receipt, and gives one task to two."""
    missing = set(RARE)
    for seed in range(20_000):
        missing -= simulate(seed).struck.keys()
        if not missing:
            return
    raise AssertionError(missing)
