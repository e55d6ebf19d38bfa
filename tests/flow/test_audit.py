"""An audit proves that nothing is lost, and points at whatever has no explanation."""

from __future__ import annotations

import pytest

from leasehold.core.events import Cancelled, Completed, Dispatched, Failed, Started
from leasehold.core.model import Failure, FailureKind, Run, Status
from leasehold.core.reports import Malformed
from leasehold.flow.audit import KINDS, Verdict, audit
from leasehold.ports.queue import Depth
from leasehold.ports.views import Count, RunView
from tests.fakes import NOW, FakeViews, a_task

BOOM = Failure(FailureKind.EXCEPTION, "ValueError", "not a WAV file\nat all")


def a_run(r: int = 1, at: int = NOW - 90_000, lease_until: int = NOW - 30_000) -> Run:
    return Run(1, r, f"run{r}", "w1", lease_until, at)


@pytest.fixture
def views() -> FakeViews:
    """A completed, a failed, a cancelled, a running, a queued and a due task."""
    views = FakeViews()
    sent, begun = (NOW - 95_000, Dispatched(NOW + 500_000)), (NOW - 90_000, Started(a_run()))
    views.add(a_task(1), sent, begun, (NOW - 80_000, Completed(a_run(), NOW - 80_000)))
    views.add(a_task(2), sent, begun, (NOW - 80_000, Failed(a_run(), NOW - 80_000, BOOM, unrecoverable=True)))
    views.add(a_task(3), (NOW - 95_000, Cancelled("ann", "too dear")))
    views.add(a_task(4), sent, (NOW - 5_000, Started(a_run(at=NOW - 5_000, lease_until=NOW + 55_000))))
    views.add(a_task(5), sent)
    views.add(a_task(6))
    return views


def problems(verdict: Verdict) -> dict[str, int]:
    return {problem.check: problem.tasks for problem in verdict.problems}


def test_every_task_is_completed_or_listed_with_its_reason(views: FakeViews) -> None:
    verdict = audit(views, NOW, depths={"default": Depth(1, 1)})
    assert verdict.ok
    assert verdict.sentence == (
        "Nothing is lost: 6 tasks, 1 completed, 5 listed with their reason; counters, trails, leases and queues agree."
    )
    assert {(one.state, one.reason) for one in verdict.standings} == {
        ("failed", "not a WAV file"),
        ("cancelled", "cancelled by ann: too dear"),
        ("in_progress", "is being run"),
        ("pending/queued", "is on the queue, waits for a worker"),
        ("pending/due", "waits for its turn"),
    }
    assert verdict.trails == 6


def test_when_all_is_done_that_is_said() -> None:
    assert audit(FakeViews(), NOW).sentence.startswith("Nothing is lost: 0 tasks, nothing to do;")


def test_a_task_that_waits_after_a_failure_says_both(views: FakeViews) -> None:
    sent = (NOW - 95_000, Dispatched(NOW + 500_000))
    failed = Failed(a_run(), NOW - 5_000, BOOM, deleted=True, after=60_000)
    views.add(a_task(7), sent, (NOW - 5_000, failed))
    assert "not before its time, after: not a WAV file" in {one.reason for one in audit(views, NOW).standings}


def test_counters_that_stay_wrong_are_a_problem(views: FakeViews) -> None:
    views.miscount = 2
    verdict = audit(views, NOW)
    assert problems(verdict) == {"counters": 2}
    assert "1 counter differs from the tasks it counts" in verdict.problems[0].sentence
    assert verdict.sentence == "Not everything is explained: counters."


def test_counters_that_were_only_moving_are_none(views: FakeViews) -> None:
    class Moving(FakeViews):
        def counts(self, *, queue: str | None = None, batch: str | None = None) -> list[Count]:
            self.miscount = max(0, self.miscount - 1)
            return super().counts(queue=queue, batch=batch)

    assert audit(Moving(views.rows, views.trails, miscount=3), NOW).ok


@pytest.mark.parametrize("damage", ["gap", "short", "elsewhere"])
def test_a_trail_that_does_not_lead_to_the_task_is_a_problem(views: FakeViews, damage: str) -> None:
    trail = views.trails[a_task(1).id]
    if damage == "gap":
        del trail[1]
    elif damage == "short":
        del trail[-1]
    else:
        trail[-1] = trail[-1]._replace(after="failed")
    verdict = audit(views, NOW)
    assert problems(verdict) == {"trail": 1}
    assert verdict.problems[0].example == a_task(1).id


