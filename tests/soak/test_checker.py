"""The checker finds nothing in an honest soak, and every kind of cheating in one that was doctored."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.soak.checker.evidence import lines
from tests.soak.doctored import Soak, milliseconds

CHECKER = Path(__file__).with_name("checker")
ALLOWED = {"psycopg", "tests.soak.checker", *sys.stdlib_module_names}
# -------------------------------------------------------------------------------------------------------- honest


def test_an_honest_soak_has_no_problem() -> None:
    judged = Soak().judged()
    assert judged["problems"] == []
    assert judged["ok"]
    assert judged["figures"]["again"] == {"worker-kill": 1, "slot-kill": 1}
    assert judged["figures"]["recovery_p50"] == 7.5


# -------------------------------------------------------------------------------------------------------- doctored

Doctor = Callable[[Soak], Any]


def retold(task: str, run: str, **more: object) -> Doctor:
    """Say something else of one run in the ledger."""
    n, r = map(int, run.split("."))

    def doctor(soak: Soak) -> None:
        next(row for row in soak.runs if (row["id"], row["n"], row["r"]) == (task, n, r)).update(more)

    return doctor


def rewritten(task: str, **more: object) -> Doctor:
    """Say something else of one task in the ledger."""
    return lambda soak: soak.tasks[task].update(more)


def nothing_of(what: str, run: str) -> Doctor:
    """Take away one line of a run's history."""
    return lambda soak: soak.without(lambda line: (line["what"], line["run"]) == (what, run))


def run_twice(at: float, token: tuple[int, int]) -> Doctor:
    """Run task a once more, beside or after its first run."""

    def doctor(soak: Soak) -> None:
        soak.began("a2", "a", 1, token, "worker-3", 103, at)
        soak.say("returned", "a2", at + 1)

    return doctor


def when(kind: str, at: float, until: float, **more: object) -> Doctor:
    """A blow that may or may not explain it."""
    return lambda soak: soak.blow(9, kind, at, until=until, **more)


def both(doctor: Doctor, *more: Doctor) -> Doctor:
    """Several of them."""

    def doctored(soak: Soak) -> None:
        for each in (doctor, *more):
            each(soak)

    return doctored


def lost_row(soak: Soak) -> None:
    del soak.tasks["a"]


def strange_row(soak: Soak) -> None:
    soak.tasks["z"] = {**deepcopy(soak.tasks["a"]), "id": "z", "key": "77"}


def second_row(soak: Soak) -> None:
    soak.tasks["z"] = {**deepcopy(soak.tasks["a"]), "id": "z"}


def gap(soak: Soak) -> None:
    soak.trails.remove(soak.trail_of("b")[2])


def leap(soak: Soak) -> None:
    soak.trail_of("b")[2]["after"] = "pending/due"


def second_success(soak: Soak) -> None:
    last = soak.trail_of("a")[-1]
    soak.trails.append({**last, "seq": last["seq"] + 1, "before": "completed"})
    soak.tasks["a"]["version"] += 1


def number_used_twice(soak: Soak) -> None:
    next(line for line in soak.trail_of("d")[5:] if line["kind"] == "dispatched")["n"] = 1


def no_kill(number: int) -> Doctor:
    def doctor(soak: Soak) -> None:
        soak.log = [line for line in soak.log if line.get("id") != number and line["what"] != "ended"]

    return doctor


def other_pid(soak: Soak) -> None:
    next(line for line in soak.log if line.get("kind") == "slot-kill")["pids"] = [999]


def loads(done: int) -> Doctor:
    def doctor(soak: Soak) -> None:
        next(line for line in soak.history if (line["what"], line["run"]) == ("loaded", "d2"))["done"] = done

    return doctor


def twin(loaded: int) -> Doctor:
    """The queue delivered the first message of task d twice; that run found a checkpoint when it began."""

    def doctor(soak: Soak) -> None:
        soak.began("d0", "d", 4, (1, 1), "worker-1", 101, 2.5)
        soak.say("loaded", "d0", 2.5, done=loaded)
        soak.say("raised", "d0", 2.6, error="ValueError")

    return both(doctor, MISBEHAVES)


def says(what: str, run: str, at: float) -> Doctor:
    return lambda soak: soak.say(what, run, at)


