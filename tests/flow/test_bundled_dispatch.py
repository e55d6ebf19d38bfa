"""The dispatcher puts due tasks of one handler into one message, and sends no crumbs of bundles."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

import pytest

from leasehold.core.bundles import LARGEST_BUNDLE
from leasehold.core.errors import BadApplication
from leasehold.core.model import Task
from leasehold.core.reports import UpdateKind
from leasehold.flow.claims import LedgerClaims
from leasehold.flow.explain import Case, explain
from leasehold.flow.registry import Registry
from leasehold.flow.window import SMALLEST, Window
from leasehold.ports.ledger import Flight
from leasehold.ports.queue import QueueTraits
from leasehold.ports.reports import Grant, Start
from tests.flow.orchestra import POLICY, Orchestra
from tests.flow.scripted import MINUTE, JournalQueue

THREES = POLICY._replace(bundle=3)
IDLE = Flight(1_000, 0, 0, 0, paused=False, started=0, expired=0)


def a_member_of(bundle: int) -> Task:
    return Task("t", "work", "default", POLICY._replace(bundle=bundle), 0, 0, members=min(bundle, 2))


def members(orchestra: Orchestra) -> list[list[str]]:
    """The tasks of each message on the queue."""
    return [[task.id for task in message.tasks] for message in orchestra.messages()]


def test_what_is_due_together_goes_out_together(orchestra: Orchestra) -> None:
    ids = orchestra.submit(5, policy=THREES)
    assert orchestra.dispatcher.step() == 5
    assert members(orchestra) == [ids[:3], ids[3:]]
    assert [orchestra.task(id).members for id in ids] == [3, 3, 3, 2, 2]


def test_each_member_has_its_own_capability_and_arguments(orchestra: Orchestra) -> None:
    orchestra.submit(3, policy=THREES)
    orchestra.dispatcher.step()
    (message,) = orchestra.messages()
    assert len({task.capability for task in message.tasks}) == 3
    assert {task.arguments for task in message.tasks} == {'{"x":1}'}


def test_a_bundle_has_one_tenant(orchestra: Orchestra) -> None:
    ann, bob = orchestra.submit(2, policy=THREES, tenant="ann"), orchestra.submit(2, policy=THREES, tenant="bob")
    orchestra.dispatcher.step()
    assert members(orchestra) == [ann, bob]


def test_large_arguments_make_small_bundles(orchestra: Orchestra) -> None:
    large = '{"x":"' + 40_000 * "a" + '"}'
    orchestra.submit(8, policy=POLICY._replace(bundle=100), arguments=large)
    orchestra.dispatcher.step()
    assert [len(each) for each in members(orchestra)] == [5, 3]


def test_a_bundle_received_twice_goes_out_again_task_by_task(orchestra: Orchestra) -> None:
    ids = orchestra.submit(3, policy=THREES)
    orchestra.dispatcher.step()
    (message,) = orchestra.messages()
    orchestra.report(UpdateKind.COMPLETED, message, 1)
    for task in message.tasks:
        alone = message._replace(tasks=(task,))
        orchestra.report(UpdateKind.EXPIRED, alone, 2, deleted=True)
    orchestra.recorder.step()
    orchestra.queue().purge()
    orchestra.dispatcher.step()
    assert members(orchestra) == [[id] for id in ids[1:]]
    assert orchestra.trail(ids[1])[-2:] == ["unbundled", "dispatched"]
    assert orchestra.state(ids[0]) == "completed"


def test_a_body_that_the_queue_will_never_take_is_sent_task_by_task(orchestra: Orchestra) -> None:
    orchestra.queues["default"] = JournalQueue("tasks:default", orchestra.clock, traits=QueueTraits(body_limit=400))
    ids = orchestra.submit(3, policy=THREES)
    orchestra.dispatcher.step()
    assert orchestra.states(ids) == ["pending/due"] * 3
    assert [orchestra.task(id).attempts for id in ids] == [0, 0, 0]
    orchestra.dispatcher.step()
    assert members(orchestra) == [[id] for id in ids]


# ------------------------------------------------------------ the window (R9)


def test_two_bundles_may_always_wait(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit(1, policy=POLICY._replace(bundle=100))
    window = Window(10_000)
    assert window.room(IDLE, 0) == SMALLEST
    window.sent([orchestra.task(id)])
    assert window.room(IDLE, 0) == 200


def test_no_crumbs_of_a_bundle_go_out_while_much_waits(orchestra: Orchestra) -> None:
    (id,) = orchestra.submit(1, policy=POLICY._replace(bundle=100))
    window = Window(10_000)
    window.sent([orchestra.task(id)])
    assert window.room(IDLE._replace(queued=150), 0) == 0
    assert window.room(IDLE._replace(queued=100), 0) == 100
    assert window.room(IDLE._replace(queued=30), 0) == 170


def test_the_members_of_a_bundle_received_twice_do_not_count_as_expired(orchestra: Orchestra) -> None:
    orchestra.submit(3, policy=THREES)
    orchestra.dispatcher.step()
    (message,) = orchestra.messages()
    for task in message.tasks:
        orchestra.report(UpdateKind.EXPIRED, message._replace(tasks=(task,)), 2, deleted=True)
    orchestra.recorder.step()
    assert orchestra.ledger.flights()["default"].expired == 0


def busy_slots(slots: int, bundle: int, took: int, minutes: int = 20) -> float:
    """What share of the slots was busy in the last half, where all of a long backlog goes out in bundles."""
    window, task, free = Window(10_000), a_member_of(bundle), slots
    line: deque[int] = deque()
    running: list[tuple[int, int]] = []  # (when its run ends, how many wait behind it)
    queued = started = ran = 0
    for now in range(0, minutes * MINUTE, 1_000):
        while running and running[0][0] <= now:
            at, behind = heappop(running)
            if behind:
                heappush(running, (at + took, behind - 1))
                queued, started = queued - 1, started + 1
            else:
                free += 1
        flight = IDLE._replace(due=1_000_000, queued=queued, in_progress=slots - free, started=started)
        room = min(1_000, window.room(flight, now))
        for first in range(0, room, bundle):
            line.append(min(bundle, room - first))
            window.sent([task])
        queued += room
        while free and line:
            heappush(running, (now + took, line.popleft() - 1))
            free, queued, started = free - 1, queued - 1, started + 1
        ran += (slots - free) * (now >= minutes * MINUTE // 2)
    return ran / (slots * minutes * 30)


@pytest.mark.parametrize(("slots", "bundle", "took"), [(100, 100, 1_000), (100, 20, 5_000), (20, 500, 300)])
def test_what_waits_behind_a_run_does_not_keep_other_slots_idle(slots: int, bundle: int, took: int) -> None:
    assert busy_slots(slots, bundle, took) > 0.97


@pytest.mark.parametrize(
    ("last", "in_progress", "room"), [((100, 1), 1_000, 250), ((100,), 50, 200 + 50 * 99), ((100,), 1_000, 10_000)]
)
def test_nothing_is_thought_to_wait_behind_single_tasks(last: tuple[int, ...], in_progress: int, room: int) -> None:
    window = Window(10_000)
    window.sent([a_member_of(bundle) for bundle in last])
    assert window.room(IDLE._replace(in_progress=in_progress, started=in_progress), 0) == room


# ------------------------------------------------------------ what is said of it


def test_a_member_that_was_granted_its_turn_says_who_holds_it(orchestra: Orchestra) -> None:
    ids = orchestra.submit(2, policy=THREES)
    orchestra.dispatcher.step()
    claims = LedgerClaims(orchestra.ledger, orchestra.bell)
    starts = [Start(id, 1, 1, f"00000000-0000-7000-8000-{id[-12:]}", "w7", MINUTE, "receipt") for id in ids]
    assert claims.claim(starts) == [Grant(recorded=True)] * 2
    assert claims.claim(starts) == [Grant(recorded=True)] * 2
    assert orchestra.states(ids) == ["pending/queued"] * 2
    view = orchestra.views.task(ids[1])
    assert view is not None
    said = explain(Case(view, (), orchestra.views.audit(ids[1]), None, orchestra.clock.now())).paragraph
    assert said.startswith("Worker w7 holds it in a bundle of 2, and has not come to it yet")


@pytest.mark.parametrize("bundle", [0, -1, LARGEST_BUNDLE + 1])
def test_a_bundle_of_a_size_that_cannot_be_is_refused(bundle: int) -> None:
    with pytest.raises(BadApplication, match="bundle="):
        Registry().add(lambda: None, name="work", bundle=bundle)


def test_the_size_of_a_bundle_is_part_of_the_policy() -> None:
    assert Registry().add(lambda: None, name="work", bundle=100).policy.bundle == 100
    assert Registry().add(lambda: None, name="alone").policy.bundle == 1
