"""The two kinds of process: their roles in threads, started and stopped together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, cast

import pytest

from leasehold.assemble import share
from leasehold.core.errors import LedgerUnavailable
from leasehold.flow.nodes import Orchestrator, Poll, WorkerNode, patience_within
from leasehold.flow.service import Stop
from leasehold.ports.notices import Notice
from leasehold.ports.queue import Received
from leasehold.ports.slots import Job
from leasehold.testing.clock import ManualClock
from tests.flow.node import Node
from tests.flow.orchestra import ScriptedBell
from tests.flow.scripted import JournalQueue, ScriptedSlots, a_message

PATIENCE = 30_000


class StoppingSlots(ScriptedSlots):
    """As soon as runs are handed over, something happens."""

    def __init__(self, clock: ManualClock, then: Callable[[], object]) -> None:
        super().__init__(clock)
        self.then = then

    def start(self, jobs: Sequence[Job]) -> None:
        super().start(jobs)
        self.then()

    def interrupt(self, reason: str, run_ids: Sequence[str] | None = None) -> None:
        super().interrupt(reason, run_ids)
        for run_id in list(self.jobs):
            self.die(run_id, reason)


def a_worker_node(node: Node) -> WorkerNode:
    return WorkerNode([node.intake], node.worker, node.reporter, node.slots, node.clock, poll=0, patience=PATIENCE)


def stopping(then: Callable[[], object]) -> Node:
    clock = ManualClock()
    return Node(clock=clock, slots=StoppingSlots(clock, then))


# ------------------------------------------------------------ a worker


def test_a_worker_asked_to_stop_drains_and_ends_when_nothing_is_held() -> None:
    stop = Stop()
    node = stopping(lambda: stop.ask("SIGTERM"))
    node.queue.put(a_message(1), a_message(2))
    assert a_worker_node(node).serve(stop, Random(0))
    assert node.worker.drained
    assert node.slots.closed
    assert node.queue.depth().visible == 2
    for number in (1, 2):
        assert [kind for kind in node.outbox.kinds(number) if kind != "started"] == ["draining", "released"]


def test_one_that_holds_nothing_ends_at_once() -> None:
    node, stop = Node(), Stop()
    stop.ask("SIGTERM")
    a_worker_node(node).serve(stop, Random(0))
    assert node.queue.waits == []  # nothing was received after the wish to stop
    assert node.slots.closed


def test_one_told_to_stop_at_once_leaves_its_runs_to_their_leases() -> None:
    stop = Stop()
    node = stopping(lambda: stop.ask("Ctrl-C, twice"))
    node.outbox.down = True
    node.queue.put(a_message())
    assert not a_worker_node(node).serve(stop, Random(0), at_once=lambda: stop.asked)
    assert node.slots.closed
    assert node.queue.depth().in_flight == 1


def test_a_defect_in_a_role_ends_the_node_and_kills_what_it_runs() -> None:
    def defect() -> None:
        raise KeyError("a defect")

    node = stopping(defect)
    node.queue.put(a_message())
    with pytest.raises(KeyError, match="a defect"):
        a_worker_node(node).serve(Stop(), Random(0))
    assert node.slots.closed


def test_while_a_receive_is_under_way_the_drain_is_not_over() -> None:
    """What it brings must still be given back."""
    seen: list[bool] = []
    clock = ManualClock()
    queue = WatchedQueue(clock)
    node = Node(clock=clock, queues=[queue])
    worker_node = a_worker_node(node)

    def meanwhile() -> None:
        node.worker.begin_drain("SIGTERM", PATIENCE)
        seen.append(worker_node._empty())

    queue.meanwhile = meanwhile
    worker_node._take_in(node.intake, Stop(), 0)
    assert seen == [False]
    assert worker_node._empty()


class WatchedQueue(JournalQueue):
    """Something happens while a receive is under way."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__("tasks:default", clock)
        self.meanwhile: Callable[[], None] = lambda: None

    def receive(self, limit: int, *, wait: int, visibility: int) -> Received:
        self.meanwhile()
        return super().receive(limit, wait=wait, visibility=visibility)


def test_after_the_wish_to_stop_nothing_is_received() -> None:
    node, stop = Node(), Stop()
    stop.ask("SIGTERM")
    a_worker_node(node)._take_in(node.intake, stop, 0)
    assert node.queue.waits == []


def test_nor_while_what_it_brought_is_not_yet_looked_at() -> None:
    node = Node()
    worker_node = a_worker_node(node)
    node.queue.put(a_message())
    worker_node._take_in(node.intake, Stop(), 0)
    node.worker.begin_drain("SIGTERM", PATIENCE)
    assert not worker_node._empty()
    node.work()
    assert worker_node._empty()
    assert node.queue.depth().visible == 1


# ------------------------------------------------------------ polls


