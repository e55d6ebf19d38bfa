"""A loop that hangs ends its process, and says where it hung; one that only takes its time does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from random import Random
from threading import Event

import pytest

from leasehold.flow.service import Loop, Service, Stop
from leasehold.flow.watchdog import HUNG, LIMIT, LOOK, Beat, Watchdog
from leasehold.testing.clock import ManualClock

BOUND = 60
"""s: a bound for what would hang, never waited for."""


class Kennel:
    """A watchdog on a manual clock, and what it would have ended the process with."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.clock = ManualClock()
        self.ended: list[tuple[str, int]] = []
        self.watchdog = Watchdog(self.clock, limit=limit, die=lambda message, code: self.ended.append((message, code)))
        self.beat = Beat("recorder")
        self.watchdog.watch([self.beat])

    def looks(self, ms: int) -> None:
        """Time passes, and it looks as often as it should."""
        for _ in range(ms // LOOK):
            self.clock.advance(LOOK)
            self.watchdog.look()


@pytest.fixture
def kennel() -> Kennel:
    return Kennel()


def test_a_step_that_lasts_too_long_ends_the_process(kennel: Kennel) -> None:
    kennel.beat.go_on()
    kennel.looks(LOOK)  # sees that it has begun
    kennel.looks(LIMIT - LOOK)
    assert kennel.ended == []
    kennel.looks(LOOK)
    ((message, code),) = kennel.ended
    assert message.startswith("recorder has hung for 5 min in one step. This process ends")
    assert code == HUNG


def test_one_that_takes_its_time_does_not(kennel: Kennel) -> None:
    for _ in range(5):
        kennel.beat.go_on()
        kennel.looks(LIMIT - LOOK)
    assert kennel.ended == []


def test_each_loop_is_looked_at(kennel: Kennel) -> None:
    other = Beat("sweeper")
    kennel.watchdog.watch([other])
    for _ in range(LIMIT // LOOK + 1):
        other.go_on()
        kennel.looks(LOOK)
    assert [message.split()[0] for message, _ in kennel.ended] == ["recorder"] * len(kennel.ended)
    assert kennel.ended


def test_one_that_has_ended_does_not_hang(kennel: Kennel) -> None:
    kennel.beat.end()
    kennel.looks(2 * LIMIT)
    assert kennel.ended == []


def test_a_machine_that_slept_for_hours_hangs_nowhere(kennel: Kennel) -> None:
    kennel.beat.go_on()
    for _ in range(3):
        kennel.looks(LOOK)
        kennel.clock.advance(10 * LIMIT)
        kennel.watchdog.look()
    assert kennel.ended == []


def hang_here(hanging: Event, let_go: Event) -> int:
    hanging.set()
    let_go.wait(BOUND)
    return 0


@pytest.fixture
def let_go() -> Iterator[Event]:
    let_go = Event()
    yield let_go
    let_go.set()


def test_it_says_where_the_loop_hangs(kennel: Kennel, let_go: Event) -> None:
    hanging, stop = Event(), Stop()
    service = Service(
        [Loop("dispatcher", lambda: hang_here(hanging, let_go), lambda: None)], stop, Random(0), kennel.watchdog
    )
    service.start()
    assert hanging.wait(BOUND)
    kennel.looks(LIMIT + LOOK)
    message = next(message for message, _ in kennel.ended if message.startswith("dispatcher"))
    assert "in hang_here\n    let_go.wait(BOUND)" in message
    stop.ask("enough")
    let_go.set()
    service.join()


@pytest.mark.parametrize("place", ["rest", "step"])
def test_a_service_shows_every_sign_of_life(kennel: Kennel, place: str, let_go: Event) -> None:
    """A rest may hang as well as a step; both began after something else was done."""
    hanging, stop, turns = Event(), Stop(), list[int]()

    def once_in_a_while() -> int:
        turns.append(1)
        return hang_here(hanging, let_go) if len(turns) == 3 else 0

    loop = Loop("w", once_in_a_while, lambda: None) if place == "step" else Loop("w", lambda: 0, once_in_a_while)
    service = Service([loop], stop, Random(0), kennel.watchdog)
    service.start()
    assert hanging.wait(BOUND)
    kennel.looks(LIMIT + LOOK)
    assert [message for message, _ in kennel.ended if message.startswith("w has hung")]
    stop.ask("enough")
    let_go.set()
    service.join()


def test_a_loop_that_ended_by_a_defect_is_not_taken_for_one_that_hangs(kennel: Kennel) -> None:
    def broken() -> int:
        raise KeyError("a defect")

    kennel.beat.end()
    service = Service([Loop("sweeper", broken, lambda: None)], Stop(), Random(0), kennel.watchdog)
    service.start()
    with pytest.raises(KeyError, match="a defect"):
        service.join()
    kennel.looks(2 * LIMIT)
    assert kennel.ended == []


def test_a_real_process_ends_with_its_message_though_a_thread_hangs() -> None:
    code = f"""
import logging, sys
from random import Random
from threading import Event, Thread
from leasehold.flow.service import Loop, Service, Stop
from leasehold.flow.watchdog import LOOK, Watchdog
from leasehold.testing.clock import ManualClock
logging.basicConfig()
clock, hanging = ManualClock(), Event()
def hang():
    hanging.set()
    return Event().wait()
watchdog = Watchdog(clock)
Service([Loop("recorder", hang, lambda: None)], Stop(), Random(0), watchdog).start()
hanging.wait({BOUND})
while True:
    clock.advance(LOOK)
    watchdog.look()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=BOUND, check=False
    )
    assert ended.returncode == HUNG
    assert "CRITICAL:leasehold.watchdog:recorder has hung for 5 min in one step." in ended.stderr
    assert "return Event().wait()" in ended.stderr or "in hang" in ended.stderr


def test_not_even_a_log_that_hangs_keeps_it() -> None:
    code = """
import logging
from threading import Event
from leasehold.flow import watchdog
watchdog.LAST_WORDS = 0.1
class Stuck(logging.Handler):
    def emit(self, record):
        Event().wait()
logging.getLogger().addHandler(Stuck())
watchdog.end_process("it hangs", watchdog.HUNG)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, timeout=BOUND, check=False)
    assert ended.returncode == HUNG
