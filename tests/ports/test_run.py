"""``current()`` in a plain call: everything works, in memory."""

import math
import threading
from contextvars import copy_context

import pytest

from leasehold.core.errors import Interrupted, UsageError
from leasehold.ports.run import InMemory, Run, begin, current, end, fraction, known, running


def test_a_plain_call_has_a_run_in_memory() -> None:
    run = current()
    assert run.load("nothing") == "nothing"
    run.save({"second": 3.5}, done=1, total=2, note="half")
    assert run.load(None) == {"second": 3.5}
    run.progress(3, 4)
    run.check()
    assert (run.interrupted, run.remaining, run.token) == (None, math.inf, 1 << 20 | 1)


def test_plain_calls_know_nothing_of_each_other() -> None:
    current().save(1)
    assert current().load(0) == 0


def test_a_test_can_give_a_handler_its_run() -> None:
    link = InMemory(state='{"second": 2}')
    with running(Run("t", 2, 3, link)) as run:
        assert current() is run
        assert current().load({}) == {"second": 2}
        current().save({"second": 4}, done=4, total=8, note="on")
    assert (link.state, link.fraction, link.note) == ('{"second": 4}', 0.5, "on")
    assert known() is None


def test_an_interruption_is_seen_and_raised() -> None:
    link = InMemory()
    with running(Run("t", 1, 1, link)) as run:
        run.check()
        link.reason = "drain"
        assert run.interrupted == "drain"
        with pytest.raises(Interrupted, match="drain"):
            run.check()


@pytest.mark.parametrize("state", [object(), float("nan"), {1, 2}])
def test_a_state_must_be_json(state: object) -> None:
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        current().save(state)


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [
        (1, 4, 0.25),
        (5, 4, 1.0),
        (-1, 4, 0.0),
        (1, None, None),
        (None, 4, None),
        (1, 0, None),
        (1, -4, None),
        (0, 4, 0.0),
    ],
)
def test_a_fraction_is_between_nothing_and_all(done: float | None, total: float | None, expected: float | None) -> None:
    assert fraction(done, total) == expected


def in_thread() -> Run | None:
    found: list[Run | None] = []
    thread = threading.Thread(target=lambda: found.append(known()))
    thread.start()
    thread.join()
    return found[0]


def test_threads_find_the_run_of_a_process_that_runs_one_at_a_time() -> None:
    run = Run("t", 1, 1, InMemory())
    with running(run, alone=True):
        assert in_thread() is run
    assert in_thread() is None


def test_a_process_that_runs_one_after_the_other_says_which() -> None:
    def runs() -> None:
        for name in ("first", "second"):
            begin(Run(name, 1, 1, InMemory()))
            assert current().task_id == name
            found = in_thread()
            assert found is not None
            assert found.task_id == name
            end()
            assert in_thread() is None

    copy_context().run(runs)
