"""The dispatcher puts due tasks of one handler into one message, and sends no crumbs of bundles."""

from __future__ import annotations

import pytest

from leasehold.core.errors import BadApplication
from leasehold.core.reports import UpdateKind
from leasehold.flow.claims import LedgerClaims
from leasehold.flow.explain import Case, explain
from leasehold.flow.registry import LARGEST_BUNDLE, Registry
from leasehold.flow.window import SMALLEST, Window
from leasehold.ports.ledger import Flight
from leasehold.ports.queue import QueueTraits
from leasehold.ports.reports import Grant, Start
from tests.flow.orchestra import POLICY, Orchestra
from tests.flow.scripted import MINUTE, JournalQueue

THREES = POLICY._replace(bundle=3)
IDLE = Flight(1_000, 0, 0, 0, paused=False, started=0, expired=0)


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
