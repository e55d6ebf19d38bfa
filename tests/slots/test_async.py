"""Async handlers: side by side in one process, each charged for its own."""

import os
from pathlib import Path
from threading import Thread

import pytest

from leasehold.adapters.slots import slot
from leasehold.adapters.slots.boot import boot
from leasehold.core.model import FailureKind
from leasehold.ports.slots import NEIGHBOUR, SIBLING, Began
from tests.slots.bench import LONG, SHORT, Held
from tests.slots.conftest import Make


def test_async_runs_share_a_slot_up_to_their_concurrency(make: Make) -> None:
    bench = make()
    assert bench.pool.knows("meet")
    assert bench.pool.free() == 1
    first = bench.start("meet", size=4, number=1)
    assert bench.pool.free() == 3
    others = [bench.start("meet", size=4, number=number) for number in (2, 3, 4)]
    assert bench.pool.free() == 0
    assert [bench.end(run_id).result for run_id in (first, *others)] == ["1", "2", "3", "4"]
    assert bench.pool.free() == 1


def test_async_runs_are_spread_over_slots(make: Make) -> None:
    bench = make(2)
    bench.pool.knows("meet")
    runs = [bench.start("meet", size=2, number=number) for number in range(4)]
    assert sorted(bench.end(run_id).result for run_id in runs) == ["0", "1", "2", "3"]


def test_what_async_runs_print_is_told_apart(make: Make) -> None:
    bench = make()
    runs = [bench.start("meet", size=3, number=number) for number in range(3)]
    assert [bench.end(run_id).log for run_id in runs] == [
        f"number {number}\nnumber {number} met\n".encode() for number in range(3)
    ]


def test_an_async_run_fails_alone(make: Make) -> None:
    bench = make()
    good = bench.start("meet", size=2, number=1)
    bad = bench.start("fail_async", message="no good")
    assert bench.end(bad).failure.frame == "handlers.py:fail_async"
    assert bench.ends(good) == []
    bench.start("meet", size=2, number=2)
    assert bench.end(good).result == "1"


def test_async_runs_save_and_load(make: Make) -> None:
    bench = make()
    runs = [bench.start("count_async", task=f"task {number}") for number in range(4)]
    assert [bench.end(run_id).result for run_id in runs] == ["1"] * 4


def test_at_its_deadline_a_coroutine_is_cancelled_and_the_process_lives(make: Make, held: Held) -> None:
    bench = make()
    neighbour = bench.start("meet", size=2, number=1)
    late = bench.start("hang_async", lease=SHORT, fifo=held.path)
    held.wait_until_held()
    assert bench.end(late).failure.kind is FailureKind.LEASE
    bench.start("meet", size=2, number=2)
    assert bench.end(neighbour).result == "1"


def test_a_coroutine_that_will_not_be_cancelled_is_charged_and_its_neighbours_are_not(make: Make, held: Held) -> None:
    bench = make()
    neighbour = bench.start("meet", size=2, number=1)
    late = bench.start("hang_stubbornly", lease=SHORT, fifo=held.path)
    held.wait_until_held()
    assert bench.end(late).failure.kind is FailureKind.LEASE
    end = bench.end(neighbour)
    assert (end.cause, end.begun) == (SIBLING, True)


def test_a_coroutine_that_tidies_up_is_not_cancelled_again_whatever_else_the_worker_says(
    make: Make, held: Held, tmp_path: Path
) -> None:
    word = tmp_path / "word"
    os.mkfifo(word)
    bench = make(grace=20_000)
    run_id = bench.start("tidy_up_async", fifo=held.path, note=str(tmp_path / "note"), word=str(word))
    held.wait_until_held()
    bench.pool.stop([run_id], "cancelled")
    held.wait_until_held()
    assert bench.run("add_async", a=1).result == "1"  # news for the process that both run in
    Thread(target=word.write_text, args=("tidied",), daemon=True).start()
    assert bench.end(run_id).cause == "cancelled"
    assert (tmp_path / "note").read_text() == "tidied"


def test_who_had_time_left_when_the_guard_killed_is_not_charged_however_late_the_worker_hears_of_it(
    make: Make, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make()
    neighbour = bench.start("meet", size=2, number=1)
    late = bench.start("hang_async", lease=SHORT, fifo=held.path)
    held.wait_until_held()
    held.wait_until_free()  # nobody turns meanwhile: this worker is stopped
    monkeypatch.setattr(slot, "boot", lambda: boot() + 2 * LONG)
    assert bench.end(late).failure.kind is FailureKind.LEASE
    end = bench.end(neighbour)
    assert (end.cause, end.begun) == (SIBLING, True)


def test_an_unexplained_death_charges_nobody(make: Make, held: Held) -> None:
    bench = make()
    neighbour = bench.start("hang_async", fifo=held.path)
    held.wait_until_held()
    killer = bench.start("die_async")
    assert [bench.end(run_id).cause for run_id in (neighbour, killer)] == [NEIGHBOUR, NEIGHBOUR]


def test_a_run_that_was_alone_is_charged_for_its_death(make: Make) -> None:
    bench = make()
    assert bench.run("die_async").failure.type == "SIGKILL"


def test_an_async_run_that_is_told_to_stop_leaves_its_neighbours_alone(make: Make, held: Held) -> None:
    bench = make()
    neighbour = bench.start("meet", size=2, number=1)
    run_id = bench.start("hang_async", fifo=held.path)
    held.wait_until_held()
    bench.pool.stop([run_id], "cancelled")
    assert bench.end(run_id).cause == "cancelled"
    bench.start("meet", size=2, number=2)
    assert bench.end(neighbour).result == "1"


def test_a_plain_run_waits_for_async_ones_and_nobody_overtakes_it(make: Make, held: Held) -> None:
    bench = make()
    first = bench.start("hang_async", fifo=held.path)
    held.wait_until_held()
    plain = bench.start("noop")
    behind = bench.start("meet", size=1, number=1)
    assert bench.pool.free() == 0
    bench.pool.stop([first], "drain")
    bench.end(plain)
    bench.end(behind)
    order = [event.run_id for event in bench.seen if isinstance(event, Began)]
    assert order == [first, plain, behind]
