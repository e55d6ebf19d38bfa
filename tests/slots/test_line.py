"""The line before the slots: short runs go over several at a time, and nobody is stuck behind a slow one."""

from leasehold.adapters.slots.tempo import MOST, Tempo
from leasehold.ports.slots import SIBLING, Began, Returned
from tests.slots.bench import SHORT, Held
from tests.slots.conftest import Make


def test_free_counts_the_slots_that_could_begin_a_run(make: Make, held: Held) -> None:
    bench = make(2)
    while bench.pool.free() < 2:  # a child that takes long to load is not counted before it has
        bench.turn()
    bench.start("hang", fifo=held.path)
    assert bench.pool.free() == 1
    bench.start("hang", fifo=held.path)
    bench.start("hang", fifo=held.path)
    assert bench.pool.free() == 0


def test_short_runs_all_end_in_order(make: Make) -> None:
    bench = make()
    bench.knows_as_short("add", a=0)
    jobs = [bench.job("add", a=number) for number in range(200)]
    bench.pool.start(jobs)
    for job in jobs:
        bench.end(job.run_id)
    ended = [event.run_id for event in bench.seen if isinstance(event, Returned)][-200:]
    assert ended == [job.run_id for job in jobs]
    began = [event.run_id for event in bench.seen if isinstance(event, Began)]
    assert len(began) == len(set(began))


def test_a_run_that_turns_out_slow_holds_up_none_behind_it(make: Make, held: Held) -> None:
    bench = make(2)
    bench.knows_as_short("sometimes_hang", fifo="")
    jobs = [bench.job("sometimes_hang", fifo=held.path), *(bench.job("sometimes_hang", fifo="") for _ in range(50))]
    bench.pool.start(jobs)
    for job in jobs[1:]:
        assert bench.end(job.run_id).result == "null"
    assert bench.ends(jobs[0].run_id) == []


def test_runs_that_wait_in_a_child_can_be_stopped_at_once(make: Make, held: Held) -> None:
    bench = make()
    bench.knows_as_short("sometimes_hang", fifo="")
    jobs = [bench.job("sometimes_hang", fifo=held.path), *(bench.job("sometimes_hang", fifo="") for _ in range(5))]
    bench.pool.start(jobs)
    held.wait_until_held()
    bench.pool.stop([job.run_id for job in jobs[1:]], "drain")
    ends = [bench.end(job.run_id) for job in jobs[1:]]
    assert {(end.cause, end.begun) for end in ends} == {("drain", False)}
    assert bench.ends(jobs[0].run_id) == []


def test_runs_that_wait_in_a_child_or_in_line_can_be_taken_back_while_what_has_begun_goes_on(
    make: Make, held: Held
) -> None:
    """Also where the word that it began is still on its way: nobody has listened to the child since."""
    bench = make()
    bench.knows_as_short("sometimes_hang", fifo="")
    jobs = [bench.job("sometimes_hang", fifo=held.path), *(bench.job("sometimes_hang", fifo="") for _ in range(5))]
    jobs += [bench.job("hang", fifo=held.path)]
    bench.pool.start(jobs)
    held.wait_until_held()
    bench.pool.take_back([job.run_id for job in jobs], "too late")
    ends = [bench.end(job.run_id) for job in jobs[1:]]
    assert {(end.cause, end.begun) for end in ends} == {("too late", False)}
    assert bench.began(jobs[0].run_id)
    assert bench.ends(jobs[0].run_id) == []
    bench.pool.stop([jobs[0].run_id], "drain")
    assert (bench.end(jobs[0].run_id).cause, bench.end(jobs[0].run_id).begun) == ("drain", True)


def test_who_is_stopped_for_the_lease_of_one_that_waits_behind_it_is_not_charged(make: Make, held: Held) -> None:
    """The guard knows one deadline for all that its child has in hand, and nobody tells it more meanwhile."""
    bench = make()
    bench.knows_as_short("sometimes_hang", fifo="")
    first = bench.job("sometimes_hang", fifo=held.path)
    bench.pool.start([first, bench.job("sometimes_hang", lease=SHORT, fifo="")])
    held.wait_until_held()
    held.wait_until_free()  # nobody turns meanwhile: this worker is stopped
    end = bench.end(first.run_id)
    assert (end.cause, end.begun) == (SIBLING, True)


def test_waking_ends_a_wait(make: Make) -> None:
    bench = make()
    bench.run("noop")
    bench.pool.wake()
    bench.pool.wake()
    assert bench.pool.events(20_000) == []


def test_only_what_is_measured_short_goes_over_together() -> None:
    tempo = Tempo()
    assert tempo.together("x") == 1
    tempo.learn("x", 10)
    assert tempo.together("x") == MOST
    tempo.learn("x", 1_000)
    assert tempo.together("x") == 4
    tempo.learn("x", 60_000_000)
    assert tempo.together("x") == 1


def test_a_surprise_is_forgotten_slowly() -> None:
    tempo = Tempo()
    tempo.learn("x", 10_000)
    tempo.learn("x", 10)
    assert tempo.together("x") == 1
    for _ in range(100):
        tempo.learn("x", 10)
    assert tempo.together("x") == MOST
