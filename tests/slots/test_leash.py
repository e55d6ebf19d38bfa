"""R3: at its deadline a run is stopped from outside, with everything that it started."""

import os
import signal
from pathlib import Path

import pytest

from leasehold.core.model import FailureKind
from leasehold.ports.slots import Returned
from tests.slots.bench import Bench, Held
from tests.slots.conftest import Make

SHORT = 1_500
"""ms of a lease that is meant to run out, but not before its run has begun: long enough for a busy machine."""


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


def test_a_run_that_tidies_up_is_not_asked_again(make: Make, held: Held, tmp_path: Path) -> None:
    """Worker and guard both see the end of a lease."""
    word = tmp_path / "word"
    os.mkfifo(word)
    bench = make(grace=20_000)
    run_id = bench.start("tidy_up_as_told", lease=SHORT, fifo=held.path, note=str(tmp_path / "note"), word=str(word))
    held.wait_until_held()
    held.wait_until_held()  # asked by the guard: nobody has turned
    for _ in range(20):
        bench.turn(wait=10)  # the worker asks
        bench.pool.stop([run_id], "drain")
    word.write_text("tidied")
    assert bench.end(run_id).failure.kind is FailureKind.LEASE
    assert (tmp_path / "note").read_text() == "tidied"


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
    bench.turn(2 * SHORT)
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
