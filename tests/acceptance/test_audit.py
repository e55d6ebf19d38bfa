"""``leasehold audit`` on PostgreSQL and SQS names what was doctored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from leasehold.assemble import Parts
from leasehold.cli.program import outcome
from leasehold.cli.tools import Tools
from leasehold.core.events import Completed, Started
from leasehold.core.model import Policy, Run
from leasehold.core.reports import Update, UpdateKind
from leasehold.core.wire import PACK_CEILING, capability
from leasehold.flow.client import Order
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.outbox import StatusQueueOutbox
from leasehold.flow.recorder import Recorder
from leasehold.ports.ledger import Change
from leasehold.ports.queue import Message
from leasehold.settings import read_settings
from leasehold.testing.sqs_server import SqsServer
from tests.servers import aws
from tests.servers.clusters import Cluster, Clusters

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

# ----------------------------------------------------------------------------------------------------- doctored ledgers


@dataclass
class Site:
    """Six tasks on PostgreSQL and SQS: two completed, one running, two queued, one due; nobody works."""

    parts: Parts
    cluster: Cluster
    database: str
    sqs: SQSClient
    capsys: pytest.CaptureFixture[str]
    command: Callable[..., int]
    ids: list[str]

    def doctor(self, sql: str) -> None:
        """Change the ledger behind its back; ``{0}`` is the first task's id, ``{first}`` its number."""
        first = f"(SELECT number FROM tasks WHERE id = '{self.ids[0]}')"  # noqa: S608 - an id of our own
        self.cluster.run(sql.format(*self.ids, first=first), self.database)

    def queue_url(self, name: str) -> str:
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def audit(self, code: int = 0) -> dict[str, Any]:
        """Its verdict, after a look at the exit code."""
        assert self.command("audit", "--json") == code, self.capsys.readouterr()
        return json.loads(self.capsys.readouterr().out)

    def problems(self) -> dict[str, int]:
        """What it cannot explain."""
        return {each["check"]: each["tasks"] for each in self.audit(1)["problems"]}


