"""Store calls: in order per run, side by side for several runs, answered on the worker's thread alone."""

from __future__ import annotations

from threading import Event, Thread, current_thread

import pytest

from leasehold.flow.errands import Errands, Threads, at_once
from tests.flow.scripted import Later

BOUND = 60
"""s: a bound for what would hang, never waited for."""


def test_what_is_done_at_once_is_handed_over_when_it_is_collected() -> None:
    got: list[int] = []
    errands = Errands(at_once)
    errands.send("a", lambda: 7, got.append)
    assert (got, errands.load, errands.under_way("a")) == ([], 0, False)
    assert errands.collect() == 1
    assert got == [7]
    assert errands.collect() == 0


def test_those_of_one_run_keep_their_order_and_those_of_others_do_not_wait() -> None:
    later, done = Later(), list[str]()
    errands = Errands(later)
    for name in ("a1", "a2", "b1", "a3"):
        errands.send(name[0], lambda name=name: done.append(name), lambda _: None)
    assert (errands.load, len(later.waiting)) == (4, 2)
    later.do(1)
    assert (errands.load, errands.under_way("b"), errands.under_way("a")) == (3, False, True)
    while later.waiting:
        later.do()
    assert done == ["b1", "a1", "a2", "a3"]
    assert errands.load == 0


def test_whoever_collects_is_woken_when_something_has_come_back_and_no_more_once_all_is_closed() -> None:
    later, wakes = Later(), list[int]()
    errands = Errands(later, lambda: wakes.append(errands.collect()))
    errands.send("a", lambda: None, lambda _: None)
    errands.send("b", lambda: None, lambda _: None)
    later.do()
    assert wakes == [1]
    errands.close()
    later.do()
    assert wakes == [1]


def test_a_defect_is_raised_where_it_is_collected_and_keeps_nobody_waiting() -> None:
    def broken() -> None:
        raise KeyError("a defect")

    errands, got = Errands(at_once), list[int]()
    errands.send("a", broken, lambda _: None)
    errands.send("a", lambda: 7, got.append)
    with pytest.raises(KeyError, match="a defect"):
        errands.collect()
    assert errands.collect() == 1
    assert got == [7]


# ------------------------------------------------------------ threads


def test_threads_work_side_by_side_as_many_as_allowed() -> None:
    threads, let_go, served = Threads(2), Event(), list[str]()
    began, ended = [Event() for _ in range(3)], [Event() for _ in range(3)]

    def work(number: int) -> None:
        began[number].set()
        let_go.wait(BOUND)
        served.append(current_thread().name)
        ended[number].set()

    for number in range(3):
        threads(lambda number=number: work(number))
    assert began[0].wait(BOUND)
    assert began[1].wait(BOUND)
    let_go.set()
    assert all(event.wait(BOUND) for event in ended)
    assert set(served) == {"leasehold-store-1", "leasehold-store-2"}
    threads.close()


def test_closed_threads_end_once_they_have_done_what_they_were_given() -> None:
    threads, let_go, found = Threads(1), Event(), list[Thread]()
    threads(lambda: (let_go.wait(BOUND), None)[1])
    threads(lambda: found.append(current_thread()))
    threads.close()
    let_go.set()
    threads.join(BOUND)
    assert [thread.is_alive() for thread in found] == [False]
    assert [thread.daemon for thread in found] == [True]


def test_what_they_bring_back_is_handed_over_on_the_thread_that_collects() -> None:
    threads, back = Threads(2), Event()
    errands, seen = Errands(threads, back.set), list[tuple[str, str]]()
    here = current_thread().name
    errands.send("a", lambda: current_thread().name, lambda name: seen.append((name, current_thread().name)))
    assert back.wait(BOUND)
    errands.collect()
    assert seen == [("leasehold-store-1", here)]
    threads.close()
