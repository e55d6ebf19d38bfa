"""A soak in small: half a minute of everything at once, from a fixed seed, and the checker finds nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.soak.__main__ import main, recorded
from tests.soak.plan import KINDS, MIX, STREAMS, blows, jobs
from tests.soak.soak import Options, soak

SECONDS = 25.0
TASKS = 60
SEED = 11
MOST = len(KINDS) * 2 // 3


@pytest.mark.prove
@pytest.mark.timeout(600)  # a bound for what hangs
@pytest.mark.parametrize("topology", ["two-queue", "single-queue"])
def test_whatever_happens_nothing_is_lost_nothing_unexpected_and_every_duplicate_explained(topology: str) -> None:
    verdict = soak(Options(SEED, SECONDS / 60, TASKS, topology))
    assert verdict["ok"], verdict["text"]
    figures = verdict["figures"]
    assert figures["accepted"] == figures["completed"] + figures["failed"] == TASKS
    missed = set(KINDS) - set(figures["blows"])
    assert len(KINDS) - len(missed) >= MOST, f"a blow that finds nobody to hit does not fall, but most do: {missed}"


def test_one_seed_is_one_schedule() -> None:
    assert blows(1, 600) == blows(1, 600) != blows(2, 600)
    assert jobs(1, 500) == jobs(1, 500) != jobs(2, 500)


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_of_blow_falls_even_in_a_short_soak(seed: int) -> None:
    assert {blow.kind for blow in blows(seed, 20)} == set(KINDS)
    assert all(0 < blow.at < 20 for blow in blows(seed, 20))


def test_a_stream_of_blows_does_not_fall_on_itself() -> None:
    last: dict[str, float] = {}
    for blow in blows(7, 3_600):
        assert blow.at > last.get(blow.kind, 0)
        last[blow.kind] = blow.at + blow.lasts


def test_the_database_crashes_every_5_to_20_seconds() -> None:
    crashes = [blow for blow in blows(3, 3_600) if blow.kind == "database-crash"]
    assert len(crashes) > 3_600 / 25
    assert next(stream.every for stream in STREAMS if stream.kind == "database-crash") == (5, 20)


def test_a_blow_that_was_left_out_changes_no_other() -> None:
    some = [kind for kind in KINDS if kind != "link-cut"]
    assert blows(1, 600, some) == [blow for blow in blows(1, 600) if blow.kind != "link-cut"]


def test_tasks_of_every_kind_are_submitted() -> None:
    kinds = Counter(job.kind for job in jobs(1, 1_000))
    assert set(kinds) == set(MIX)
    assert sum(MIX.values()) == 100


def test_what_stands_in_the_record_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "soak.jsonl"
    line: dict[str, Any] = {"seed": 5, "topology": "two-queue", "minutes": 10.0, "tasks": 2000, "lost": 0}
    record.write_text(json.dumps(line) + "\n")
    asked: Sequence[str] = [
        "--minutes",
        "10",
        "--tasks",
        "2000",
        "--seed",
        "5",
        "--topology",
        "two-queue",
        "--record",
        str(record),
    ]
    assert main([*asked]) == 0
    assert capsys.readouterr().out == ""
    assert recorded(record) == [{name: line[name] for name in ("seed", "topology", "minutes", "tasks")}]