def test_a_trail_that_has_grown_since_the_row_was_read_is_none(views: FakeViews) -> None:
    trail = views.trails[a_task(6).id]
    trail.append(trail[-1]._replace(seq=2, kind="dispatched", after="pending/queued"))
    assert audit(views, NOW).ok


def test_a_lease_that_is_long_over_is_a_problem(views: FakeViews) -> None:
    assert audit(views, NOW + 100_000).ok
    assert problems(audit(views, NOW + 120_000)) == {"overdue lease": 1}


def test_a_message_that_is_long_void_is_a_problem(views: FakeViews) -> None:
    assert problems(audit(views, NOW + 700_000)) == {"overdue lease": 1, "overdue message": 1}


def test_a_task_whose_time_came_long_ago_is_a_problem() -> None:
    views = FakeViews()
    views.add(a_task(1, due_at=NOW))
    assert problems(audit(views, NOW + 61_000)) == {"overdue start": 1}


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"ended_at": None}, "end"),
        ({"status": Status.PENDING, "ended_at": None}, "state"),
        ({"status": Status.IN_PROGRESS, "ended_at": None, "lease_until": NOW, "attempts": 5}, "budget"),
    ],
)
def test_a_row_that_no_rule_leads_to_is_a_problem(fields: dict[str, object], check: str) -> None:
    views = FakeViews()
    views.add(a_task(1), (NOW, Cancelled("ann")))
    views.change(a_task(1).id, **fields)
    assert check in problems(audit(views, NOW))


def test_messages_too_few_and_too_many_are_explained(views: FakeViews) -> None:
    assert audit(views, NOW, depths={"default": Depth(1, 1)}).notes == []
    assert "holds 1 message for 2 tasks" in audit(views, NOW, depths={"default": Depth(1, 0)}).notes[0]
    assert "holds 3 messages that no task waits for" in audit(views, NOW, depths={"default": Depth(4, 1)}).notes[0]


def test_of_a_queue_that_cannot_be_asked_nothing_is_claimed(views: FakeViews) -> None:
    verdict = audit(
        views, NOW, depths={}, mute={"default": "queue 'default': SQS cannot be reached. Check the network"}
    )
    assert verdict.ok
    assert verdict.sentence.endswith("; counters, trails and leases agree.")
    assert verdict.notes == [
        "what is on queue 'default' is not known: queue 'default': SQS cannot be reached. Check the network"
    ]
    assert not audit(views, NOW).queues_asked


def test_overlaps_and_damaged_messages_are_counted(views: FakeViews) -> None:
    first = RunView(a_task(4).id, 1, 1, "a", "w1", 10, 99, 50, None, None, None, None, None, None, None, 0)
    views.run_rows = [first, first._replace(r=2, started_at=40, ended_at=60), first._replace(r=3, ended_at=None)]
    views.change(a_task(4).id, r=3)
    views.damaged = [(NOW, Malformed("tasks", "d", "x", "no JSON"))]
    verdict = audit(views, NOW)
    assert (verdict.ok, verdict.overlaps, verdict.quarantined, len(verdict.notes)) == (True, 1, 1, 2)
    assert verdict.notes[1] == "1 damaged message is in quarantine; to see what: leasehold queue quarantine"


def test_an_overlap_is_counted_also_where_the_first_run_completed_the_task(views: FakeViews) -> None:
    """One message that was delivered twice at once: the second run says nothing that the row would remember."""
    first = RunView(a_task(4).id, 1, 1, "a", "w1", 10, 99, 50, "completed", None, None, None, None, None, None, 0)
    views.run_rows = [first, first._replace(run_id="b", worker="w2", started_at=11, ended_at=51)]
    assert views.rows[a_task(4).id].task.r <= 1
    assert audit(views, NOW).overlaps == 1


def test_of_many_tasks_trails_are_read_here_and_there(views: FakeViews) -> None:
    assert audit(views, NOW, trails=2).trails == 2
    assert audit(views, NOW, trails=None).trails == 6


def test_reasons_without_end_are_added_up() -> None:
    views = FakeViews()
    for number in range(KINDS + 5):
        views.add(a_task(number), (NOW, Cancelled("ann", str(number))))
    verdict = audit(views, NOW)
    assert len(verdict.standings) == KINDS + 1
    assert (verdict.standings[0].handler, verdict.standings[0].tasks) == ("(others)", 5)
