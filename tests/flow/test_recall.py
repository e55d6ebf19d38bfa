"""R13: what a dead machine held runs elsewhere in seconds; every condition that keeps a recall from doing harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from leasehold.adapters.database.connection import Database
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.core.errors import LedgerUnavailable
from leasehold.core.model import Policy
from leasehold.core.reports import Malformed, UpdateKind
from leasehold.core.units import HOUR
from leasehold.flow.horizon import Horizon
from leasehold.flow.recall import IN_TRANSIT, SAME_NAME, SETTLED, PlatformEvents, Recall
from leasehold.flow.recorder import RECORDING, Recorder
from leasehold.ports.ledger import Applied, Change, Gone
from leasehold.ports.queue import Delivery, Message
from tests.core.test_wire_platform import INSTANCE, RECORDED
from tests.flow.orchestra import Orchestra
from tests.flow.scripted import MINUTE, JournalQueue

LEASE = 30 * MINUTE
MARGIN = 16_000
WORKER = f"{INSTANCE}/812-a1b2c3"
POLICY = Policy(LEASE, attempts=3, losses=2)


class Pausing(DatabaseLedger):
    """Its user is paused after each commit."""

    def __init__(self, database: Database, pause: Callable[[], object]) -> None:
        super().__init__(database)
        self._pause = pause

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        answers = super().apply(changes, malformed)
        self._pause()
        return answers


class Overtaken(DatabaseLedger):
    """Somebody else is quicker than its user: once, before its first commit."""

    def __init__(self, database: Database, quicker: Callable[[], object]) -> None:
        super().__init__(database)
        self._quicker = [quicker]

    def apply(self, changes: Sequence[Change], malformed: Sequence[Malformed] = ()) -> list[Applied]:
        if self._quicker:
            self._quicker.pop()()
        return super().apply(changes, malformed)


class Away(DatabaseLedger):
    """Cannot be written."""

    def note_gone(self, gone: Sequence[Gone]) -> None:
        raise LedgerUnavailable(f"away: {gone}")


class Site:
    """An orchestrator that recalls, and a worker of which only its reports are seen."""

    def __init__(self, folder: Path, *, claims_before_run: bool = False) -> None:
        self.orchestra = Orchestra(folder, claims_before_run=claims_before_run)
        self.clock = self.orchestra.clock
        self.events = JournalQueue("acme-events", self.clock)
        self.platform = PlatformEvents(self.events, self.orchestra.ledger)
        self.all_is_heard = True
        self.recall = self.another_recall()
        self.tasks = self.orchestra.queue()

    def heard(self) -> int:
        return self.clock.boot() if self.all_is_heard else self.clock.boot() - HOUR

    def another_recall(self, ledger: DatabaseLedger | None = None) -> Recall:
        orchestra = self.orchestra
        claims = orchestra.claims_before_run
        return Recall(
            ledger or orchestra.ledger,
            orchestra.queue,
            self.heard,
            self.clock,
            orchestra.bell,
            margin=MARGIN,
            claims_before_run=claims,
        )

    def held(self, worker: str = WORKER) -> tuple[str, Delivery]:
        """A task that this worker received and said it began; its id, and the receive."""
        (id_,) = self.orchestra.submit(policy=POLICY)
        self.orchestra.dispatcher.step()
        (delivery,) = self.tasks.receive(1, wait=0, visibility=LEASE).deliveries
        self.say(UpdateKind.STARTED, id_, delivery, worker)
        assert self.orchestra.state(id_) == "in_progress"
        return id_, delivery

    def say(self, kind: UpdateKind, id_: str, delivery: Delivery, worker: str = WORKER, *, record: bool = True) -> None:
        (message,) = [each for each in self.orchestra.messages() if each.tasks[0].id == id_]
        r = delivery.receive_count
        self.orchestra.report(kind, message, r, worker=worker, receipt=delivery.receipt)
        if record:
            self.orchestra.recorder.step()

    def happens(self, name: str) -> None:
        """The platform says so, and it is heard."""
        self.events.send([Message((RECORDED / f"{name}.json").read_text("utf-8"))])
        self.platform.step()

    def recalls(self) -> int:
        """What is recalled once the machine's last requests are surely done."""
        self.recall.step()
        self.clock.advance(SETTLED)
        return self.recall.step()

    def received(self) -> list[Delivery]:
        return list(self.tasks.receive(10, wait=0, visibility=LEASE).deliveries)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.orchestra.close()


def test_what_a_terminated_machine_held_is_received_elsewhere_long_before_its_lease_ends(site: Site) -> None:
    id_, first = site.held()
    site.happens("instance-terminated")
    assert site.recalls() == 1
    (again,) = site.received()
    assert (again.message_id, again.receive_count) == (first.message_id, 2)
    assert site.orchestra.state(id_) == "pending/lapsed"
    assert site.orchestra.trail(id_)[-1] == "recalled"
    site.say(UpdateKind.STARTED, id_, again, "i-2/1-a")
    task = site.orchestra.task(id_)
    assert (task.worker, task.r, task.losses, task.attempts) == ("i-2/1-a", 2, 1, 0)


