"""A row that somebody wrote by hand, and nobody can read, holds up no role and no command: all others go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from leasehold.adapters.bell import NullBell
from leasehold.adapters.database.retention import DatabaseRetention
from leasehold.adapters.memory.queue import MemoryQueue
from leasehold.adapters.memory.store import MemoryStore
from leasehold.cli.program import outcome
from leasehold.cli.tools import Tools
from leasehold.core.bundles import messages_of
from leasehold.core.errors import LedgerDamaged
from leasehold.core.events import Cancelled
from leasehold.core.model import Decision, Status
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.retention import Keep
from leasehold.core.units import HOUR
from leasehold.core.wire import PACK_CEILING, capability
from leasehold.flow.claims import LedgerClaims
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.outbox import StatusQueueOutbox
from leasehold.flow.recorder import Recorder
from leasehold.flow.retention import Pruner, Terms
from leasehold.flow.scheduler import Scheduler
from leasehold.flow.sweeper import Sweeper
from leasehold.logs import JsonLines
from leasehold.ports.ledger import Change, Existing, Need, Unreadable
from leasehold.ports.reports import Grant, StaleRun, Start
from leasehold.testing.ledger_bench import LEASE, VALIDITY, Moves
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench
from tests.servers.clusters import Clusters

UNREAD = ["state = 'bogus'", "charged = 'nobody'"]
COMMANDS = [("tasks", "show"), ("why",), ("tasks", "logs"), ("tasks", "cancel", "--yes")]


class House(NamedTuple):
    """A ledger, how commands name it, and a hand that writes into it behind its back."""

    moves: Moves
    bench: SqliteBench | PostgresBench
    address: str

    def write(self, damage: str, *task_ids: str) -> None:
        with self.bench.database.write() as tx:
            for task_id in task_ids:
                tx._cursor.execute(f"UPDATE tasks SET {damage} WHERE id = '{task_id}'")  # noqa: S608 - our words

    def run(self, statement: str) -> None:
        with self.bench.database.write() as tx:
            tx._cursor.execute(statement)

    def state(self, task_id: str) -> str:
        return self.moves.state(task_id)


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path, clusters: Clusters) -> Iterator[House]:
    if request.param == "sqlite":
        file = SqliteBench(tmp_path)
        yield House(Moves(file), file, str(tmp_path / "jobs.db"))
        file.close()
        return
    cluster = clusters["newest"]
    name = cluster.fresh()
    server = PostgresBench(cluster.url(name))
    yield House(Moves(server), server, cluster.url(name))
    server.close()
    cluster.drop(name)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "leasehold.ledger"]


# ------------ roles


def test_a_row_that_cannot_be_read_is_not_forgotten_and_the_others_are(house: House) -> None:
    bad, good, _ = house.moves.out(3)
    for task_id in (bad, good):
        house.moves.complete(task_id)
    house.write("charged = 'nobody'", bad)
    retention = DatabaseRetention(house.bench.database)
    aged = [each.task for each in retention.aged(Status.COMPLETED, 0, 1)]
    assert [task.id for task in aged] == [good]
    assert retention.forget(aged, trails=True, archived=False) == [good]
    assert retention.aged(Status.COMPLETED, 0, 1) == []
    assert house.moves.views.find_id(bad) == [bad]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE tasks SET charged = 'nobody' WHERE id = '{id}'",
        "UPDATE bodies SET arguments = '{{' WHERE task = (SELECT number FROM tasks WHERE id = '{id}')",
        "UPDATE results SET result = 'no JSON' WHERE task = (SELECT number FROM tasks WHERE id = '{id}')",
        "UPDATE runs SET ended_at = 9000000000000000000 WHERE task = (SELECT number FROM tasks WHERE id = '{id}')",
        "UPDATE tasks SET ended_at = NULL WHERE id = '{id}'",
    ],
)
def test_what_cannot_be_archived_is_not_forgotten_and_all_others_are(
    house: House, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """Chosen before it was damaged, or not seen to be when it was chosen."""
    first, bad, last, _ = house.moves.out(4)
    for task_id in (first, bad, last):
        house.moves.complete(task_id)
    store = MemoryStore()
    pruner = Pruner(DatabaseRetention(house.bench.database), store, house.bench.clock, Terms(Keep(0), archive=True))
    house.bench.let_pass(VALIDITY + LEASE + HOUR)
    house.run(damage.format(id=bad))
    for _ in range(2):
        list(pruner.round())
    assert [house.moves.views.find_id(task_id) for task_id in (first, bad, last)] == [[], [bad], []]
    archived = [line for key in store.keys("archive") for line in (store.get(key) or b"").splitlines()]
    assert [json.loads(line)["id"] for line in archived] == [first, last]
    assert len([record for record in caplog.records if bad in record.getMessage()]) <= 1


@pytest.mark.parametrize("damage", UNREAD)
def test_the_dispatcher_passes_over_what_it_cannot_read_and_sends_the_rest(
    house: House, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """The damaged ones stand first in the line, and are more than one look takes."""
    first, second, third, last = house.moves.given(4)
    house.write(damage, first, second, third)
    queue = MemoryQueue("tasks", house.bench.clock)
    dispatcher = Dispatcher(
        house.moves.ledger,
        lambda _: queue,
        house.bench.clock,
        key=b"k" * 32,
        validity=VALIDITY,
        largest_window=1,
        most_receives=10,
    )
    for _ in range(5):
        dispatcher.step()
    assert (house.state(last), queue.depth().visible) == ("pending/queued", 1)
    unread = [] if damage.startswith("state") else [first, second, third]  # who has no state stands in no line
    assert [line.split()[4] for line in told(caplog)] == unread
    lines = [json.loads(JsonLines().format(each)) for each in caplog.records if each.name == "leasehold.ledger"]
    assert [line["task"] for line in lines] == unread
    assert all("`leasehold audit`" in line for line in told(caplog))


def test_a_row_that_cannot_go_out_changes_nothing_of_who_shares_a_message(house: House) -> None:
    """It is due though a dispatch of it is open, which no rule leads to: those behind it must not take its place."""
    together = [house.moves.new(name=name) for name in ("resize", "resize", "resize", "delete")]
    policy = together[0].task.policy._replace(bundle=3)
    house.moves.submit(*(new._replace(task=new.task._replace(policy=policy)) for new in together))
    first, odd, last, other = (new.task.id for new in together)
    house.write("open = true", odd)
    sent = [[each.task.id for each in members] for members in messages_of(house.moves.dispatch())]
    assert sent == [[first, last], [other]]
    assert house.moves.views.find_id(odd) == [odd]


@pytest.mark.parametrize("damage", UNREAD)
def test_the_sweeper_and_the_scheduler_see_to_all_others_and_name_a_row_once(
    house: House, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    lapsed, lapsed_too = house.moves.out(2)
    for task_id in (lapsed, lapsed_too):
        house.moves.apply(task_id, house.moves.started())
    asleep, asleep_too = (house.moves.new(delay=1_000) for _ in range(2))
    house.moves.submit(asleep, asleep_too)
    house.write(damage, lapsed, asleep.task.id)
    house.bench.let_pass(2 * LEASE)
    bell = NullBell()
    sweeper = Sweeper(house.moves.ledger, house.bench.clock, bell, lambda: 0)
    scheduler = Scheduler(house.moves.ledger, bell)
    assert [sweeper.step(), scheduler.step()] == [1, 1]
    assert [sweeper.step(), scheduler.step()] == [0, 0]  # no work, so they rest: no hot loop
    assert (house.state(lapsed_too), house.state(asleep_too.task.id)) == ("pending/lapsed", "pending/due")
    assert sorted(line.split()[4] for line in told(caplog)) == sorted([lapsed, asleep.task.id])


def test_more_damaged_rows_than_one_look_takes_hide_no_alarm(house: House) -> None:
    *damaged, sound = house.moves.out(6)
    for task_id in (*damaged, sound):
        house.moves.apply(task_id, house.moves.started())
        house.bench.let_pass(1)
    house.write("charged = '7'", *damaged)
    house.bench.let_pass(2 * LEASE)
    assert [task_id for task_id, _ in house.moves.ledger.alarms(Need.SWEEPER, 2)] == [sound]


@pytest.mark.parametrize("damage", UNREAD)
def test_the_recorder_records_all_others(house: House, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    clock, ledger = house.bench.clock, house.moves.ledger
    ids = house.moves.out(3)
    house.write(damage, ids[1])
    key, status = ledger.secret("capability"), MemoryQueue("status", clock)
    boot = clock.boot()
    updates = [
        Update(
            f"00000000-0000-7000-8000-00000000000{nth}",
            UpdateKind.COMPLETED,
            task_id,
            capability(key, task_id, 1),
            1,
            1,
            f"00000000-0000-7000-8000-0000000000{nth}0",
            "w1",
            LEASE,
            boot,
            began_boot=boot,
            ended_boot=boot,
            result="42",
        )
        for nth, task_id in enumerate(ids)
    ]
    StatusQueueOutbox(status, clock, ceiling=PACK_CEILING).post(updates)
    recorder = Recorder(status, ledger, NullBell(), Random(1), key=key)
    while recorder.step():
        pass
    assert [house.state(ids[0]), house.state(ids[2])] == ["completed", "completed"]
    assert (status.depth().visible, status.depth().in_flight) == (0, 0)
    assert [line.split()[4] for line in told(caplog)] == [ids[1]]


@pytest.mark.parametrize("damage", UNREAD)
def test_people_workers_and_recall_get_a_reason_and_change_all_others(house: House, damage: str) -> None:
    ledger = house.moves.ledger
    damaged, claimed, running = house.moves.out(3)
    house.moves.apply(running, house.moves.started())
    house.write(damage, damaged)
    claims = LedgerClaims(ledger, NullBell())
    starts = [Start(task_id, 1, 1, f"run-{task_id}", "i-1/boot", LEASE, "receipt") for task_id in (damaged, claimed)]
    stale, granted = claims.claim(starts)
    assert isinstance(stale, StaleRun)
    assert "`leasehold audit`" in stale.reason
    assert isinstance(granted, Grant)
    assert {task.id for task in ledger.held_by(["i-1"], ahead=0, limit=9)} == {claimed, running}
    answers = ledger.apply([Change(task_id, Cancelled("ann")) for task_id in (damaged, claimed)])
    assert isinstance(answers[0], Unreadable)
    assert isinstance(answers[1], Decision)


def test_a_key_that_such_a_task_holds_stays_taken(house: House) -> None:
    new = house.moves.new(key="k")
    house.moves.submit(new)
    house.write("state = 'bogus'", new.task.id)
    assert house.moves.submit(house.moves.new(key="k")) == [Existing(new.task.id, Status.PENDING)]


# ------------ commands


@pytest.mark.parametrize("damage", UNREAD)
def test_a_list_shows_all_others_and_says_whose_row_it_left_out(
    house: House, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = house.moves.given(3)
    house.write(damage, ids[1])
    assert outcome(["tasks", "ls", "--json", "--ledger", house.address], obj=Tools()) == 0
    said = capsys.readouterr()
    assert [json.loads(line)["id"] for line in said.out.splitlines()] == [ids[2], ids[0]]
    assert f"Left out: the row of task {ids[1]} holds what nobody can read ({damage.replace('=', 'is')})" in said.err
    assert "`leasehold audit`" in said.err


@pytest.mark.parametrize("damage", UNREAD)
def test_commands_that_are_asked_for_it_say_what_nobody_can_read(
    house: House, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (task_id,) = house.moves.given()
    house.write(damage, task_id)
    for command in COMMANDS:
        assert outcome([*command, task_id, "--ledger", house.address], obj=Tools()) == 3
        said = capsys.readouterr().err
        assert said.startswith(f"leasehold: the row of task {task_id} holds what nobody can read ({damage[:5]}")
        assert "`leasehold audit`" in said


def test_whoever_waits_for_such_a_task_is_told_and_a_batch_goes_on_without_it(house: House) -> None:
    ids = house.moves.out(2, batch="november")
    for task_id in ids:
        house.moves.complete(task_id)
    house.write("state = 'bogus'", ids[0])
    with pytest.raises(LedgerDamaged, match=ids[0]):
        house.moves.views.outcomes(ids)
    assert [each.task_id for each in house.moves.views.ended("november").rows] == [ids[1]]


def test_a_failure_that_nobody_can_read_is_shown_as_such(house: House) -> None:
    (task_id,) = house.moves.out()
    house.moves.apply(task_id, house.moves.failed())
    for failure in ("nonsense", "7", '["exploded", "a", "b", "c", "d", null, null]', '["signal"]'):
        with house.bench.database.write() as tx:
            tx._cursor.execute(f"UPDATE runs SET failure = '{failure}'")  # noqa: S608 - our own words
        (run,) = house.moves.views.runs(task_id)
        assert run.failure is not None
        assert "cannot be read" in run.failure.message
        assert house.moves.views.outcomes([task_id])[0].failure == run.failure
