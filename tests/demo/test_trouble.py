from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from leasehold.core.errors import Recoverable
from leasehold.demo.trouble import HOLD, Kind, Mischief, Trouble

CALL = Path("/tmp/demo/call")  # noqa: S108 - a name only


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", Trouble()),
        ("fail-twice", Trouble(Kind.FAIL_TWICE)),
        ("kill-slot", Trouble(Kind.KILL_SLOT)),
        ("kill-node:/tmp/demo/call", Trouble(Kind.KILL_NODE, CALL)),
    ],
)
def test_a_trouble_is_one_argument_of_text(text: str, trouble: Trouble) -> None:
    assert Trouble.parse(text) == trouble
    assert str(trouble) == text


@pytest.mark.parametrize("text", ["fail-thrice", "kill-node", "kill-node:", "kill-slot:/tmp/demo/call", ":/x"])
def test_a_trouble_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"trouble|Kind"):
        Trouble.parse(text)


class Struck:
    """Writes down what a mischief does."""

    def __init__(self) -> None:
        self.deeds: list[tuple[str, float]] = []

    def kill(self, pid: int, number: int) -> None:
        self.deeds.append((f"kill {pid}", number))

    def wait(self, seconds: float) -> None:
        self.deeds.append(("wait", seconds))


def run_through(trouble: Trouble, run_number: int, first: int = 1) -> Struck:
    """Let a run go by of a task with three checkpoints, of which this one keeps those from ``first`` on."""
    struck = Struck()
    mischief = Mischief(trouble, run_number, kill=struck.kill, wait=struck.wait)
    mischief.at_start()
    for number in range(first, 4):
        mischief.after_checkpoint(number)
    return struck


@pytest.mark.parametrize(("run_number", "first"), [(1, 1), (2, 1), (2, 2)])
def test_a_slot_kills_itself_at_the_second_checkpoint_of_its_task_whichever_run_keeps_it(
    run_number: int, first: int
) -> None:
    trouble = Trouble(Kind.KILL_SLOT)
    assert run_through(trouble, run_number, first).deeds == [(f"kill {os.getpid()}", signal.SIGKILL)]
    assert run_through(trouble, run_number + 1, 3).deeds == [], "once"


def test_a_node_is_called_for_and_awaited_once(tmp_path: Path) -> None:
    trouble = Trouble(Kind.KILL_NODE, tmp_path / "call")
    assert run_through(trouble, 1).deeds == [("wait", HOLD)]
    assert (tmp_path / "call").read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "call"]
    assert run_through(trouble, 2, 3).deeds == []


def test_the_first_two_runs_fail_and_the_third_works() -> None:
    trouble = Trouble(Kind.FAIL_TWICE)
    for run_number in (1, 2):
        with pytest.raises(Recoverable, match=f"run {run_number} fails, as planned"):
            run_through(trouble, run_number)
    assert run_through(trouble, 3).deeds == []


def test_without_trouble_nothing_happens() -> None:
    assert run_through(Trouble(), 1).deeds == []