@pytest.mark.parametrize(
    "name",
    [
        *("instance-pending", "instance-running", "instance-stopping", "instance-stopped", "instance-shutting-down"),
        *("interruption-terminate", "interruption-stop", "interruption-hibernate", "rebalance"),
        *("task-running", "task-stopping"),
    ],
)
def test_a_machine_that_may_come_back_or_still_works_is_left_alone(site: Site, name: str) -> None:
    id_, _ = site.held(WORKER if name.startswith("i") else "ecs:c13b4cb40f1f4fe4a2971f76ae5a47ad/1-a")
    site.happens(name)
    assert site.recalls() == 0
    assert site.orchestra.ledger.gone() == []
    assert site.orchestra.state(id_) == "in_progress"
    assert site.events.depth() == (0, 0)


def test_a_stopped_container_task_is_a_machine_too(site: Site) -> None:
    site.held("ecs:c13b4cb40f1f4fe4a2971f76ae5a47ad/1-a")
    site.happens("task-stopped")
    assert site.recalls() == 1
    assert len(site.received()) == 1


def test_other_machines_keep_what_they_hold(site: Site) -> None:
    id_, _ = site.held("i-2/1-a")
    site.happens("instance-terminated")
    assert site.recalls() == 0
    assert site.orchestra.state(id_) == "in_progress"


def test_a_draining_run_is_never_recalled_it_may_be_anothers_already(site: Site) -> None:
    """It was given back and received by another, whose own word is not recorded yet: he must keep the message."""
    id_, first = site.held()
    site.say(UpdateKind.DRAINING, id_, first)
    site.tasks.change_visibility([(first.receipt, 0)])
    (another,) = site.received()
    site.happens("instance-terminated")
    assert site.recalls() == 0
    assert site.received() == []
    assert site.tasks.delete([another.receipt]) == [True]


def test_nothing_is_recalled_before_all_that_was_reported_before_is_recorded(site: Site) -> None:
    """Its Draining is still on the status queue: recalled now, the message would be taken from another."""
    id_, first = site.held()
    site.say(UpdateKind.DRAINING, id_, first, record=False)
    site.happens("instance-terminated")
    site.all_is_heard = False
    assert site.recalls() == 0
    assert site.orchestra.state(id_) == "in_progress"
    site.orchestra.recorder.step()
    site.all_is_heard = True
    assert site.recalls() == 0
    assert site.orchestra.task(id_).receipt is None


def test_a_machines_last_request_may_be_on_its_way_for_a_moment_after_its_end(site: Site) -> None:
    site.held()
    site.happens("instance-terminated")
    site.recall.step()
    site.clock.advance(SETTLED - 1)
    assert site.recall.step() == 0
    site.clock.advance(1)
    assert site.recall.step() == 1


def test_a_recorder_that_cannot_see_what_another_one_holds_waits_for_as_long_as_that_may_hold_it(site: Site) -> None:
    """Another recorder received its Draining and died: the queue shows it again after 20 s."""
    orchestra = site.orchestra
    horizon = Horizon(site.clock, span=RECORDING + 2_000, patience=2_000)
    random, key = orchestra.random, orchestra.key
    recorder = Recorder(orchestra.status, orchestra.ledger, orchestra.bell, random, key=key, horizon=horizon)
    recall = Recall(orchestra.ledger, orchestra.queue, horizon.heard, site.clock, orchestra.bell, margin=MARGIN)
    id_, first = site.held()
    site.say(UpdateKind.DRAINING, id_, first, record=False)
    orchestra.status.receive(1, wait=0, visibility=RECORDING)  # and never records it
    site.happens("instance-terminated")
    for _ in range(60):
        site.clock.advance(1_000)
        recorder.step()
        assert recall.step() == 0
    assert orchestra.task(id_).receipt is None
    id_, _ = site.held()
    recalled = [recall.step() for _ in range(60) if [site.clock.advance(1_000), recorder.step()]]
    assert sum(recalled) == 1
    assert orchestra.state(id_) == "pending/lapsed"


def test_only_while_the_lease_is_ahead_by_the_margin(site: Site) -> None:
    id_, _ = site.held()
    site.happens("instance-terminated")
    site.clock.advance(LEASE - MARGIN - SETTLED + 1)
    assert site.recalls() == 0
    assert site.orchestra.state(id_) == "in_progress"


def test_a_message_is_not_shown_when_the_orchestrator_was_paused_until_its_lease_was_nearly_over(site: Site) -> None:
    """By the time of the request the queue may have shown it to another by itself."""
    site.held()
    site.happens("instance-terminated")
    recall = site.another_recall(Pausing(site.orchestra.database, lambda: site.clock.advance(LEASE - IN_TRANSIT)))
    recall.step()
    site.clock.advance(SETTLED)
    assert recall.step() == 1
    assert "show" not in site.tasks.journal


