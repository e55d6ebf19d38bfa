"""What whoever is on call should see first."""

from __future__ import annotations

import pytest

from leasehold.core.happening import STARTED, Happened
from leasehold.core.units import CEILING, MINUTE
from leasehold.flow.attention import STILL, Attention
from leasehold.ports.pulse import Pulse
from leasehold.ports.views import QueueView

NOW = 10 * MINUTE
QUIET = Pulse(NOW, (), (), 0, 0, None, 0, 0)


class Watch:
    """Somebody who looks now and then."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._attention = Attention(lambda: self.seconds)

    def commands(self, pulse: Pulse, *queues: QueueView) -> list[str]:
        return [notice.command for notice in self._attention.notices(queues, pulse)]

    def words(self, pulse: Pulse, *queues: QueueView) -> list[str]:
        return [notice.words for notice in self._attention.notices(queues, pulse)]


@pytest.fixture
def watch() -> Watch:
    return Watch()


def queue(**counts: int) -> QueueView:
    """``due=3`` and the like."""
    states = {"in_progress", "completed"}
    return QueueView("media", paused=False, counts={k if k in states else f"pending/{k}": n for k, n in counts.items()})


def started(times: int) -> Pulse:
    return QUIET._replace(happened=[Happened("media", STARTED, times)])


def test_what_is_overdue_is_told_at_once_and_counted_as_far_as_it_is_known(watch: Watch) -> None:
    late = QUIET._replace(owed=1, owed_since=NOW - MINUTE)
    assert watch.words(late) == []
    assert watch.words(late._replace(owed_since=NOW - MINUTE - 1))[0].startswith("1 task is overdue")
    many = QUIET._replace(owed=CEILING, owed_since=0)
    assert watch.words(many)[0].startswith("at least 10,000 tasks are overdue")
    assert watch.commands(many) == ["leasehold orchestrator"]


def test_a_paused_queue_is_told_while_something_waits(watch: Watch) -> None:
    assert watch.commands(QUIET, queue(completed=3, scheduled=2)._replace(paused=True)) == []
    assert watch.commands(QUIET, queue(due=3)._replace(paused=True)) == ["leasehold queue resume media"]
    odd = queue(due=3)._replace(paused=True, name="a b")
    assert watch.commands(QUIET, odd) == ["leasehold queue resume 'a b'"]


@pytest.mark.parametrize(
    ("counts", "command"),
    [
        ({"due": 3}, "leasehold orchestrator"),
        ({"due": 3, "queued": 2}, "leasehold worker --queues media"),
    ],
)
def test_what_stands_still_is_told_after_a_while(watch: Watch, counts: dict[str, int], command: str) -> None:
    assert watch.commands(started(7), queue(**counts)) == []
    watch.seconds = STILL
    assert watch.commands(started(7), queue(**counts)) == [command]
    assert watch.commands(started(8), queue(**counts)) == [], "a run began"
    watch.seconds = 2 * STILL
    assert watch.commands(started(8), queue(**counts)) == [command]
    assert watch.commands(started(8), queue(**counts, in_progress=1)) == []
    assert watch.commands(started(8), queue(**counts)) == [], "it is counted anew"


def test_what_waits_for_its_time_stands_not_still(watch: Watch) -> None:
    view = queue(scheduled=4, blocked=1, lapsed=1, completed=9)
    assert watch.commands(QUIET, view) == []
    watch.seconds = STILL
    assert watch.commands(QUIET, view) == []


def test_leases_that_nobody_ends_are_told_after_a_while(watch: Watch) -> None:
    over = QUIET._replace(overrun=2, owed=2, owed_since=NOW)
    assert watch.words(over) == []
    watch.seconds = STILL
    assert watch.words(over) == ["2 tasks are in progress though the lease is over: nobody takes them back."]


def test_leases_that_ended_a_moment_ago_are_not_told_however_long_nobody_has_looked(watch: Watch) -> None:
    """Every look may meet one that is about to be taken back."""
    for look in range(3):
        watch.seconds = 300.0 * look
        now = NOW + look * 5 * MINUTE
        assert watch.words(QUIET._replace(now=now, overrun=1, owed=1, owed_since=now - 500)) == []
