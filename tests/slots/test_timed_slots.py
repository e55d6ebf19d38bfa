"""Slots that only let time pass: what a fleet of many nodes is simulated with."""

from __future__ import annotations

from threading import Thread

from leasehold.adapters.clock import SystemClock
from leasehold.ports.slots import Began, Job, Returned, Stopped
from leasehold.testing.clock import ManualClock
from leasehold.testing.timed_slots import TimedSlots

NEVER = 1 << 40


def a_job(number: int, start_by: int = NEVER) -> Job:
    return Job(f"run{number}", f"task{number}", "work", "{}", 1, 1, NEVER, start_by)


def slots_of(clock: ManualClock, size: int = 1, lasting: int = 100) -> TimedSlots:
    return TimedSlots(clock, size, lambda _: lasting, result="7")


def test_a_run_ends_when_its_time_is_over_and_the_next_one_begins_then() -> None:
    clock = ManualClock()
    slots = slots_of(clock)
    slots.start([a_job(1), a_job(2)])
    assert slots.free() == 0
    assert slots.events(0) == [Began("run1", 0)]
    assert slots.next_at == 100
    clock.advance(250)
    assert slots.events(0) == [Returned("run1", 100, "7"), Began("run2", 100), Returned("run2", 200, "7")]
    assert slots.next_at is None
    assert slots.free() == 1


def test_what_could_not_begin_in_time_never_begins() -> None:
    clock = ManualClock()
    slots = slots_of(clock)
    slots.start([a_job(1), a_job(2, start_by=99)])
    clock.advance(100)
    assert slots.events(0)[2:] == [Stopped("run2", 100, "its turn came too late", begun=False)]


def test_what_is_stopped_says_whether_it_had_begun() -> None:
    clock = ManualClock()
    slots = slots_of(clock)
    slots.start([a_job(1), a_job(2), a_job(3)])
    slots.stop(["run1", "run2"], "drain")
    assert slots.events(0) == [
        Began("run1", 0),
        Stopped("run1", 0, "drain", begun=True),
        Stopped("run2", 0, "drain", begun=False),
        Began("run3", 0),
    ]
    assert slots.next_at == 100


def test_on_a_real_clock_it_waits_for_the_end_or_for_a_wake() -> None:
    slots = TimedSlots(SystemClock(), 1, lambda job: 20 if job.run_id == "run1" else 3_600_000)
    slots.start([a_job(1)])
    slots.events(0)
    assert [type(each) for each in slots.events(60_000)] == [Returned]
    slots.start([a_job(2)])
    slots.events(0)
    waiting = Thread(target=slots.events, args=(3_600_000,))
    waiting.start()
    slots.wake()
    waiting.join(60)
    assert not waiting.is_alive()
