"""An audit proves that nothing is lost, and points at whatever has no explanation."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from leasehold.core.events import Cancelled, Completed, Dispatched, Failed, Started
from leasehold.core.model import Failure, FailureKind, Run, Status
from leasehold.core.reports import FORGED, Malformed
from leasehold.flow.audit import KINDS, Look, Terms, Verdict
from leasehold.flow.audit import audit as find_out
from leasehold.ports.queue import Depth
from leasehold.ports.views import RunView
from tests.fakes import NOW, FakeViews, a_task

BOOM = Failure(FailureKind.EXCEPTION, "ValueError", "not a WAV file\nat all")


def audit(views: FakeViews, now: int = NOW, *looks: Look, terms: Terms = Terms()) -> Verdict:  # noqa: B008 - it never changes
    """At this instant; the queues show one look after the other, the last one for good."""
    views.now = now
    seen = [*looks] or [Look(asked=False)]
    return find_out(views, lambda: seen.pop(0) if len(seen) > 1 else seen[0], terms, pause=lambda _: None)


def holding(visible: int, in_flight: int = 0, status: int | None = None) -> Look:
    return Look({"default": Depth(visible, in_flight)}, None if status is None else Depth(status, 0))


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
    verdict = audit(views, NOW, holding(1, 1))
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
    assert audit(FakeViews()).sentence.startswith("Nothing is lost: 0 tasks, nothing to do;")


def test_a_task_that_waits_after_a_failure_says_both(views: FakeViews) -> None:
    sent = (NOW - 95_000, Dispatched(NOW + 500_000))
    failed = Failed(a_run(), NOW - 5_000, BOOM, deleted=True, after=60_000)
    views.add(a_task(7), sent, (NOW - 5_000, failed))
    assert "not before its time, after: not a WAV file" in {one.reason for one in audit(views).standings}


def test_counters_that_are_wrong_are_a_problem(views: FakeViews) -> None:
    views.miscount = 2
    verdict = audit(views)
    assert problems(verdict) == {"counters": 2}
    assert "1 counter differs from the tasks it counts" in verdict.problems[0].sentence
    assert verdict.sentence == "Not everything is explained: counters."


@pytest.mark.parametrize("damage", ["gap", "short", "elsewhere"])
def test_a_trail_that_does_not_lead_to_the_task_is_a_problem(views: FakeViews, damage: str) -> None:
    trail = views.trails[a_task(2).id]
    if damage == "gap":
        del trail[2]
    elif damage == "short":
        del trail[-1]
    else:
        trail[-1] = trail[-1]._replace(after="pending/lapsed")
    verdict = audit(views)
    assert problems(verdict) == {"trail": 1}
    assert verdict.problems[0].example == a_task(2).id


def test_a_second_success_in_a_trail_is_a_problem(views: FakeViews) -> None:
    trail = views.trails[a_task(1).id]
    trail.append(trail[-1]._replace(seq=5, before="completed"))
    views.change(a_task(1).id, version=5)
    assert problems(audit(views)) == {"success": 1, "rule": 1}


def test_a_dispatch_that_no_trail_tells_of_is_a_problem(views: FakeViews) -> None:
    views.change(a_task(6).id, n=1)
    assert problems(audit(views)) == {"dispatch": 1}


def test_a_line_that_no_rule_writes_is_a_problem(views: FakeViews) -> None:
    trail = views.trails[a_task(5).id]
    trail[-1] = trail[-1]._replace(kind="started")
    verdict = audit(views)
    assert problems(verdict)["rule"] == 1
    told = "1 line of the trails is one that no rule writes; the first: 'started' from pending/due to pending/queued"
    assert told in {problem.sentence for problem in verdict.problems}


def test_a_lease_that_is_long_over_is_a_problem(views: FakeViews) -> None:
    assert audit(views, NOW + 100_000).ok
    assert problems(audit(views, NOW + 120_000)) == {"overdue lease": 1}


def test_a_message_that_is_long_void_is_a_problem(views: FakeViews) -> None:
    assert problems(audit(views, NOW + 700_000)) == {"overdue lease": 1, "overdue message": 1}


def test_what_is_settled_while_the_audit_reads_is_no_problem(views: FakeViews) -> None:
    """Each row that looks wrong is read once more before it is told."""

    class Swept(FakeViews):
        def task(self, task_id: str) -> None:
            del task_id

    assert audit(Swept(views.rows, views.trails), NOW + 700_000).ok


def test_what_the_sweeper_holds_back_while_recorders_catch_up_is_no_problem(views: FakeViews) -> None:
    views.now = NOW + 700_000
    look = holding(1, 1, status=3)
    verdict = find_out(views, lambda: look, pause=lambda _: setattr(views, "reported", NOW))
    assert verdict.ok
    assert "held back while recorders catch up on the reports that wait" in verdict.notes[0]


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
    assert check in problems(audit(views))


# -------------------------------------------------------------------------------------------------------------- queues


def test_messages_too_few_and_too_many_are_explained(views: FakeViews) -> None:
    assert audit(views, NOW, holding(1, 1)).notes == []
    few, many = audit(views, NOW, holding(1, 0)), audit(views, NOW, holding(4, 1))
    assert "holds 1 message for 2 tasks, and no report is on its way: 1 message lost or purged" in few.notes[0]
    assert "holds 3 messages that no task waits for" in many.notes[0]
    assert [(level.missing, level.surplus) for each in (few, many) for level in each.queues] == [(1, 0), (0, 3)]


def test_a_difference_that_the_next_look_does_not_show_is_none(views: FakeViews) -> None:
    """Counts of SQS are approximate; messages and reports are on their way at any time."""
    assert audit(views, NOW, holding(0), holding(1), holding(2, 0)).notes == []
    assert audit(views, NOW, holding(9), holding(9), holding(1, 1)).notes == []


def test_messages_too_few_mean_nothing_while_reports_are_on_their_way(views: FakeViews) -> None:
    verdict = audit(views, NOW, holding(1, 0, status=0), holding(1, 0, status=1), holding(1, 0, status=0))
    assert (verdict.ok, verdict.notes) == (True, [])


def reports_wait(after: Callable[[FakeViews], object]) -> Verdict:
    """Two reports wait on the status queue at every look; ``after`` each pause something happens in the ledger."""
    views = FakeViews(reported=NOW - 400_000)
    views.add(a_task(5), (NOW - 95_000, Dispatched(NOW + 500_000)))
    look = holding(1, 0, status=2)
    return find_out(views, lambda: look, pause=lambda _: after(views))


def test_reports_that_nobody_records_are_a_problem() -> None:
    verdict = reports_wait(lambda _: None)
    assert problems(verdict) == {"status": 1}
    assert verdict.problems[0].sentence == (
        "2 messages with reports on the status queue, and none was recorded in 30 s, while 1 task may hang on them: "
        "is an orchestrator running?"
    )
    assert verdict.status is not None
    assert verdict.status.stuck


def test_reports_that_wait_while_others_are_recorded_are_none() -> None:
    def record(views: FakeViews) -> None:
        views.reported = NOW

    assert reports_wait(record).ok


def test_of_a_queue_that_cannot_be_asked_nothing_is_claimed(views: FakeViews) -> None:
    mute = {"default": "queue 'default': SQS cannot be reached. Check the network"}
    verdict = audit(views, NOW, Look(mute=mute))
    assert verdict.ok
    assert verdict.sentence.endswith("; counters, trails and leases agree.")
    assert verdict.notes == [
        "what is on queue 'default' is not known: queue 'default': SQS cannot be reached. Check the network"
    ]
    assert not audit(views).queues_asked


def test_dead_letters_and_a_window_that_is_too_full_are_noted(views: FakeViews) -> None:
    look = Look({"default": Depth(1, 1)}, dead=Depth(2, 0))
    for number in (11, 12):
        views.add(a_task(number), (NOW - 95_000, Dispatched(NOW + 500_000)))
    notes = audit(views, NOW, look._replace(tasks={"default": Depth(3, 1)}), terms=Terms(window=2)).notes
    assert notes == [
        (
            "queue 'default' holds 3 tasks that nobody has started, above the window of 2: it was made smaller lately, "
            "or several orchestrators filled it at once"
        ),
        "2 messages in the dead-letter queue: an orchestrator takes them up",
    ]


# ------------------------------------------------------------------------------------------------------------ overlaps


def runs_of(task: int, *spans: Iterable[object]) -> list[RunView]:
    """(n, r, run_id, started_at, lease_until, ended_at) each."""
    found: list[RunView] = []
    for span in spans:
        n, r, run_id, started_at, lease_until, ended_at = span
        known = (n, r, run_id, f"w-{run_id}", started_at, lease_until, ended_at)
        found.append(RunView._make((a_task(task).id, *known, None, None, None, None, None, None, None, 0)))
    return found


def test_overlaps_on_a_standard_queue_are_told_with_both_runs_and_are_as_promised(views: FakeViews) -> None:
    views.run_rows = runs_of(4, (1, 1, "a", 10, 99_999, 50_000), (1, 2, "b", 40, 99_999, 60), (1, 3, "c", 60_000, 1, 1))
    verdict = audit(views, terms=Terms(duplicates=True))
    assert (verdict.ok, verdict.overlaps) == (True, 1)
    (overlap,) = verdict.overlapping
    assert (overlap.task, overlap.overlap_ms, overlap.promised) == (a_task(4).id, 20, True)
    assert (overlap.earlier.run_id, overlap.earlier.worker, overlap.earlier.until) == ("a", "w-a", 50_000)
    assert (overlap.later.dispatch, overlap.later.receive, overlap.later.started_at) == (1, 2, 40)
    assert "a standard queue may hand one message out twice at once" in verdict.notes[0]


def test_an_overlap_is_counted_also_where_the_first_run_completed_the_task(views: FakeViews) -> None:
    """One message that was delivered twice at once: the second run says nothing that the row would remember."""
    views.run_rows = runs_of(4, (1, 1, "a", 10, 99, 50), (1, 1, "b", 11, 99, 51))
    assert audit(views, terms=Terms(duplicates=True)).overlaps == 1


def test_a_run_without_an_end_counts_until_its_lease_is_over(views: FakeViews) -> None:
    views.run_rows = runs_of(4, (1, 1, "a", 10, 100, None), (1, 2, "b", 99, 300, 120))
    assert audit(views, terms=Terms(duplicates=True)).overlapping[0].overlap_ms == 1
    views.run_rows = runs_of(4, (1, 1, "a", 10, 100, None), (1, 2, "b", 100, 300, 120))
    assert audit(views, terms=Terms(duplicates=True)).overlaps == 0


def test_a_run_whose_machine_is_gone_counts_until_that_was_known(views: FakeViews) -> None:
    """Recalled: its message is given back long before its lease is over."""
    dead, next_one = runs_of(4, (1, 1, "a", 10, 100_000, None), (1, 2, "b", 5_000, 200_000, 6_000))
    views.run_rows = [dead._replace(lost_at=4_000), next_one]
    assert audit(views, terms=Terms(duplicates=True)).overlaps == 0


def test_an_overlap_where_no_queue_repeats_a_message_is_a_defect(views: FakeViews) -> None:
    views.run_rows = runs_of(4, (1, 1, "a", 10, 99_999, 50_000), (1, 2, "b", 40, 99_999, 30_000))
    verdict = audit(views)
    assert problems(verdict) == {"overlap": 1}
    assert verdict.problems[0].example == a_task(4).id
    assert not verdict.overlapping[0].promised


@pytest.mark.parametrize(
    ("first_ended", "because"),
    [(40 + 9_000, "shorter than a late report can make it look"), (120_000, "the earlier run outlived its lease")],
)
def test_an_overlap_is_no_defect_where_reports_blur_it_or_a_machine_stood_still(
    views: FakeViews, first_ended: int, because: str
) -> None:
    views.run_rows = runs_of(4, (1, 1, "a", 10, 99_999, first_ended), (1, 2, "b", 40, 199_999, 150_000))
    verdict = audit(views)
    assert verdict.ok
    assert verdict.overlapping[0].because.startswith(because)


def test_a_run_that_was_given_back_by_a_worker_that_died_before_saying_so_is_no_defect(views: FakeViews) -> None:
    """A queue that repeats nothing shows a message inside its lease only to who holds it: the earlier run had ended."""
    views.run_rows = runs_of(4, (1, 1, "a", 10, 99_999, None), (1, 2, "b", 40, 99_999, None))
    verdict = audit(views)
    assert (verdict.ok, verdict.overlaps) == (True, 1)
    assert verdict.overlapping[0].because.startswith("only the earlier run's own worker could hand the message on")


@pytest.mark.parametrize("later", [(1, 1), (2, 1)])
def test_two_runs_at_once_of_one_receive_or_of_two_dispatches_are_a_defect(
    views: FakeViews, later: tuple[int, int]
) -> None:
    views.run_rows = runs_of(4, (1, 1, "a", 10, 99_999, None), (*later, "b", 40, 99_999, None))
    assert problems(audit(views)) == {"overlap": 1}


def granted(views: FakeViews, *, ended: bool) -> Verdict:
    """Two runs of task 4, each granted by the ledger; whether the first had ended by then."""
    trail = views.trails[a_task(4).id]
    first = trail[-1]
    views.run_rows = runs_of(
        4,
        (1, 1, "run1", first.at, first.at + 60_000, first.at + 50_000),
        (1, 2, "b", first.at + 9, first.at + 99, None),
    )
    if ended:
        trail.append(first._replace(seq=len(trail) + 1, kind="released", before=first.after, after="pending/queued"))
    trail.append(first._replace(seq=len(trail) + 1, at=first.at + 9, before=trail[-1].after, r=2, run_id="b"))
    views.change(a_task(4).id, version=len(trail))
    return audit(views, terms=Terms("single-queue", duplicates=True))


def test_where_runs_are_granted_two_at_once_are_a_defect(views: FakeViews) -> None:
    assert "overlap" in problems(granted(views, ended=False))


def test_where_runs_are_granted_the_ledgers_own_order_tells_two_at_once_from_late_reports(views: FakeViews) -> None:
    verdict = granted(views, ended=True)
    assert (problems(verdict), verdict.overlaps) == ({}, 1)
    assert verdict.overlapping[0].because.startswith("the ledger granted the later run")


def test_a_run_that_was_never_granted_and_says_of_no_end_of_its_own_did_not_run(views: FakeViews) -> None:
    """Its worker never heard the refusal, and gave the message back: a twin that the queue delivered at once."""
    trail = views.trails[a_task(4).id]
    first = trail[-1]
    views.run_rows = runs_of(
        4, (1, 1, "run1", first.at, first.at + 60_000, None), (1, 1, "twin", first.at + 9, first.at + 99, first.at + 50)
    )
    trail.append(first._replace(seq=len(trail) + 1, kind="overlap", before=first.after, run_id="twin"))
    views.change(a_task(4).id, version=len(trail))
    verdict = audit(views, terms=Terms("single-queue", duplicates=True))
    assert (problems(verdict), verdict.overlaps) == ({}, 0)
    views.run_rows[1] = views.run_rows[1]._replace(outcome="completed")
    assert "overlap" in problems(audit(views, terms=Terms("single-queue", duplicates=True)))


# ---------------------------------------------------------------------------------------------------- what was refused


def test_damaged_messages_and_forgeries_are_counted_apart(views: FakeViews) -> None:
    views.damaged = [
        (NOW, Malformed("tasks", "d", "x", "no JSON")),
        (NOW, Malformed("status", "e", "x", f"{FORGED} task 1, dispatch 2")),
    ]
    verdict = audit(views)
    assert (verdict.ok, verdict.quarantined, verdict.forged) == (True, 2, 1)
    assert verdict.notes == [
        "1 damaged message is in quarantine; to see what: leasehold queue quarantine",
        (
            "1 status message holds reports of tasks that the sender was not given: they were refused, and are in "
            "quarantine; to see what: leasehold queue quarantine"
        ),
    ]


def test_what_was_refused_is_counted_by_reason(views: FakeViews) -> None:
    views.happened = {"started": 9, "repeated": 2, "ignored: it is known": 3, "refused: it is over": 1}
    refusals = audit(views).refusals
    assert (refusals.repeated, refusals.ignored, refusals.claims) == (2, {"it is known": 3}, {"it is over": 1})
    assert refusals.story["overlap"] == 0


def test_reasons_without_end_are_added_up() -> None:
    views = FakeViews()
    for number in range(KINDS + 5):
        views.add(a_task(number), (NOW, Cancelled("ann", str(number))))
    verdict = audit(views)
    assert len(verdict.standings) == KINDS + 1
    assert (verdict.standings[0].handler, verdict.standings[0].tasks) == ("(others)", 5)
