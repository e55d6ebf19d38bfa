"""Children are replaced: after so many runs, with too much memory, and when a run left processes behind."""

import pytest

from leasehold.adapters.slots.pool import Recycling
from tests.slots.bench import Held
from tests.slots.conftest import Make


def test_a_child_is_replaced_after_so_many_runs(make: Make) -> None:
    bench = make(recycling=Recycling(runs=3))
    pids = [bench.run("pid").result for _ in range(9)]
    assert [len(set(pids[start : start + 3])) for start in (0, 3, 6)] == [1, 1, 1]
    assert len(set(pids)) == 3


def test_recycling_loses_nothing_that_was_handed_over(make: Make) -> None:
    bench = make(2, recycling=Recycling(runs=20))
    jobs = [bench.job("noop") for _ in range(300)]
    bench.pool.start(jobs)
    assert {bench.end(job.run_id).result for job in jobs} == {"null"}


def test_a_child_that_keeps_too_much_memory_is_replaced(make: Make) -> None:
    bench = make(recycling=Recycling(mebibytes=150))
    first = bench.run("keep", mebibytes=200).result
    assert bench.run("pid").result != first


@pytest.mark.parametrize("name", ["daemonise", "leave_a_program"])
def test_what_a_run_leaves_behind_is_killed_before_the_next_begins(make: Make, held: Held, name: str) -> None:
    bench = make()
    bench.run("noop")
    jobs = [bench.job(name, fifo=held.path), bench.job("pid")]
    bench.pool.start(jobs)
    held.wait_until_held()
    first, second = (bench.end(job.run_id).result for job in jobs)
    assert first != second
    held.wait_until_free()


def test_a_process_that_changed_its_group_is_killed_too(make: Make) -> None:
    bench = make()
    assert bench.run("swap_group").result != bench.run("pid").result
