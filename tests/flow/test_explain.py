"""Each state of a task has its one paragraph: what it waits for, since when, what was spent, and what to do."""

from __future__ import annotations

from datetime import UTC

import pytest

from leasehold.core.model import Audit, Policy, Status, Task, Why
from leasehold.flow.explain import Case, Explanation, explain, say_age, say_instant
from leasehold.ports.views import QueueView, RunView, TaskView

NOW = 1_800_000_000_000  # 2027-01-15 08:00:00 UTC
TASK = Task("t1", "transcribe", "media", Policy(60_000), NOW - 100_000, NOW, Status.PENDING, Why.DUE, updated_at=NOW)


def line(kind: str, detail: str | None = None) -> Audit:
    return Audit(1, NOW, kind, "", "", 1, 1, "run", detail)


def run(**fields: object) -> RunView:
    blank = RunView("t1", 1, 1, "run", "w1", NOW - 30_000, NOW, None, None, None, None, None, None, None, None, 0)
    return blank._replace(**fields)


def why(
    task: Task,
    *,
    trail: tuple[Audit, ...] = (),
    runs: tuple[RunView, ...] = (),
    counts: dict[str, int] | None = None,
    paused: bool = False,
    **cold: object,
) -> Explanation:
    view = TaskView(task, None, "{}", None, None, None, None, None)._replace(**cold)
    queue = QueueView(task.queue, paused, counts or {})
    return explain(Case(view, runs, trail, queue, NOW, UTC))


def pending(reason: Why, **fields: object) -> Task:
    return TASK._replace(why=reason, **fields)


def test_a_blocked_task_waits_for_others() -> None:
    assert why(pending(Why.BLOCKED)).paragraph == "It waits for other tasks to end first."


def test_a_task_with_a_time_of_its_own_says_it() -> None:
    story = why(pending(Why.SCHEDULED, due_at=NOW + 90_000), trail=(line("submitted"),))
    assert story.paragraph == "It is not to start before 08:01:30 (in 1 min 30 s)."
    assert story.remedies[0].command == "tasks cancel t1"


def test_a_task_that_waits_for_its_backoff_says_what_failed_and_when_it_is_tried_again() -> None:
    task = pending(Why.SCHEDULED, due_at=NOW + 20_000, attempts=1)
    story = why(task, trail=(line("submitted"), line("failed", "disk full.\nat line 3")))
    assert story.paragraph == (
        'Its last run failed: "disk full". It will be tried again at 08:00:20 (in 20 s), attempt 2 of 5. '
        "So far it has used 1 of 5 attempts."
    )


def test_a_task_that_no_worker_knows_says_so() -> None:
    task = pending(Why.SCHEDULED, due_at=NOW + 20_000)
    story = why(task, trail=(line("failed", "old"), line("refused", "no worker knows 'transcribe'")))
    assert story.paragraph == "No worker knows 'transcribe'. It will be offered again at 08:00:20 (in 20 s)."
    assert story.remedies[0].command == "worker --queues media --app MODULE:APP"


def test_a_task_whose_time_passed_long_ago_misses_an_orchestrator() -> None:
    story = why(pending(Why.SCHEDULED, due_at=NOW - 120_000))
    assert "no orchestrator has made it due" in story.paragraph
    assert story.remedies[0].command == "orchestrator"


def test_a_due_task_of_a_paused_queue_says_that_it_is_paused() -> None:
    story = why(TASK, paused=True)
    assert story.paragraph == "Queue 'media' is paused, so none of its tasks is sent out."
    assert story.remedies[0].command == "queue resume media"


def test_a_due_task_says_how_many_wait_with_it() -> None:
    task = TASK._replace(updated_at=NOW - 5_000)
    assert why(task, counts={"pending/due": 1_201, "in_progress": 3}).paragraph == (
        "It is due since 07:59:55 (5 s ago) and waits in the ledger, with 1,200 other tasks of queue 'media', "
        "for its turn."
    )
    assert "alone in queue 'media'" in why(task, counts={"pending/due": 1}).paragraph


