"""R3: at its deadline a run is stopped from outside, with everything that it started."""

import os
import signal
from pathlib import Path
from threading import Thread

import pytest

from leasehold.adapters.slots.boot import KILL_AT
from leasehold.core.model import FailureKind
from leasehold.ports.slots import Answer, Loading, Returned
from tests.slots.bench import GRACE, SHORT, Bench, Held
from tests.slots.conftest import Make


@pytest.mark.parametrize(
    "name",
    [
        "hang",
        "ignore_requests",
        "swallow_requests",
        "hold_the_interpreter",
        "stop_itself",
        "daemonise_and_hang",
        "hang_program",
    ],
)
def test_nothing_outlives_its_lease(make: Make, held: Held, name: str) -> None:
    bench = make()
    run_id = bench.start(name, lease=SHORT, fifo=held.path)
    held.wait_until_held()
    assert bench.end(run_id).failure.kind is FailureKind.LEASE
    held.wait_until_free()
    assert bench.run("add", a=1).result == "3"


def test_the_end_is_reported_only_once_everything_is_dead(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("daemonise_and_hang", fifo=held.path)
    held.wait_until_held()
    bench.pool.stop([run_id], "drain")
    bench.end(run_id)
    os.set_blocking(held._fd or 0, False)
    assert os.read(held._fd or 0, 100) == b""  # at once, no waiting


def test_a_run_is_asked_first_and_can_tidy_up(make: Make, held: Held, tmp_path: Path) -> None:
    bench = make(grace=20_000)
    run_id = bench.start("tidy_up_when_asked", lease=SHORT, fifo=held.path, note=str(tmp_path / "note"))
    held.wait_until_held()
    assert bench.end(run_id).failure.kind is FailureKind.LEASE
    assert (tmp_path / "note").read_text() == "tidied"


def tidying_up(bench: Bench, held: Held, folder: Path) -> tuple[str, Path]:
    """A run that was asked by its guard, since nobody has turned, and the pipe of the word that it waits for."""
    word = folder / "word"
    os.mkfifo(word)
    run_id = bench.start("tidy_up_as_told", lease=SHORT, fifo=held.path, note=str(folder / "note"), word=str(word))
    held.wait_until_held()
    held.wait_until_held()
    return run_id, word


def test_a_run_that_tidies_up_is_not_asked_again(make: Make, held: Held, tmp_path: Path) -> None:
    """Worker and guard both see the end of a lease."""
    bench = make(grace=20_000)
    run_id, word = tidying_up(bench, held, tmp_path)
    for _ in range(20):
        bench.turn(wait=10)  # the worker asks
        bench.pool.stop([run_id], "drain")
    word.write_text("tidied")
    assert bench.end(run_id).failure.kind is FailureKind.LEASE
    assert (tmp_path / "note").read_text() == "tidied"


def test_nor_by_anybody_else(make: Make, held: Held, tmp_path: Path) -> None:
    """A service manager may signal every process at that very moment."""
    bench = make(grace=20_000)
    child = int(bench.run("pid").result)
    run_id, word = tidying_up(bench, held, tmp_path)
    os.kill(child, signal.SIGTERM)
    Thread(target=word.write_text, args=("tidied",), daemon=True).start()
    assert bench.end(run_id).failure.kind is FailureKind.LEASE
    assert (tmp_path / "note").read_text() == "tidied"


def test_a_run_that_is_asked_in_the_middle_of_a_word_can_tidy_up_too(make: Make, held: Held, tmp_path: Path) -> None:
    """It printed more than a stopped worker reads, so that its last word is only half in the pipe."""
    bench = make(grace=20_000)
    run_id = bench.start("print_and_tidy_up", lease=SHORT, fifo=held.path, note=str(tmp_path / "note"))
    held.wait_until_held()
    held.wait_until_held()  # asked by the guard: nobody has turned
    assert bench.end(run_id).failure.kind is FailureKind.LEASE
    assert (tmp_path / "note").read_text() == "tidied"
    assert bench.states == {"task": '"what it has"'}


def test_where_a_run_took_the_request_for_itself_the_next_one_is_asked_all_the_same(
    make: Make, held: Held, tmp_path: Path
) -> None:
    """Its guard asks a process once: so nothing else begins in that process."""
    bench = make(grace=5_000)
    first = bench.start("go_on_when_asked", lease=SHORT, fifo=held.path)
    held.wait_until_held()
    held.wait_until_held()  # asked by the guard: nobody has turned
    assert isinstance(bench.end(first), Returned)
    other = Held(tmp_path, "other")
    second = bench.start("tidy_up_when_asked", fifo=other.path, note=str(tmp_path / "note"))
    bench.began(second)
    other.wait_until_held()
    bench.pool.stop([second], "drain")
    assert bench.end(second).cause == "drain"
    other.close()
    assert (tmp_path / "note").read_text() == "tidied"


@pytest.mark.parametrize("name", ["swallow_requests", "hang_stubbornly"])
def test_a_worker_that_comes_late_to_the_end_of_a_lease_gives_no_second_grace(
    make: Make, held: Held, name: str
) -> None:
    bench = make()
    job = bench.job(name, fifo=held.path)
    bench.pool.start([job])
    held.wait_until_held()
    bench.began(job.run_id)
    slot = bench.pool._slots[0]
    end = job.deadline_boot + GRACE
    assert slot.process.words[KILL_AT] == end
    slot.tick(end - 1)
    assert slot.process.words[KILL_AT] == end


def test_an_answer_that_nobody_waits_for_any_more_is_not_taken_for_that_to_the_next_question(
    make: Make, tmp_path: Path
) -> None:
    """Or a run would be told that it has saved what it has not."""
    bench = make(grace=20_000)
    run_id = bench.start("load_again_when_asked", note=str(tmp_path / "note"))
    first = bench.hear(Loading)
    bench.pool.stop([run_id], "drain")
    second = bench.hear(Loading)
    bench.pool.answer(run_id, Answer(state='"the first"', question=first.question))
    bench.pool.answer(run_id, Answer(state='"the second"', question=second.question))
    assert bench.end(run_id).cause == "drain"
    assert (tmp_path / "note").read_text() == "None the second"


def test_a_run_that_is_told_to_stop_is_not_charged(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("hang", fifo=held.path)
    held.wait_until_held()
    bench.pool.stop([run_id], "drain")
    end = bench.end(run_id)
    assert (end.cause, end.begun) == ("drain", True)


def test_a_run_in_line_is_told_to_stop_and_never_begins(make: Make, held: Held) -> None:
    bench = make()
    first = bench.start("hang", fifo=held.path)
    second = bench.start("noop")
    held.wait_until_held()
    bench.pool.stop([second], "drain")
    end = bench.end(second)
    assert (end.cause, end.begun) == ("drain", False)
    assert bench.ends(first) == []


def test_a_request_to_end_from_elsewhere_is_only_a_hint(make: Make, held: Held) -> None:
    """A service manager signals every process of a worker: the worker then drains, its children must live to see it."""
    bench = make()
    child = int(bench.run("pid").result)
    run_id = bench.start("until_interrupted", fifo=held.path)
    held.wait_until_held()
    os.kill(child, signal.SIGTERM)
    end = bench.end(run_id)
    assert (end.cause, end.begun) == ("terminated", True)
    assert bench.run("pid").result == str(child)


def test_an_idle_child_survives_a_request_to_end_from_elsewhere(make: Make) -> None:
    bench = make()
    child = int(bench.run("pid").result)
    os.kill(child, signal.SIGTERM)
    assert bench.run("pid").result == str(child)


def test_a_job_whose_lease_ends_in_line_never_begins(make: Make, held: Held) -> None:
    bench = make()
    first = bench.start("hang", fifo=held.path)
    held.wait_until_held()
    late = bench.start("noop", lease=1)
    bench.pool.stop([first], "drain")
    assert not bench.end(late).begun


def test_a_job_that_may_not_begin_any_more_does_not(make: Make) -> None:
    bench = make()
    job = bench.job("noop", start_by=-1)
    bench.pool.start([job])
    assert not bench.end(job.run_id).begun


def test_a_run_that_ends_in_time_is_not_touched_by_the_leash_of_the_one_before(make: Make) -> None:
    bench = make()
    bench.run("add", lease=SHORT, a=1)
    child = bench.run("pid").result
    bench.turn(SHORT + 1_000)
    assert bench.run("pid").result == child


def test_closing_kills_everything(make: Make, held: Held) -> None:
    bench = Bench()
    bench.start("daemonise_and_hang", fifo=held.path)
    held.wait_until_held()
    bench.pool.close()
    held.wait_until_free()


def test_a_fork_bomb_is_killed_to_the_last_process(make: Make, held: Held) -> None:
    bench = make()
    run_id = bench.start("fork_bomb", fifo=held.path, forks=200)
    held.wait_until_held()
    bench.pool.stop([run_id], "drain")
    assert bench.end(run_id).cause == "drain"
    held.wait_until_free()


def test_a_success_just_before_the_end_counts(make: Make) -> None:
    bench = make()
    run_id = bench.start("noop")
    while not bench.seen:
        bench.turn()
    bench.pool.stop([run_id], "drain")
    assert isinstance(bench.end(run_id), Returned) or bench.end(run_id).cause == "drain"
    assert len(bench.ends(run_id)) == 1
