"""When a reporter waits, and for how long."""

from __future__ import annotations

from threading import Thread

import pytest

from leasehold.flow.held import Fate
from leasehold.flow.reporter import AGAIN, ENOUGH
from tests.flow.reporter_desk import BACKLOGGED, COMPLETED, DRAINING, LINGER, STARTED, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


class Waits:
    """A condition that writes down how long it was waited for, and wakes at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def notify_all(self) -> None:
        return None

    def wait(self, timeout: float) -> None:
        self.seconds.append(timeout)

    def wait_for(self, _: object, timeout: float) -> None:
        self.seconds.append(timeout)


@pytest.fixture
def waits(desk: Desk) -> list[float]:
    desk.reporter._changed = waits = Waits()  # type: ignore[assignment] # it is asked for nothing else
    return waits.seconds


def test_reports_are_collected_for_a_linger_from_the_first(desk: Desk, waits: list[float]) -> None:
    desk.say(STARTED)
    desk.clock.advance(100_000)
    desk.say(STARTED, number=2)
    desk.reporter.pause(1_000)
    assert waits == [500.0]


def test_when_the_linger_is_over_they_go(desk: Desk, waits: list[float]) -> None:
    desk.say(STARTED)
    desk.clock.advance(LINGER)
    desk.reporter.pause(1_000)
    assert waits == []


def test_and_so_they_do_when_there_are_enough(desk: Desk, waits: list[float]) -> None:
    for number in range(ENOUGH):
        desk.say(DRAINING, number=number)
    desk.reporter.pause(1_000)
    assert waits == []


def test_but_beginnings_are_no_reason_to_hurry(desk: Desk, waits: list[float]) -> None:
    for number in range(ENOUGH):
        desk.say(STARTED, number=number)
    desk.reporter.pause(1_000)
    assert waits == [LINGER / 1_000]


def test_without_reports_it_waits_as_long_as_it_may(desk: Desk, waits: list[float]) -> None:
    desk.reporter.pause(5_000)
    assert waits == [5.0]


def test_an_unconfirmed_delete_is_tried_again_soon_but_not_at_once(desk: Desk, waits: list[float]) -> None:
    desk.queue.deaf = {"delete"}
    desk.add(COMPLETED, Fate.DELETE_AFTER)
    desk.reporter.step()
    desk.reporter.pause(5_000)
    assert waits == [AGAIN / 1_000]


def test_what_was_not_accepted_lingers_again(desk: Desk, waits: list[float]) -> None:
    desk.outbox.refuses = frozenset({STARTED})
    desk.say(STARTED)
    desk.clock.advance(LINGER)
    desk.reporter.step()
    desk.reporter.pause(1_000)
    assert waits == [LINGER / 1_000]


def test_while_more_work_waits_in_line_they_are_collected_for_longer(desk: Desk, waits: list[float]) -> None:
    desk.reporter.expect(more=True)
    desk.say(COMPLETED)
    desk.clock.advance(LINGER)
    desk.reporter.pause(1_000)
    assert waits == [(BACKLOGGED - LINGER) / 1_000]


def test_and_go_at_once_when_no_more_does(desk: Desk, waits: list[float]) -> None:
    desk.reporter.expect(more=True)
    desk.say(COMPLETED)
    desk.reporter.expect(more=False)
    desk.reporter.pause(1_000)
    assert waits == []


def test_who_waits_for_more_hears_at_once_that_none_comes(desk: Desk) -> None:
    """A real condition: its pause would last for a minute of the machine's time, whose clock stands still here."""
    desk.reporter.expect(more=True)
    desk.say(COMPLETED)
    paused = Thread(target=desk.reporter.pause, args=(60_000,), daemon=True)
    paused.start()
    while not desk.reporter._changed._waiters:  # type: ignore[attr-defined] # the only sign that it waits
        pass
    desk.reporter.expect(more=False)
    paused.join(30)
    assert not paused.is_alive()
