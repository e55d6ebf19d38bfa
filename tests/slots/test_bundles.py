"""A bundle has one slot: its members run there one after the other, each with an end of its own."""

from __future__ import annotations

import json

from leasehold.adapters.slots.slot import STUCK
from leasehold.core.model import FailureKind
from leasehold.ports.slots import Began, Job, SlotEvent
from tests.slots.bench import SHORT, Bench, Held, Value
from tests.slots.conftest import Make


def hand_over(bench: Bench, *jobs: Job) -> list[str]:
    """Their runs, in one bundle."""
    bench.pool.start([job._replace(bundle="bundle") for job in jobs])
    return [job.run_id for job in jobs]


def told(bench: Bench, runs: list[str]) -> list[tuple[str, int]]:
    """What was heard of these runs, in order."""
    heard: list[SlotEvent] = [event for event in bench.seen if event.run_id in runs]
    return [(type(event).__name__, runs.index(event.run_id)) for event in heard]


def results(bench: Bench, runs: list[str]) -> list[Value]:
    return [json.loads(bench.end(run).result) for run in runs]


def test_members_run_one_after_the_other_in_one_slot_though_others_are_free(make: Make) -> None:
    bench = make(3)
    while bench.pool.free() < 3:  # a child that takes long to load is not counted before it has
        bench.turn()
    runs = hand_over(bench, *(bench.job("pid") for _ in range(20)))
    assert bench.pool.free() == 2
    assert len(set(results(bench, runs))) == 1
    each = [[("Began", number), ("Returned", number)] for number in range(20)]
    assert told(bench, runs) == [event for pair in each for event in pair]


def test_members_wait_for_one_that_takes_its_time(make: Make, held: Held) -> None:
    bench = make(2)
    runs = hand_over(bench, bench.job("sometimes_hang", fifo=held.path), bench.job("sometimes_hang", fifo=""))
    bench.began(runs[0])
    held.wait_until_held()
    other = [bench.run("pid").run_id for _ in range(4)]
    bench.turn(3 * STUCK)
    assert bench.pool.free() == 1
    assert other
    assert told(bench, runs) == [("Began", 0)]


def test_another_bundle_takes_another_slot(make: Make, held: Held) -> None:
    bench = make(2)
    stuck = hand_over(bench, bench.job("sometimes_hang", fifo=held.path), bench.job("sometimes_hang", fifo=""))
    other = [bench.job("pid")._replace(bundle="another") for _ in range(3)]
    bench.pool.start(other)
    assert len(set(results(bench, [job.run_id for job in other]))) == 1
    assert bench.ends(stuck[1]) == []


def test_where_one_takes_its_process_along_a_new_one_goes_on_with_the_others(make: Make) -> None:
    bench = make(1)
    runs = hand_over(bench, *(bench.job("sometimes_die", number=number) for number in (0, 9, 0, 0)))
    assert bench.end(runs[1]).failure.kind is FailureKind.SIGNAL
    assert results(bench, [runs[0], *runs[2:]]) == [None] * 3
    assert [number for kind, number in told(bench, runs) if kind == "Raised"] == [1]


def test_one_that_overruns_their_lease_is_charged_and_the_others_never_begin(make: Make, held: Held) -> None:
    bench = make(1)
    bench.pool.knows("sometimes_hang")  # waits until the application is loaded: no lease counts before
    jobs = [bench.job("sometimes_hang", lease=SHORT, fifo=fifo) for fifo in (held.path, "", "")]
    runs = hand_over(bench, *jobs)
    assert bench.end(runs[0]).failure.kind is FailureKind.LEASE
    ends = [bench.end(run) for run in runs[1:]]
    assert [end.begun for end in ends] == [False, False]
    assert not [event for event in bench.seen if isinstance(event, Began) and event.run_id in runs[1:]]


def test_members_that_may_not_begin_any_more_do_not(make: Make) -> None:
    bench = make(1)
    bench.pool.knows("pid")
    runs = hand_over(bench, bench.job("pid"), bench.job("pid", start_by=-1), bench.job("pid"))
    assert not bench.end(runs[1]).begun
    assert len(set(results(bench, [runs[0], runs[2]]))) == 1


def test_waiting_members_can_be_stopped_while_one_runs(make: Make, held: Held) -> None:
    bench = make(2)
    runs = hand_over(bench, *(bench.job("sometimes_hang", fifo=fifo) for fifo in (held.path, "", "", "")))
    held.wait_until_held()
    bench.pool.stop(runs[1:3], "drain")
    assert [(bench.end(run).cause, bench.end(run).begun) for run in runs[1:3]] == [("drain", False)] * 2
    assert bench.ends(runs[0]) == []


def test_a_bundle_that_is_taken_back_too_late_goes_on_with_the_member_that_has_begun(make: Make, held: Held) -> None:
    """Nobody has listened to the child since it began."""
    bench = make(2)
    runs = hand_over(bench, *(bench.job("sometimes_hang", fifo=fifo) for fifo in (held.path, "", "")))
    held.wait_until_held()
    bench.pool.take_back(runs, "too late")
    assert [(bench.end(run).cause, bench.end(run).begun) for run in runs[1:]] == [("too late", False)] * 2
    assert bench.began(runs[0])
    assert bench.ends(runs[0]) == []


def test_a_member_that_is_stopped_leaves_its_place_to_the_others(make: Make, held: Held) -> None:
    bench = make(1)
    runs = hand_over(bench, *(bench.job("sometimes_hang", fifo=fifo) for fifo in (held.path, "", "")))
    held.wait_until_held()
    bench.pool.stop(runs[:1], "cancelled")
    assert bench.end(runs[0]).begun
    assert results(bench, runs[1:]) == [None, None]


def test_async_members_run_as_many_at_once_as_their_handler_allows(make: Make) -> None:
    bench = make(1)
    runs = hand_over(bench, *(bench.job("add_async", a=number) for number in range(5)))
    assert results(bench, runs) == list(range(5))
