"""What may be forgotten, and what never."""

from __future__ import annotations

import pytest

from leasehold.core.model import Policy, Status, Task, Why
from leasehold.core.retention import Keep, may_go

NOW = 10_000_000
KEEP = Keep(completed=1_000, failed=5_000, keys=60_000)
DONE = Task(
    "1", "transcribe", "default", Policy(60_000), created_at=NOW - 9_000, due_at=0, status=Status.COMPLETED, why=None
)._replace(ended_at=NOW - 1_000)


def goes(task: Task, *, keyed: bool = False, keep: Keep = KEEP) -> bool:
    return may_go(task, keyed=keyed, keep=keep, now=NOW)


def test_a_task_goes_when_its_time_after_its_end_is_over() -> None:
    assert goes(DONE)
    assert not goes(DONE._replace(ended_at=NOW - 999))


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_what_somebody_might_try_again_has_a_time_of_its_own(status: Status) -> None:
    assert not goes(DONE._replace(status=status))
    assert goes(DONE._replace(status=status, ended_at=NOW - 5_000))


def test_by_default_everything_is_kept() -> None:
    assert not goes(DONE, keep=Keep())
    assert not goes(DONE._replace(status=Status.FAILED, ended_at=1), keep=Keep(completed=1))


@pytest.mark.parametrize(("status", "why"), [(Status.IN_PROGRESS, None), *((Status.PENDING, why) for why in Why)])
def test_what_has_not_ended_never_goes(status: Status, why: Why | None) -> None:
    assert not goes(DONE._replace(status=status, why=why, ended_at=None))


def test_a_task_stays_as_long_as_its_key_is_promised() -> None:
    assert not goes(DONE._replace(created_at=NOW - 59_999), keyed=True)
    assert goes(DONE._replace(created_at=NOW - 60_000), keyed=True)


def test_a_task_stays_as_long_as_its_message_may_be_received_or_its_run_may_be_alive() -> None:
    out = DONE._replace(open=True, void_at=NOW + 1)
    assert not goes(out)
    assert goes(out._replace(void_at=NOW))
    assert not goes(out._replace(void_at=NOW, lease_until=NOW + 1))
    assert not goes(out._replace(void_at=NOW, lease_until=NOW + 1, run_open=True))
    assert goes(out._replace(void_at=NOW, lease_until=NOW))
    assert goes(DONE._replace(void_at=NOW + 1, lease_until=NOW + 1))