@pytest.fixture
def place(
    tmp_path: Path, clusters: Clusters, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Site]:
    cluster = clusters["newest"]
    database = cluster.fresh()
    with SqsServer(region=aws.REGION) as server:
        given = {
            **aws.environment(server.url, tmp_path),
            "LEASEHOLD_LEDGER": cluster.url(database),
            "LEASEHOLD_QUEUES": "sqs://harbour",
            "LEASEHOLD_STORE": str(tmp_path / "store"),
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        tools = Tools(pause=lambda _: None)
        parts = Parts(read_settings())
        assert outcome(["init"], obj=tools) == 0
        capsys.readouterr()
        import boto3

        yield Site(
            parts,
            cluster,
            database,
            boto3.client("sqs"),
            capsys,
            lambda *words: outcome(words, obj=tools),
            begun(parts),
        )
        parts.close()
    cluster.drop(database)


def begun(parts: Parts) -> list[str]:
    """Six tasks, each somewhere else; their ids."""
    ids = [parts.client.submit(Order("transcribe", "{}", Policy(600_000))).task_id for _ in range(6)]
    dispatcher(parts, 5).step()
    now = parts.ledger.now()
    for number, task_id in enumerate(ids[:3]):
        run = Run(1, 1, f"run-{number}", f"worker-{number}", now + 600_000, now - 9_000)
        parts.ledger.apply([Change(task_id, Started(run))])
        if number < 2:
            parts.ledger.apply([Change(task_id, Completed(run, now - 1_000))])
    queue = parts.queues.tasks("default")
    ended = queue.receive(2, wait=0, visibility=600_000).deliveries
    queue.delete([each.receipt for each in ended])
    queue.receive(1, wait=0, visibility=600_000)
    return ids


def dispatcher(parts: Parts, window: int) -> Dispatcher:
    return Dispatcher(
        parts.ledger,
        parts.queues.tasks,
        parts.clock,
        key=b"k" * 32,
        validity=600_000,
        largest_window=window,
        most_receives=10,
    )


def test_a_system_that_stands_still_is_sound(place: Site) -> None:
    verdict = place.audit()
    assert verdict["notes"] == []
    assert verdict["queues"] == [
        {
            "queue": "default",
            "visible": 2,
            "in_flight": 1,
            "queued": 2,
            "in_progress": 1,
            "lapsed": 0,
            "unstarted": 2,
            "ended_open": 2,
            "missing": 0,
            "surplus": 0,
        }
    ]
    assert (verdict["status"]["visible"], verdict["status"]["stuck"], verdict["dead_letters"]["visible"]) == (
        0,
        False,
        0,
    )
    assert verdict["sentence"].endswith("counters, trails, leases and queues agree.")


def test_messages_that_were_lost_are_named(place: Site) -> None:
    place.sqs.purge_queue(QueueUrl=place.queue_url("harbour-tasks-default"))
    verdict = place.audit()
    assert verdict["queues"][0]["missing"] == 3
    assert "3 messages lost or purged; their tasks are sent again when they are void" in verdict["notes"][0]


def test_a_strangers_message_is_named(place: Site) -> None:
    place.sqs.send_message(QueueUrl=place.queue_url("harbour-tasks-default"), MessageBody="hello")
    verdict = place.audit()
    assert verdict["queues"][0]["surplus"] == 1
    assert "holds 1 message that no task waits for" in verdict["notes"][0]


def test_a_message_that_is_only_delayed_is_not_missing(place: Site) -> None:
    url = place.queue_url("harbour-tasks-default")
    place.sqs.purge_queue(QueueUrl=url)
    for _ in range(3):
        place.sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    assert place.audit()["notes"] == []


DAMAGES = {
    "UPDATE tasks SET state = 'completed', ended_at = 1 WHERE id = '{5}'": {"trail", "success", "counters"},
    "UPDATE tasks SET version = version + 1 WHERE id = '{3}'": {"trail"},
    "UPDATE tasks SET n = n + 1 WHERE id = '{3}'": {"dispatch"},
    "UPDATE tasks SET ended_at = NULL WHERE id = '{0}'": {"end"},
    "UPDATE tasks SET attempts = max_attempts WHERE id = '{3}'": {"budget"},
    "UPDATE tasks SET losses = -1 WHERE id = '{3}'": {"negative"},
    "UPDATE tasks SET state = 'bogus' WHERE id = '{3}'": {"row", "counters"},
    "DELETE FROM tasks WHERE id = '{3}'": {"stray", "counters"},
    "DELETE FROM audit WHERE task = {first}": {"trail", "dispatch", "success"},
    "UPDATE tasks SET lease_until = 1, alarm = 1 WHERE id = '{2}'": {"overdue lease"},
    "DELETE FROM audit WHERE seq = 2 AND task = {first}": {"trail", "dispatch"},
    "DELETE FROM audit WHERE kind = 'completed' AND task = {first}": {"trail", "success"},
    "UPDATE audit SET kind = 'started' WHERE seq = 4 AND task = {first}": {"success", "rule"},
    "DELETE FROM runs WHERE task = {first}": {"success"},
    "INSERT INTO audit (task, seq, at, kind, before, after) "
    "SELECT number, 5, ended_at, 'completed', 'completed', 'completed' FROM tasks WHERE id = '{0}'": {
        "trail",
        "success",
        "rule",
    },
    "INSERT INTO counter_deltas (queue, state, name, batch, error_group, tasks) "
    "VALUES ('default', 'failed', 'transcribe', '', '', 3)": {"counters"},
}


@pytest.mark.parametrize(("sql", "checks"), DAMAGES.items(), ids=range(len(DAMAGES)))
def test_what_was_changed_behind_the_ledgers_back_is_named(place: Site, sql: str, checks: set[str]) -> None:
    place.doctor(sql)
    assert place.problems().keys() == checks


SECOND_RUN = """INSERT INTO runs (task, n, r, run_id, worker, started_at, lease_until, ended_at)
SELECT task, 1, 2, 'other', 'worker-9', started_at + 1000, lease_until, ended_at + 60000
FROM runs WHERE run_id = 'run-0'"""


GRANTED_TO_IT = """UPDATE audit SET kind = 'started', after = 'in_progress', run_id = 'other', r = 2
WHERE seq = 4 AND task = {first}"""


def test_two_runs_at_once_are_listed_and_are_as_promised_on_a_standard_queue(place: Site) -> None:
    place.doctor(SECOND_RUN)
    verdict = place.audit()
    (overlap,) = verdict["overlapping"]
    assert (overlap["task"], overlap["promised"], overlap["overlap_ms"]) == (place.ids[0], True, 7_000)
    assert (overlap["earlier"]["worker"], overlap["later"]["worker"]) == ("worker-0", "worker-9")
    assert (overlap["later"]["dispatch"], overlap["later"]["receive"], overlap["later"]["ended"]) == (1, 2, True)


def test_two_runs_at_once_are_a_defect_where_each_was_granted_by_the_ledger(
    place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.doctor(SECOND_RUN)
    place.doctor(GRANTED_TO_IT)
    monkeypatch.setenv("LEASEHOLD_TOPOLOGY", "single-queue")
    assert "overlap" in place.problems()


def test_reports_that_nobody_records_are_named(place: Site) -> None:
    place.sqs.send_message(QueueUrl=place.queue_url("harbour-status"), MessageBody="a report")
    assert place.problems() == {"status": 3}
    assert place.audit(1)["status"]["stuck"] is True


def test_forged_and_damaged_reports_are_counted_apart(place: Site) -> None:
    parts, status, task_id = place.parts, place.parts.queues.status(), place.ids[3]
    forged = Update(
        status_id=str(uuid4()),
        kind=UpdateKind.COMPLETED,
        task_id=task_id,
        capability=capability(b"x" * 32, task_id, 1),
        n=1,
        r=1,
        run_id=str(uuid4()),
        worker="worker-9",
        lease=600_000,
        received_boot=parts.clock.boot(),
        began_boot=parts.clock.boot(),
        ended_boot=parts.clock.boot(),
        result="42",
    )
    StatusQueueOutbox(status, parts.clock, ceiling=PACK_CEILING).post([forged])
    status.send([Message("nonsense")])
    recorder = Recorder(status, parts.ledger, parts.bell, Random(1), key=parts.ledger.secret("capability"))
    while recorder.step():
        pass
    verdict = place.audit()
    assert (verdict["quarantined"], verdict["forged"]) == (2, 1)
    assert any(note.startswith("1 status message holds reports of tasks") for note in verdict["notes"])
    assert (verdict["states"]["pending/queued"], verdict["states"]["completed"]) == (2, 2)


def test_reports_that_came_twice_or_too_late_are_counted_by_reason(place: Site) -> None:
    """Run 0 reports its success once more, under the same id and under another one."""
    parts, now = place.parts, place.parts.ledger.now()
    run = Run(1, 1, "run-0", "worker-0", now + 600_000, now - 9_000)
    for status_id in ("a", "a", "b"):
        parts.ledger.apply([Change(place.ids[0], Completed(run, now), status_id)])
    refusals = place.audit()["refusals"]
    assert refusals["repeated"] == 1
    assert refusals["ignored"] == {"the task is completed; nothing undoes a success": 2}


def test_people_see_queues_and_overlaps_beside_the_verdict(place: Site) -> None:
    place.doctor(SECOND_RUN)
    assert place.command("audit") == 0
    said = place.capsys.readouterr().out
    assert "EARLIER RUN" in said
    assert "2 + 1 in flight" in said
    assert "Note: 1 task had two runs at once (a standard queue may hand one message out twice at once)" in said