def ends(what: str, **more: object) -> Doctor:
    return lambda soak: next(line for line in soak.log if line["what"] == what).update(more)


def claims(soak: Soak) -> None:
    soak.topology = "single-queue"


def counts(soak: Soak) -> None:
    soak.counted = {"completed": 4}


CUT = when("link-cut", 1.1, 1.6, target="workers-queues")
MISBEHAVES = when("queue-misbehaves", 0.5, 3.0)
CHEATS: dict[str, tuple[str, Doctor]] = {
    "a task whose submit returned is gone": ("lost", lost_row),
    "a task has no outcome": ("lost", rewritten("a", state="in_progress")),
    "a task that nobody submitted": ("unexpected", strange_row),
    "one key is two tasks": ("unexpected", second_row),
    "the submit returned another id": ("unexpected", lambda soak: soak.submits[1].update(task="b")),
    "a run of a task that the ledger does not know": ("unexpected", lambda soak: soak.history[0].update(task="y")),
    "nobody cancelled it": ("unexpected", rewritten("a", state="cancelled")),
    "a success that no run returned": ("unexpected", nothing_of("returned", "a1")),
    "a result that is another run's": ("unexpected", rewritten("a", result='{"number": 1, "run": "b2", "more": null}')),
    "a result that is made up": ("unexpected", rewritten("a", result='"done"')),
    "the record of the run that won is gone": ("unexpected", retold("a", "1.1", outcome=None)),
    "a failure with attempts left": ("unexpected", lambda soak: soak.line("raised", "c1").update(error="ValueError")),
    "a failure whose run never raised": ("unexpected", nothing_of("raised", "c1")),
    "a run that completed and never began": (
        "unexpected",
        lambda soak: soak.run("a", (3, 1), "w", 3, outcome="completed"),
    ),
    "a run that was thought lost for no reason": ("unexpected", retold("a", "1.1", lost_at=milliseconds(1.2))),
    "a line of a trail is gone": ("trail", gap),
    "two lines of a trail do not meet": ("trail", leap),
    "a task is completed twice": ("trail", second_success),
    "a dispatch number is used twice": ("trail", number_used_twice),
    "a failed task has a result": ("trail", rewritten("c", has_result=True)),
    "attempts that nobody failed": ("budget", rewritten("a", attempts=2)),
    "an attempt that is not charged": ("budget", rewritten("d", attempts=0)),
    "losses that nobody lost": ("budget", rewritten("a", losses=1)),
    "a loss that is not charged": ("budget", rewritten("b", losses=0)),
    "the counters say something else": ("counters", counts),
    "a second run, and nobody killed the first one's worker": ("duplicate", no_kill(1)),
    "a second run, and another process was killed": ("duplicate", other_pid),
    "a second run after a success that was recorded": ("duplicate", run_twice(15.0, (1, 2))),
    "two runs at once for no reason": ("duplicate", run_twice(1.2, (1, 2))),
    "two runs at once while the network was cut": ("duplicate", both(run_twice(1.2, (1, 2)), CUT)),
    "two runs at once while only the supervisor was stopped": (
        "duplicate",
        both(run_twice(1.2, (1, 2)), when("worker-pause", 1.1, 1.4, target="worker-1", generation=1)),
    ),
    "two runs at once while another machine stood still": (
        "duplicate",
        both(run_twice(1.2, (1, 2)), when("node-pause", 1.1, 1.4, target="worker-2", generation=1)),
    ),
    "two runs at once before the machine under all of them stood still": (
        "duplicate",
        both(run_twice(1.2, (1, 2)), when("machine-stall", 9.0, 10.0)),
    ),
    "two runs at once of two dispatches, while the queue misbehaved": (
        "duplicate",
        both(run_twice(1.2, (2, 1)), MISBEHAVES),
    ),
    "two runs at once where runs are claimed, while the queue misbehaved": (
        "duplicate",
        both(claims, run_twice(1.2, (1, 2)), MISBEHAVES),
    ),
    "two runs with one token": ("duplicate", both(run_twice(15.0, (1, 1)), CUT)),
    "a run after the outcome where runs are claimed": ("duplicate", both(claims, run_twice(16.0, (1, 2)), CUT)),
    "an older checkpoint than was saved": ("duplicate", loads(0)),
    "a checkpoint that nobody saved": ("duplicate", loads(3)),
    "a twin loaded more than its twin had saved": ("duplicate", twin(3)),
    "a run alive past its lease": ("lease", says("sign", "a1", 9.6)),
    "a run alive past the lease on record": ("lease", retold("a", "1.1", lease_until=milliseconds(0.3))),
    "a worker ended by itself with a defect": ("process", ends("ended", expected=False, code=70)),
    "a worker did not drain": ("process", ends("stopped", code=-9)),
    "a process was left behind": ("process", ends("left", pids=[5])),
    "the system's own audit found something": ("audit", ends("audit", code=1)),
    "the client gave up": ("soak", ends("settled", client="it hangs")),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_it_finds_out_when(cheat: str) -> None:
    check, doctor = CHEATS[cheat]
    soak = Soak()
    doctor(soak)
    judged = soak.judged()
    assert check in {problem["check"] for problem in judged["problems"]}, judged["text"]
    assert not judged["ok"]


EXCUSES: dict[str, Doctor] = {
    "two runs at once of one dispatch, while the queue misbehaved": both(run_twice(1.2, (1, 2)), MISBEHAVES),
    "a second run with the token of one that had returned, while the queue misbehaved": both(
        run_twice(2.5, (1, 1)), MISBEHAVES
    ),
    "a run that loaded what the run with its own token had saved": twin(1),
    "two runs at once, while the machine of one stood still": both(
        run_twice(1.2, (1, 2)), when("node-pause", 1.1, 1.4, target="worker-1", generation=1)
    ),
    "two runs at once, while the machine under all of them stood still": both(
        run_twice(1.2, (1, 2)), when("machine-stall", 1.1, 1.4)
    ),
    "a second run whose first one's report was lost on its way": both(
        run_twice(5.0, (1, 2)), when("queue-purge", 1.6, 1.8)
    ),
}


@pytest.mark.parametrize("excuse", EXCUSES)
def test_it_takes_as_explained(excuse: str) -> None:
    soak = Soak()
    EXCUSES[excuse](soak)
    judged = soak.judged()
    assert judged["ok"], judged["text"]
    assert judged["figures"]["runs"] == 7


def test_a_run_that_was_killed_before_it_said_a_word_began_by_its_lease_on_record() -> None:
    """Where runs are claimed, the ledger knows such a run by its claim."""
    soak = Soak()
    retold("b", "1.1", started_at=None)(soak)
    judged = soak.judged()
    assert judged["ok"], judged["text"]


def test_each_problem_is_told_with_the_story_of_its_task() -> None:
    soak = Soak()
    soak.began("b3", "b", 2, (1, 3), "worker-3", 103, 9.7)
    soak.say("sign", "b3", 9.9)
    told = soak.judged()["text"]
    assert "runs (1, 2) and (1, 3) lived at once, for 200 ms at least" in told
    assert "blow    worker-kill worker-2/1 [102]" in told
    assert "ledger  lapsed in_progress -> pending/lapsed" in told
    assert "history run (1, 3) began on worker-3/1 pid 103 (plain)" in told


def test_a_line_that_cannot_be_read_is_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "runs.jsonl"
    file.write_text('{"what": "began"}\n{"what": "be\n')
    torn: list[str] = []
    assert [*lines(file, torn)] == [{"what": "began"}]
    assert torn == ['{"what": "be']


# -------------------------------------------------------------------------------------------------------- apart


def imported(file: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield node.module or ""


def test_the_checker_shares_no_code_with_what_it_checks() -> None:
    files = [*CHECKER.glob("**/*.py")]
    assert len(files) >= 5
    named = {(file.name, name) for file in files for name in imported(file)}
    strange = {(file, name) for file, name in named if name.partition(".")[0] not in ALLOWED}
    assert {each for each in strange if not each[1].startswith("tests.soak.checker")} == set()
    assert not any(word in file.read_text() for file in files for word in ("import_module", "__import__", "exec("))


def test_nothing_of_the_system_is_loaded_when_the_checker_is() -> None:
    code = "import sys, tests.soak.checker.__main__; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "tests.soak.checker.verdict" in loaded
    assert {name for name in loaded if name.partition(".")[0] in {"leasehold", "sqlalchemy", "alembic"}} == set()
