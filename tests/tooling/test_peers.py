"""The comparison with other systems: pinned, with settings that can be looked up, and counted."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench._comparison import tables
from bench._contest import Failed, check_stamps
from bench._lineup import PEERS, Contestant, lineup

PIN = re.compile(r"[a-z0-9.-]+==[0-9][\w.]*( ; .+)?")
EVERYONE = list(lineup())
PINNED = [folder for folder in sorted(PEERS.iterdir()) if (folder / "requirements.txt").exists()]


@pytest.mark.parametrize("folder", PINNED, ids=lambda folder: folder.name)
def test_every_package_of_a_peer_has_a_version_and_no_address(folder: Path) -> None:
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert lines
    assert [line for line in lines if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize("contestant", EVERYONE, ids=lambda contestant: contestant.name)
def test_everyone_says_its_settings_and_where_they_are_documented(contestant: Contestant) -> None:
    assert contestant.settings
    assert contestant.docs
    assert (contestant.folder / "peer.py").exists()
    assert contestant.is_leasehold or contestant.versions()


def test_a_round_in_which_a_task_ran_twice_or_never_counts_as_failed(tmp_path: Path) -> None:
    stamps = tmp_path / "stamps"
    stamps.write_text("0 1.5\n1 2.5\n")
    assert check_stamps(stamps, 2) == {0: 1.5, 1: 2.5}
    for lines in ("0 1.5\n", "0 1.5\n0 2.5\n", "0 1.5\n1 2.5\n1 3.5\n"):
        stamps.write_text(lines)
        with pytest.raises(Failed):
            check_stamps(stamps, 2)


def test_the_table_shows_the_median_round_between_the_lowest_and_the_highest_and_who_failed() -> None:
    def row(rate: float) -> dict[str, object]:
        run = {"rate": rate, "submit rate": 9.0, "tasks": 10, "cpu client": 0.1, "cpu workers": 0.2, "cpu sqs": 0.5}
        return {"name": "one", "lacks": ["audit"], "noop": run, "memory": {"workers": 7.0}}

    shown = tables([row(300), row(100), row(200), {"name": "other", "lacks": [], "failed": "9 of 10 tasks are done"}])
    assert "| one | audit | 200 (100 to 300) | 9 | 0.300 (0.300 to 0.300) | 0.100 | 0.200 |" in shown
    assert "| other |  | failed |" in shown


def test_a_driver_tells_what_went_wrong(tmp_path: Path) -> None:
    """The half of the protocol that runs in the peers' environments needs nothing but the standard library."""
    program = tmp_path / "peer.py"
    program.write_text(
        "from _driver import Peer, serve\n"
        "class Broken(Peer):\n"
        "    def prepare(self): raise OSError('no queue')\n"
        "    def start(self): pass\n"
        "    def submit(self, kind, tasks): pass\n"
        "    def done(self): return 0\n"
        "serve(Broken())\n"
    )
    environment = {"PYTHONPATH": str(PEERS), "BENCH_PLACE": "here", "BENCH_FOLDER": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-S", program],
        env=environment,
        input='{"order": "start"}\n',
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no queue" in json.loads(said.stdout)["error"]