def test_a_poll_that_finds_nothing_at_once_is_not_repeated_at_once() -> None:
    """As SQS answers while too many messages are in flight."""
    clock, stop = ManualClock(), Patience()
    poll = Poll(lambda _: 0, 20_000, clock, stop)
    poll.step()
    poll.rest()
    assert stop.waited == [1_000]


def test_a_poll_that_waited_is_followed_by_the_next() -> None:
    clock, stop = ManualClock(), Patience()

    def look(wait: int) -> int:
        clock.advance(wait)
        return 0

    poll = Poll(look, 20_000, clock, stop)
    poll.step()
    poll.rest()
    assert stop.waited == []


class Patience(Stop):
    """Notes how long somebody would have waited for a stop."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[int | None] = []

    def wait(self, timeout: int | None = None) -> bool:
        self.waited.append(timeout)
        return False


def test_several_intakes_share_the_room_and_each_may_ask_for_one_message() -> None:
    assert [share(room, 3) for room in (0, 1, 2, 7, 30)] == [0, 1, 1, 2, 10]


# ------------------------------------------------------------ an orchestrator


class Steps:
    """A role that counts its steps; one of them may go wrong."""

    def __init__(self, then: Callable[[], object], error: Exception | None = None) -> None:
        self.steps = 0
        self.closed = False
        self.then = then
        self.error = error

    def step(self, wait: int = 0) -> int:
        del wait
        self.steps += 1
        if self.error is not None and self.steps == 1:
            raise self.error
        self.then()
        return 0

    def close(self) -> None:
        self.closed = True


class PatientBell(ScriptedBell):
    """Nobody waits."""

    def wait(self, topic: str, timeout: int) -> bool:
        del topic, timeout
        return False


def orchestrated(*roles: Steps, stop: Stop) -> PatientBell:
    bell = PatientBell(ManualClock())
    dispatcher, sweeper, scheduler, recorder = cast("tuple[Any, Any, Any, Any]", roles)
    readers, clock = {"recorder": recorder}, ManualClock()
    Orchestrator(dispatcher, sweeper, scheduler, readers, bell, clock, poll=0).serve(stop, Random(0))
    return bell


def all_stepped(stop: Stop, roles: list[Steps]) -> Callable[[], object]:
    return lambda: stop.ask("enough") if all(role.steps for role in roles) else None


def test_an_orchestrator_runs_its_four_roles_until_it_is_asked_to_stop() -> None:
    stop, roles = Stop(), list[Steps]()
    roles += [Steps(all_stepped(stop, roles)) for _ in range(4)]
    bell = orchestrated(*roles, stop=stop)
    assert all(role.steps for role in roles)
    assert bell.closed  # so that nobody goes on waiting for it
    assert roles[-1].closed  # nor for messages


def test_a_ledger_that_is_down_for_a_while_ends_none_of_them() -> None:
    stop, roles = Stop(), list[Steps]()

    def done() -> object:
        return stop.ask("enough") if all(role.steps > 1 for role in roles) else None

    roles += [Steps(done, LedgerUnavailable("failing over")) for _ in range(4)]
    orchestrated(*roles, stop=stop)
    assert all(role.steps > 1 for role in roles)


def test_a_defect_in_one_ends_all() -> None:
    stop, roles = Stop(), list[Steps]()
    roles += [Steps(lambda: None) for _ in range(3)]
    roles.append(Steps(lambda: None, KeyError("a defect")))
    with pytest.raises(KeyError, match="a defect"):
        orchestrated(*roles, stop=stop)
    assert stop.reason == "recorder failed: KeyError('a defect')"


class Told:
    """A machine that is told of its end at the nth look."""

    def __init__(self, notice: Notice, at: int = 1) -> None:
        self._notice = notice
        self._at = at
        self.looks = 0

    def look(self) -> Notice | None:
        self.looks += 1
        return self._notice if self.looks >= self._at else None


@pytest.mark.parametrize(
    ("left", "patience"),
    [(None, 30_000), (120_000, 30_000), (40_000, 24_000), (10_000, 0), (0, 0)],
)
def test_of_a_notice_the_margin_is_kept_for_stopping_and_giving_back(left: int | None, patience: int) -> None:
    assert patience_within(Notice("a spot interruption notice: terminate", left), PATIENCE, 16_000) == patience
    assert patience_within(None, PATIENCE, 16_000) == PATIENCE


def test_a_worker_on_a_machine_that_is_about_to_go_receives_nothing() -> None:
    node = Node()
    node.queue.put(a_message())
    told = Told(Notice("a spot interruption notice: stop"))
    wired = WorkerNode(
        [node.intake], node.worker, node.reporter, node.slots, node.clock, poll=0, patience=0, notices=told
    )
    assert wired.serve(Stop(), Random(0))
    assert node.queue.waits == []
    assert node.slots.handed_over == []
    assert told.looks >= 1
