"""Dead letters: told to the ledger, then deleted; one loss, so that what kills every worker ends."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from leasehold.adapters.memory import MemoryQueue
from leasehold.adapters.memory.queue import MemoryTerms
from leasehold.core.errors import LedgerUnavailable
from leasehold.core.reports import UpdateKind
from leasehold.flow.dead_letters import DeadLetters
from leasehold.ports.ledger import Ledger
from leasehold.ports.queue import Message
from tests.flow.orchestra import Orchestra
from tests.flow.scripted import MINUTE, Breaking, JournalQueue

REDRIVE = 12
"""Above the limit of the messages themselves, as it must be."""


class Morgue:
    """A task queue with a redrive, and its dead-letter queue; the role reads the latter."""

    def __init__(self, orchestra: Orchestra, ledger: object = None) -> None:
        self.orchestra = orchestra
        self.dead = JournalQueue("dead", orchestra.clock)
        self.tasks = MemoryQueue("tasks", orchestra.clock, MemoryTerms(max_receives=REDRIVE), dead_letters=self.dead)
        behind = cast("Ledger", ledger or orchestra.ledger)
        self.role = DeadLetters(self.dead, behind, orchestra.bell, key=orchestra.key)

    def dispatched(self) -> str:
        """A task whose message lies on the task queue with the redrive."""
        (id,) = self.orchestra.submit()
        self.orchestra.dispatcher.step()
        self.tasks.send([Message(copy.body) for copy in self.orchestra.queue().peek()])
        self.orchestra.queue().purge()
        return id

    def killing_everybody(self, times: int = REDRIVE) -> None:
        """Each worker that receives it dies before it can speak."""
        for _ in range(times + 1):
            self.tasks.receive(1, wait=0, visibility=MINUTE)
            self.orchestra.clock.advance(MINUTE)


@pytest.fixture
def morgue(orchestra: Orchestra) -> Morgue:
    return Morgue(orchestra)


def quarantine(orchestra: Orchestra) -> list[str]:
    return [damaged.reason for _, damaged in orchestra.views.quarantine()]


def test_without_dead_letters_nothing_is_done(morgue: Morgue) -> None:
    assert morgue.role.step() == 0


def test_a_task_that_killed_each_worker_goes_out_again_at_the_cost_of_a_loss(morgue: Morgue) -> None:
    id = morgue.dispatched()
    morgue.killing_everybody()
    assert morgue.role.step() == 1
    task = morgue.orchestra.task(id)
    assert (morgue.orchestra.state(id), task.losses, task.open) == ("pending/due", 1, False)
    assert morgue.orchestra.trail(id) == ["submitted", "dispatched", "dead-lettered"]
    assert morgue.dead.depth() == (0, 0)


def test_it_does_not_go_round_for_ever(morgue: Morgue) -> None:
    id = morgue.dispatched()
    for _ in range(2):
        morgue.killing_everybody()
        morgue.role.step()
        morgue.orchestra.dispatcher.step()
        morgue.tasks.send([Message(copy.body) for copy in morgue.orchestra.queue().peek()])
        morgue.orchestra.queue().purge()
    task = morgue.orchestra.task(id)
    assert (task.status, task.inferred, task.losses) == ("failed", True, 2)


def test_while_a_run_may_be_alive_its_dispatch_stays_open_until_its_lease_is_over(morgue: Morgue) -> None:
    orchestra = morgue.orchestra
    (id,) = orchestra.submit()
    orchestra.dispatcher.step()
    orchestra.report(UpdateKind.STARTED, orchestra.messages()[0], r=3)
    orchestra.recorder.step()
    morgue.dead.send([Message(orchestra.queue().peek()[0].body)])
    morgue.role.step()
    task = orchestra.task(id)
    assert (orchestra.state(id), task.void_at) == ("in_progress", task.lease_until + 5_000)


def test_one_that_is_told_again_changes_nothing(morgue: Morgue) -> None:
    id = morgue.dispatched()
    morgue.killing_everybody()
    morgue.dead.mute = {"delete"}
    morgue.dead.misbehave(undeleted=1)
    morgue.role.step()
    morgue.dead.misbehave()
    morgue.orchestra.clock.advance(MINUTE)
    assert morgue.role.step() == 1
    assert morgue.orchestra.task(id).losses == 1


def test_it_stays_until_it_is_committed(orchestra: Orchestra) -> None:
    down = Breaking(orchestra.ledger)
    morgue = Morgue(orchestra, down)
    id = morgue.dispatched()
    morgue.killing_everybody()
    down.errors["apply"] = LedgerUnavailable("the disk is full")
    with pytest.raises(LedgerUnavailable):
        morgue.role.step()
    assert morgue.dead.journal == []
    down.errors.clear()
    assert morgue.role.step() == 1
    assert (morgue.dead.journal, orchestra.state(id)) == (["delete"], "pending/due")


def test_what_is_damaged_or_a_strangers_goes_to_quarantine_and_keeps_no_other_waiting(
    morgue: Morgue, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    stranger = Orchestra(tmp_path / "other")
    stranger.submit()
    stranger.dispatcher.step()
    id = morgue.dispatched()
    morgue.killing_everybody()
    morgue.dead.send([Message("{}"), Message(stranger.queue().peek()[0].body)])
    stranger.close()
    assert morgue.role.step() == 3
    assert morgue.orchestra.state(id) == "pending/due"
    first, second = sorted(quarantine(morgue.orchestra), key=len)
    assert first == "version None is not known here; this is version 1"
    assert second.startswith("its capability does not fit task ")
    assert morgue.dead.depth() == (0, 0)
