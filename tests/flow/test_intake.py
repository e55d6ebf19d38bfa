"""What a worker receives, how long it is its own, and what it turns away at the door."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leasehold.core.errors import QueueUnavailable
from leasehold.core.reports import UpdateKind
from leasehold.flow.intake import FIRST_LEASE
from leasehold.flow.lease import Hold
from leasehold.ports.queue import Message, Received
from leasehold.testing.clock import START, ManualClock
from tests.flow.node import MARGIN, Node
from tests.flow.scripted import MINUTE, JournalQueue, a_message, task_id

HOUR = 60 * MINUTE


def a_node() -> Node:
    return Node(places=4)


# ------------------------------------------------------------ what is turned away


def test_a_malformed_message_is_quarantined_then_deleted_and_its_neighbours_run() -> None:
    node = a_node()
    node.queue.send([Message('{"v":1,"name":')])
    node.queue.put(a_message(2))
    node.turn()
    assert [one.source for one in node.outbox.damaged] == ["tasks:default"]
    assert node.outbox.damaged[0].body == '{"v":1,"name":'
    assert node.journal.index("say malformed") < node.journal.index("delete")
    assert list(node.slots.jobs) == [node.slots.run_of(2)]


def test_a_malformed_message_stays_while_nobody_takes_its_report() -> None:
    node = a_node()
    node.outbox.down = True
    node.queue.send([Message("no JSON")])
    node.intake.step()
    for _ in range(3):
        with pytest.raises(QueueUnavailable):
            node.reporter.step()
    assert "delete" not in node.journal
    node.outbox.down = False
    node.reporter.step()
    assert node.journal == ["say malformed", "delete"]


def test_a_message_received_too_often_is_deleted_then_reported() -> None:
    node = a_node()
    node.queue.put(a_message(most_receives=2))
    for _ in range(2):
        node.queue.receive(1, wait=0, visibility=1_000)
        node.clock.advance(1_000)
    node.turn()
    assert node.journal == ["delete", "say dead-lettered"]
    assert node.outbox.said[0].deleted
    assert node.outbox.said[0].r == 3


def test_the_last_receive_that_is_allowed_still_runs() -> None:
    node = a_node()
    node.queue.put(a_message(most_receives=2))
    node.queue.receive(1, wait=0, visibility=1_000)
    node.clock.advance(1_000)
    node.turn()
    assert node.outbox.kinds() == ["started"]


def test_a_message_past_its_validity_is_deleted_then_reported() -> None:
    node = a_node()
    node.queue.put(a_message(not_after=START + 500))
    node.turn()
    assert node.journal == ["delete", "say expired"]
    assert node.slots.handed_over == []


def test_one_that_nobody_may_start_any_more_is_not_refused_for_its_handler() -> None:
    node = a_node()
    node.queue.put(a_message(name="translate", not_after=START + 500))
    node.turn()
    assert node.outbox.kinds() == ["expired"]


def test_validity_is_judged_by_the_queues_clock_not_by_this_machines() -> None:
    queue_clock = ManualClock()
    queue = JournalQueue("tasks:default", queue_clock)
    node = Node(queues=[queue], clock=ManualClock(now=START + HOUR))
    queue.put(a_message())
    node.turn()
    assert node.outbox.kinds() == ["started"]


def test_an_unknown_handler_is_refused_with_a_reason() -> None:
    node = a_node()
    node.queue.put(a_message(name="translate"))
    node.turn()
    assert node.journal == ["delete", "say refused"]
    assert node.outbox.said[0].note == "no worker knows 'translate': worker w1 refused it"


# ------------------------------------------------------------ the lease (R1)


def test_the_first_receive_hides_for_a_minute_and_the_next_for_what_messages_ask() -> None:
    node = a_node()
    node.queue.put(a_message(1, lease=30 * MINUTE))
    node.turn()
    node.queue.put(a_message(2, lease=30 * MINUTE))
    node.turn()
    assert node.queue.visibilities[0] == FIRST_LEASE
    assert node.queue.visibilities[-1] == 30 * MINUTE
    assert node.journal.count(f"hide {30 * MINUTE}") == 1  # only the first had to be anchored


def test_a_run_has_its_whole_lease_from_the_anchor_less_the_margin() -> None:
    node = a_node()
    node.queue.put(a_message(lease=30 * MINUTE))
    node.turn()
    (job,) = node.slots.handed_over
    assert job.deadline_boot == Hold(0, 30 * MINUTE).surely - MARGIN
    assert node.queue.peek()[0].visible_at == START + 30 * MINUTE


def test_nothing_is_anchored_that_was_received_under_its_own_lease() -> None:
    node = a_node()
    node.queue.put(a_message(lease=FIRST_LEASE))
    node.turn()
    assert node.journal == ["say started"]


class SlowQueue(JournalQueue):
    """A long poll: the message comes some time after the request began."""

    def __init__(self, clock: ManualClock, poll: int) -> None:
        super().__init__("tasks:default", clock)
        self.clock = clock
        self.poll = poll

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        received = super().receive(limit, wait=wait, visibility=visibility)
        self.clock.advance(self.poll)
        return received


def polling_for(ms: int) -> tuple[Node, SlowQueue]:
    queue = SlowQueue(clock := ManualClock(), ms)
    return Node(queues=[queue], clock=clock), queue


def test_a_poll_that_ate_over_a_fifth_of_the_lease_is_made_up_for_once() -> None:
    node, queue = polling_for(13_000)
    queue.put(a_message())
    node.turn()
    assert [line for line in queue.journal if line.startswith("hide")] == [f"hide {MINUTE}"]
    assert node.slots.handed_over[0].deadline_boot == Hold(13_000, MINUTE).surely - MARGIN
    assert node.slots.stops == []  # waiting for a slot counts from the reply, not from the request


def test_a_poll_that_ate_less_counts_against_the_lease() -> None:
    node, queue = polling_for(11_000)
    queue.put(a_message())
    node.turn()
    assert queue.journal == []
    assert node.slots.handed_over[0].deadline_boot == Hold(0, MINUTE).surely - MARGIN


def test_of_an_anchor_that_nobody_confirmed_the_earlier_end_counts() -> None:
    """A run promised 30 minutes must not begin under a minute: its kill would be charged to it."""
    node = a_node()
    node.queue.mute = {"change"}
    node.queue.put(a_message(lease=30 * MINUTE))
    node.turn()
    assert node.outbox.kinds() == ["released"]
    assert node.slots.handed_over == []


def test_what_may_be_anothers_by_now_is_neither_hidden_nor_started() -> None:
    """The machine stood still between the receive and now: an old receipt must not touch what somebody else runs."""
    node, queue = polling_for(MINUTE)
    queue.put(a_message())
    node.turn()
    assert (queue.journal, node.outbox.kinds()) == ([], ["released"])
    assert node.slots.handed_over == []


def test_an_anchor_that_is_confirmed_when_the_message_may_be_anothers_does_not_count() -> None:
    class SlowToHide(JournalQueue):
        def change_visibility(self, changes: Sequence[tuple[str, int]]) -> list[bool]:
            answers = super().change_visibility(changes)
            clock.advance(MINUTE)
            return answers

    queue = SlowToHide("tasks:default", clock := ManualClock())
    node = Node(queues=[queue], clock=clock)
    queue.put(a_message(lease=30 * MINUTE))
    node.turn()
    assert queue.journal == [f"hide {30 * MINUTE}"]
    assert node.outbox.kinds() == ["released"]
    assert node.slots.handed_over == []


def test_no_poll_is_so_long_that_what_it_brings_may_be_over() -> None:
    node = a_node()
    node.intake.step(20_000)
    node.queue.put(a_message(lease=20_000))
    node.turn()
    node.intake.step(20_000)
    assert (node.queue.waits[0], node.queue.waits[-1]) == (20_000, 10_000)


def test_a_shorter_lease_that_nobody_confirmed_counts() -> None:
    node = a_node()
    node.queue.deaf = {"change"}
    node.queue.put(a_message(lease=20_000))
    node.turn()
    assert node.slots.handed_over[0].deadline_boot == Hold(0, 20_000).surely - MARGIN


def test_a_report_claims_no_longer_lease_than_is_sure() -> None:
    node = a_node()
    node.queue.deaf = {"change"}
    node.queue.put(a_message(lease=70_000))
    node.turn()
    assert node.outbox.last(UpdateKind.STARTED).lease == FIRST_LEASE


def test_an_anchor_that_fails_as_a_whole_loses_no_message() -> None:
    node = a_node()
    node.queue.down = {"change"}
    node.queue.put(a_message(1, lease=20_000), a_message(2, lease=20_000))
    node.turn()
    assert len(node.slots.jobs) == 2


def test_no_lease_is_longer_than_the_queue_can_hide() -> None:
    longest = 43_200_000
    node = a_node()
    node.queue.put(a_message(1, lease=longest))
    node.turn()
    node.queue.put(a_message(2, lease=longest))
    node.turn()
    assert node.queue.visibilities[-1] == node.queue.traits.max_visibility
    assert node.slots.handed_over[1].deadline_boot == Hold(0, node.queue.traits.max_visibility).surely - MARGIN


# ------------------------------------------------------------ room and turns


def test_no_more_is_received_than_there_is_room_for() -> None:
    node = Node(places=2)
    node.queue.put(*(a_message(number) for number in range(1, 6)))
    node.turn()
    assert len(node.slots.jobs) == 2
    assert node.queue.depth().visible == 3


def test_without_room_nothing_is_asked_for() -> None:
    node = Node(places=1)
    node.running(a_message(1))
    asked = len(node.queue.waits)
    node.turn()
    assert len(node.queue.waits) == asked


def two_queues() -> Node:
    clock = ManualClock()
    queues = [JournalQueue(name, clock) for name in ("tasks:a", "tasks:b")]
    return Node(places=1, fetch_ahead=0, clock=clock, queues=queues)


def test_several_queues_take_turns() -> None:
    node = two_queues()
    a, b = node.queues
    a.put(a_message(1), a_message(2))
    b.put(a_message(3), a_message(4))
    order: list[str] = []
    for _ in range(4):
        node.turn()
        (job,) = node.slots.jobs.values()
        order.append(job.task_id)
        node.slots.succeed(int(job.task_id[-2:]))
        node.work()
    assert order == [task_id(number) for number in (1, 3, 2, 4)]


def test_an_empty_queue_keeps_none_of_the_others_waiting() -> None:
    node = two_queues()
    node.queues[1].put(a_message(1))
    node.intake.step(wait=1_000)
    assert (node.queues[0].waits, node.queues[1].waits) == ([0], [0])


def test_each_queue_is_waited_for_in_its_turn_and_for_its_share() -> None:
    node = two_queues()
    node.intake.step(wait=1_000)
    node.intake.step(wait=1_000)
    assert [queue.waits for queue in node.queues] == [[0, 500, 0], [0, 0, 500]]


def test_a_single_queue_is_waited_for_the_whole_time() -> None:
    node = Node()
    node.intake.step(wait=20_000)
    assert node.queue.waits == [20_000]


def test_a_queue_that_is_down_leaves_the_others_their_turns() -> None:
    node = two_queues()
    node.queues[0].down = {"receive"}
    node.queues[1].put(a_message(1))
    with pytest.raises(QueueUnavailable):
        node.intake.step()
    node.intake.step()
    node.work()
    assert len(node.slots.jobs) == 1


def test_a_report_says_how_long_its_message_was_held() -> None:
    """R1: the ledger counts a lease from the report's own sending, less the time it was held."""
    node = a_node()
    node.clock.advance(7_000)
    node.queue.put(a_message(lease=FIRST_LEASE))
    node.turn()
    said = node.outbox.last(UpdateKind.STARTED)
    assert (said.received_boot, said.lease) == (7_000, FIRST_LEASE)