def test_a_due_task_behind_a_queue_that_nobody_serves_asks_for_a_worker() -> None:
    story = why(TASK, counts={"pending/due": 3, "pending/queued": 8})
    assert story.paragraph.endswith(
        "for its turn: 8 tasks of that queue are sent out and none is running, so perhaps no worker serves it."
    )
    assert story.remedies[0].command == "worker --queues media"


def test_a_task_that_is_due_for_long_while_nothing_is_sent_misses_an_orchestrator() -> None:
    story = why(TASK._replace(updated_at=NOW - 300_000), counts={"pending/due": 4})
    assert "no orchestrator seems to be running" in story.paragraph


def test_a_queued_task_says_who_is_served_before_it() -> None:
    task = pending(Why.QUEUED, open=True, void_at=NOW + 600_000)
    assert why(task, counts={"pending/queued": 8, "in_progress": 1}).paragraph == (
        "It is on queue 'media' since 08:00:00 (now) and waits for a free worker: 1 task of that queue is running, "
        "7 other tasks are queued."
    )


def test_a_queued_task_while_nothing_runs_asks_for_a_worker() -> None:
    story = why(pending(Why.QUEUED, open=True, void_at=NOW + 600_000), counts={"pending/queued": 1})
    assert "perhaps no worker serves it" in story.paragraph
    assert story.remedies[0].command == "worker --queues media"


def test_a_queued_task_that_was_given_back_says_why() -> None:
    task = pending(Why.QUEUED, open=True, void_at=NOW + 600_000)
    story = why(task, trail=(line("released", "spot notice"),), counts={"pending/queued": 1, "in_progress": 2})
    assert story.paragraph.endswith("Its last run gave it back (spot notice).")


def test_a_queued_task_that_was_refused_says_by_whom_it_is_not_known() -> None:
    task = pending(Why.QUEUED, open=True, void_at=NOW + 600_000)
    story = why(task, trail=(line("refused", "no worker knows 'transcribe'"),))
    assert story.paragraph.startswith("No worker knows 'transcribe'. It is on queue 'media' again")


def test_a_queued_task_whose_message_is_lost_says_so() -> None:
    story = why(pending(Why.QUEUED, open=True, void_at=NOW - 120_000))
    assert "is lost since 07:58:00 (2 min ago)" in story.paragraph


def lapsed(**fields: object) -> Task:
    fields = {"open": True, "void_at": NOW + 60_000, "worker": "w1", "lease_until": NOW - 3_000, "losses": 1} | fields
    return pending(Why.LAPSED, **fields)


def test_a_lapsed_task_says_whose_lease_ended_and_what_brings_the_next_run() -> None:
    story = why(lapsed(), trail=(line("lapsed"),))
    assert story.paragraph == (
        "Nothing was heard of its run on worker w1, and its lease ended at 07:59:57 (3 s ago). Its message comes back "
        "to queue 'media' by itself, or another is sent at 08:01:00 (in 1 min). So far it has used 1 of 20 losses."
    )


def test_a_recalled_task_says_that_its_machine_is_gone() -> None:
    assert "its machine is gone for good" in why(lapsed(), trail=(line("recalled"),)).paragraph


def test_a_failed_run_whose_message_was_not_deleted_waits_for_it_to_come_back() -> None:
    story = why(lapsed(attempts=2), trail=(line("failed", "boom"),))
    assert story.paragraph.startswith('Its last run failed: "boom". Its message comes back')
    assert story.paragraph.endswith("So far it has used 2 of 5 attempts and 1 of 20 losses.")


def test_a_lapsed_task_long_after_its_dispatch_is_void_misses_an_orchestrator() -> None:
    story = why(lapsed(void_at=NOW - 120_000), trail=(line("lapsed"),))
    assert "no orchestrator has sent another" in story.paragraph


def in_progress(**fields: object) -> Task:
    fields = {"worker": "w1", "run_id": "run", "lease_until": NOW + 240_000} | fields
    return TASK._replace(status=Status.IN_PROGRESS, why=None, **fields)