def test_the_dead_are_remembered_and_what_is_heard_of_them_later_is_recalled_then(site: Site) -> None:
    (id_,) = site.orchestra.submit(policy=POLICY)
    site.orchestra.dispatcher.step()
    (delivery,) = site.received()
    site.happens("instance-terminated")
    assert site.recalls() == 0
    site.say(UpdateKind.STARTED, id_, delivery)  # it was on the status queue all the while
    assert site.recall.step() == 1
    assert len(site.received()) == 1


def test_another_orchestrator_or_a_new_one_remembers_them_too(site: Site) -> None:
    site.happens("instance-terminated")
    site.held()
    site.recall = site.another_recall()
    assert site.recalls() == 1


def test_of_two_orchestrators_that_recall_at_once_one_shows_the_message(site: Site) -> None:
    """The second would take it from whoever received it after the first."""
    site.held()
    site.happens("instance-terminated")
    other = site.another_recall()
    other.step()
    assert site.recalls() == 1
    (taken,) = site.received()
    assert other.step() == 0
    assert site.received() == []
    assert site.tasks.journal.count("show") == 1
    assert site.tasks.delete([taken.receipt]) == [True]


def test_one_that_is_overtaken_by_another_shows_nothing(site: Site) -> None:
    """It found the run, then another recalled it: the message is shown by whoever the ledger let recall it."""
    site.held()
    site.happens("instance-terminated")
    recalled: list[int] = []
    slow = site.another_recall(Overtaken(site.orchestra.database, lambda: recalled.append(site.recall.step())))
    site.recall.step()
    slow.step()
    site.clock.advance(SETTLED)
    assert slow.step() == 0
    assert recalled == [1]
    assert site.tasks.journal.count("show") == 1


def test_a_change_whose_fate_is_unknown_is_not_made_again_and_the_lease_brings_the_message_back(site: Site) -> None:
    id_, _ = site.held()
    site.happens("instance-terminated")
    site.tasks.down = {"change"}
    assert site.recalls() == 1
    site.tasks.down = set()
    assert site.recall.step() == 0
    assert site.received() == []
    site.clock.advance(LEASE)
    assert len(site.received()) == 1
    assert site.orchestra.state(id_) == "pending/lapsed"


def test_one_that_was_alive_all_the_same_completes_its_task_and_gets_the_loss_back(site: Site) -> None:
    id_, delivery = site.held()
    site.happens("instance-terminated")
    assert site.recalls() == 1
    site.say(UpdateKind.COMPLETED, id_, delivery)
    assert (site.orchestra.state(id_), site.orchestra.task(id_).losses) == ("completed", 0)


def test_where_runs_are_claimed_the_task_goes_out_again_and_its_message_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, claims_before_run=True)
    id_, _ = site.held()
    site.happens("instance-terminated")
    assert site.recalls() == 1
    assert site.orchestra.state(id_) == "pending/due"
    assert site.tasks.journal == []
    assert site.orchestra.bell.rung[-1] == "due"
    site.orchestra.close()


def test_damaged_events_are_kept_in_quarantine_and_hold_up_nothing(site: Site) -> None:
    kind = "EC2 Instance State-change Notification"
    forged = f'{{"source": "aws.ec2", "detail-type": "{kind}", "detail": {{"instance-id": "%"}}}}'
    site.events.send([Message("<xml/>"), Message(forged)])
    site.held()
    site.happens("instance-terminated")
    assert site.recalls() == 1
    reasons = {message.reason.partition(":")[0] for _, message in site.orchestra.views.quarantine()}
    assert reasons == {"no JSON", "instance-id"}
    assert {message.source for _, message in site.orchestra.views.quarantine()} == {"acme-events"}
    assert site.events.depth() == (0, 0)


def test_an_event_stays_on_its_queue_until_it_is_remembered(site: Site) -> None:
    platform, site.platform = site.platform, PlatformEvents(site.events, Away(site.orchestra.database))
    with pytest.raises(LedgerUnavailable):
        site.happens("instance-terminated")
    assert site.events.depth() == (0, 1)
    site.clock.advance(RECORDING)
    assert platform.step() == 1
    assert platform.step() == 0
    assert [each.name for each in site.orchestra.ledger.gone()] == [INSTANCE]


def test_a_person_can_say_it_too(site: Site) -> None:
    site.held("mine/7-a")
    site.orchestra.ledger.note_gone([Gone("mine/7-a", site.orchestra.ledger.now(), "ada")])
    assert site.recalls() == 1


def test_a_worker_that_is_started_later_under_the_same_name_keeps_what_it_receives(site: Site) -> None:
    ledger = site.orchestra.ledger
    ledger.note_gone([Gone("mine", ledger.now(), "ada")])
    site.clock.advance(SAME_NAME + 1)
    id_, _ = site.held("mine")
    assert site.recalls() == 0
    assert site.orchestra.state(id_) == "in_progress"
