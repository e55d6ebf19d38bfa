"""What is counted for good: words for lines of the trail, steps for durations."""

from __future__ import annotations

import pytest

from leasehold.core import events
from leasehold.core.happening import (
    COUNTED,
    STEPS,
    Happened,
    Histogram,
    by_queue,
    counted,
    histogram,
    lasted,
    timed,
    waits_since,
)
from leasehold.core.machine import decide
from leasehold.core.model import Audit, Decision, Status, Task, Why
from leasehold.core.transitions import ALLOWED
from tests.core.stories import NOW, RUN, a_queued_task, a_run, a_running_task, completed, failed


def test_only_lines_that_may_be_written_are_counted() -> None:
    assert set(COUNTED) <= ALLOWED
    assert all(COUNTED.values())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("started", "pending/queued", "in_progress"), ("started",)),
        (("completed", "in_progress", "completed"), ("ended completed",)),
        (("completed", "failed", "completed"), ()),
        (("failed", "in_progress", "pending/scheduled"), ()),
        (("failed", "in_progress", "failed"), ("ended failed",)),
        (("lapsed", "in_progress", "failed"), ("lost lapsed", "ended failed")),
        (("lost", "in_progress", "in_progress"), ("lost overtaken",)),
        (("dead-lettered", "pending/queued", "pending/due"), ("dead-lettered",)),
        (("retried", "failed", "pending/due"), ("retried",)),
        (("submitted", "new", "pending/due"), ()),
    ],
)
def test_a_line_counts_under_what_it_says(line: tuple[str, str, str], words: tuple[str, ...]) -> None:
    assert counted(Audit(1, 0, *line, 1, 1)) == words


def test_a_duration_counts_in_its_step_and_with_its_length() -> None:
    assert lasted("waited", 0) == (("waited up to 10", 1), ("waited ms", 0))
    assert lasted("waited", STEPS[0]) == (("waited up to 10", 1), ("waited ms", 10))
    assert lasted("waited", STEPS[0] + 1) == (("waited up to 100", 1), ("waited ms", 11))
    assert lasted("waited", STEPS[-1] + 1) == (("waited beyond", 1), ("waited ms", STEPS[-1] + 1))
    assert lasted("waited", -5) == (("waited up to 10", 1), ("waited ms", 0))
    assert list(STEPS) == sorted(set(STEPS))


def test_a_histogram_adds_the_steps_up() -> None:
    found = histogram({"waited up to 10": 2, "waited up to 500": 1, "waited beyond": 1, "waited ms": 99}, "waited")
    assert found.steps == (2, 2, *[3] * (len(STEPS) - 2))
    assert (found.times, found.ms) == (4, 99)
    assert [found.share(part) for part in (0.5, 0.75, 0.95)] == [10, 500, None]
    assert Histogram((0,) * len(STEPS), 0, 0).share(0.5) is None


def test_counts_are_put_together_by_queue() -> None:
    happened = [Happened("a", "started", 1), Happened("b", "started", 2), Happened("a", "expired", 3)]
    assert by_queue(happened) == {"a": {"started": 1, "expired": 3}, "b": {"started": 2}}


def told(task: Task, event: events.Event) -> list[tuple[str, int]]:
    decision = decide(task, event, NOW + 9_000)
    assert isinstance(decision, Decision)
    return timed(decision)


def test_a_report_that_ends_a_task_brings_the_length_of_its_run_and_of_the_wait_before_it() -> None:
    run = a_run(began=NOW + 700)
    assert told(a_running_task(run), completed(run)) == [("ran completed", 5_000), ("waited", 700)]
    assert told(a_queued_task(), completed(run)) == [("ran completed", 5_000), ("waited", 700)]
    assert told(a_running_task(run), failed(run, unrecoverable=True)) == [("ran failed", 5_000), ("waited", 700)]


def test_a_run_that_ends_no_task_tells_of_no_wait() -> None:
    assert told(a_running_task(), failed(deleted=True)) == [("ran failed", 5_000)]
    assert told(a_queued_task(), events.Started(RUN)) == []


def test_a_run_that_began_before_its_task_was_due_again_tells_of_no_wait() -> None:
    late = a_running_task()._replace(due_at=NOW + 1)
    assert told(late, completed()) == [("ran completed", 5_000)]


@pytest.mark.parametrize(
    ("why", "n", "since"),
    [
        (Why.SCHEDULED, 0, NOW - 9_000),
        (Why.DUE, 0, NOW - 5_000),
        (Why.QUEUED, 1, NOW - 5_000),
        (Why.DUE, 1, NOW - 9_000),
        (Why.QUEUED, 2, NOW - 9_000),
        (Why.LAPSED, 1, NOW - 9_000),
    ],
)
def test_a_delay_is_no_wait_while_the_task_goes_out_for_the_first_time(why: Why, n: int, since: int) -> None:
    task = a_queued_task()._replace(status=Status.PENDING, why=why, n=n, created_at=NOW - 9_000, due_at=NOW - 5_000)
    assert waits_since(task) == since
