from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from leasehold.core.errors import Interrupted, Recoverable, Unrecoverable
from leasehold.demo.job import State, Transcript, write_down
from leasehold.demo.trouble import Kind, Trouble
from tests.demo.fakes import CountingListener, FakeRun, KilledError, unpaced
from tests.demo.sounds import hush, tone, write_wav

WHOLE = Transcript(text="w7 w7 w5", seconds=1.9, starts=[0.0])


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    part = tone(0.5) + hush(0.2)
    return write_wav(tmp_path / "three.wav", part + part + tone(0.5))


def go(run: FakeRun, path: Path, trouble: Trouble = Trouble()) -> Transcript:  # noqa: B008 - it never changes
    return write_down(run, path, CountingListener(), unpaced(), trouble)


def test_a_run_that_nothing_disturbs_saves_every_segment(recording: Path) -> None:
    run = FakeRun()
    assert go(run, recording) == WHOLE
    assert run.told == [(0.0, 1.9), (0.7, 1.9), (1.4, 1.9), (1.9, 1.9)]


@pytest.mark.parametrize(("saves", "second"), [(1, 0.0), (2, 0.7), (3, 1.4), (4, 1.9)])
def test_a_run_cut_off_anywhere_is_taken_up_at_its_last_checkpoint(recording: Path, saves: int, second: float) -> None:
    lost = FakeRun(dies_at_save=saves)
    with pytest.raises(KilledError):
        go(lost, recording)
    again = FakeRun(kept=lost.kept)
    assert go(again, recording) == Transcript(text=WHOLE["text"], seconds=1.9, starts=[0.0, second])
    assert again.told[0] == (second, 1.9)


def test_a_run_says_where_it_goes_on(recording: Path) -> None:
    lost = FakeRun(dies_at_save=2)
    with pytest.raises(KilledError):
        go(lost, recording)
    assert lost.notes == [None, None]
    again = FakeRun(kept=lost.kept)
    go(again, recording)
    assert again.notes == ["from second 0.7 of 1.9"] * 3


def test_a_run_that_is_to_end_early_ends_behind_its_checkpoint(recording: Path) -> None:
    run = FakeRun(ends_at_save=3)
    with pytest.raises(Interrupted):
        go(run, recording)
    assert go(FakeRun(kept=run.kept), recording)["starts"] == [0.0, 1.4]


def test_a_run_that_is_done_is_not_given_up(recording: Path) -> None:
    assert go(FakeRun(ends_at_save=4), recording) == WHOLE


def test_every_run_that_began_is_remembered(recording: Path) -> None:
    kept: list[str] = []
    for saves in (2, 4):
        with pytest.raises(KilledError):
            go(FakeRun(kept=kept, dies_at_save=saves), recording)
    assert go(FakeRun(kept=kept), recording)["starts"] == [0.0, 0.7, 1.4]


def test_a_damaged_recording_fails_for_good_with_the_reason(tmp_path: Path, recording: Path) -> None:
    run = FakeRun()
    os.truncate(recording, 30_000)
    with pytest.raises(Unrecoverable, match=r"three\.wav is not readable audio: .*ends after 0\.9 s; copy it again"):
        go(run, recording)
    assert run.kept == []


def test_a_missing_recording_may_still_appear(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        go(FakeRun(), tmp_path / "not-yet.wav")


def test_a_task_that_fails_twice_works_in_its_third_run(recording: Path) -> None:
    kept: list[str] = []
    for _ in range(2):
        with pytest.raises(Recoverable):
            go(FakeRun(kept=kept), recording, Trouble(Kind.FAIL_TWICE))
    assert go(FakeRun(kept=kept), recording, Trouble(Kind.FAIL_TWICE))["starts"] == [0.0, 0.0, 0.0]


class FileRun(FakeRun):
    """Keeps its checkpoints in a file too, so that they survive the process."""

    def __init__(self, file: Path) -> None:
        super().__init__(kept=file.read_text().splitlines() if file.exists() else [])
        self.file = file

    def save(self, state: State, *, done: float, total: float, note: str | None = None) -> None:
        super().save(state, done=done, total=total, note=note)
        self.file.write_text("\n".join(self.kept))


def in_a_process(file: Path, path: Path, trouble: str) -> int | None:
    """Run the job in a process of its own; return its exit code."""
    child = multiprocessing.get_context("spawn").Process(target=run_in_file, args=(file, path, trouble))
    child.start()
    child.join(60)
    return child.exitcode


def run_in_file(file: Path, path: Path, trouble: str) -> None:
    go(FileRun(file), path, Trouble.parse(trouble))


def test_a_slot_really_dies_by_sigkill_and_the_next_run_goes_on_behind_its_checkpoint(
    tmp_path: Path, recording: Path
) -> None:
    file = tmp_path / "checkpoints"
    assert in_a_process(file, recording, "kill-slot") == -signal.SIGKILL
    assert go(FileRun(file), recording, Trouble(Kind.KILL_SLOT))["starts"] == [0.0, 1.4]


def test_a_run_that_was_lost_before_its_trouble_leaves_it_to_the_next(tmp_path: Path, recording: Path) -> None:
    file = tmp_path / "checkpoints"
    lost = FakeRun(dies_at_save=2)
    with pytest.raises(KilledError):
        go(lost, recording, Trouble(Kind.KILL_SLOT))
    file.write_text("\n".join(lost.kept))
    assert in_a_process(file, recording, "kill-slot") == -signal.SIGKILL
    assert go(FileRun(file), recording, Trouble(Kind.KILL_SLOT))["starts"] == [0.0, 0.7, 1.4]