def test_a_running_task_says_where_since_when_how_far_and_until_when() -> None:
    story = why(in_progress(), runs=(run(),), fraction=0.45, note="segment 9")
    assert story.paragraph == (
        "Worker w1 runs it since 07:59:30 (30 s ago), 45% done (segment 9) and holds its lease until 08:04:00 "
        "(in 4 min); if that worker vanishes, another one takes over then."
    )


def test_a_running_task_whose_lease_is_long_over_misses_an_orchestrator() -> None:
    assert "nobody has noted it" in why(in_progress(lease_until=NOW - 90_000)).paragraph


def ended(status: Status, **fields: object) -> Task:
    return TASK._replace(status=status, why=None, ended_at=NOW - 60_000, **fields)


def test_a_completed_task_is_done() -> None:
    runs = (run(outcome="completed", ended_at=NOW - 25_000),)
    story = why(ended(Status.COMPLETED), runs=runs)
    assert story.paragraph == "It is done: completed at 07:59:00 (1 min ago) by worker w1 after 5 s."
    assert why(ended(Status.COMPLETED, losses=1), runs=runs).paragraph.endswith(" It used 1 of 20 losses.")


def test_a_task_that_failed_for_good_says_what_its_code_said() -> None:
    story = why(ended(Status.FAILED, reason="not a WAV file", attempts=1))
    assert story.paragraph == (
        'It failed at 07:59:00 (1 min ago): "not a WAV file", and trying again cannot help. It used 1 of 5 attempts.'
    )
    assert story.remedies[0].command == "tasks retry t1"


def test_a_task_that_spent_its_last_attempt_says_so() -> None:
    assert "its last attempt is spent" in why(ended(Status.FAILED, reason="boom", attempts=5)).paragraph


def test_a_task_that_failed_without_a_word_says_that() -> None:
    assert "it did not say why" in why(ended(Status.FAILED, attempts=5)).paragraph


def test_a_failure_that_is_only_inferred_says_that_it_can_still_be_put_right() -> None:
    story = why(ended(Status.FAILED, inferred=True, losses=20, reason="lost 20 times"))
    assert "its machine went away 20 times" in story.paragraph
    assert "would still put that right" in story.paragraph


def test_a_cancelled_task_says_by_whom_and_whether_a_run_lives_on() -> None:
    gone = ended(Status.CANCELLED, reason="cancelled by ann: too dear")
    assert why(gone).paragraph == "It was cancelled by ann: too dear, at 07:59:00 (1 min ago)."
    alive = gone._replace(open=True, run_open=True, lease_until=NOW + 5_000)
    assert "A run of it may live on until 08:00:05 (in 5 s)" in why(alive).paragraph


def test_a_task_cancelled_by_its_parent_names_it() -> None:
    gone = ended(Status.CANCELLED, reason="its parent p is failed", cancelled_by="p")
    assert why(gone).paragraph.startswith("It was cancelled because its parent p did not succeed")


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("reason", list(Why))
def test_every_state_has_its_paragraph_even_when_nothing_else_is_known(status: Status, reason: Why) -> None:
    task = TASK._replace(status=status, why=reason if status is Status.PENDING else None)
    story = explain(Case(TaskView(task, None, None, None, None, None, None, None), (), (), None, NOW, UTC))
    assert story.paragraph.startswith(("It ", "Its ", "Nothing ", "Worker ", "No "))
    assert story.paragraph.endswith(".")


@pytest.mark.parametrize(
    ("gap", "said"),
    [(0, "now"), (-900, "now"), (-12_000, "12 s ago"), (300_000, "in 5 min"), (-90_000_000, "1 d 1 h ago")],
)
def test_ages_are_relative(gap: int, said: str) -> None:
    assert say_age(NOW + gap, NOW) == said


def test_a_far_instant_has_its_date() -> None:
    assert say_instant(NOW - 90_000_000, NOW, UTC) == "2027-01-14 07:00:00 (1 d 1 h ago)"
