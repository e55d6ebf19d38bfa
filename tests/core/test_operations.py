"""Which tasks a bulk operation may change, and which it leaves although it has found them."""

from __future__ import annotations

import pytest

from leasehold.core.errors import BadFilter
from leasehold.core.events import Cancelled
from leasehold.core.model import Decision, Ignored
from leasehold.core.operations import concerned, deciding, gone
from tests.core.stories import NOW, a_due_task

TASK = a_due_task()


@pytest.mark.parametrize(
    ("kind", "filter_", "states"),
    [
        ("cancel", "status:in_progress,completed,failed", ("in_progress",)),
        ("cancel", "status:completed", ()),
        ("cancel", "why:due", ("pending/due",)),
        ("retry", "", ("failed", "cancelled")),
        ("retry", "status:pending", ()),
    ],
)
def test_states_in_which_it_changes_nothing_are_not_looked_for(
    kind: str, filter_: str, states: tuple[str, ...]
) -> None:
    assert concerned(kind, filter_).states == states


def test_what_is_no_filter_is_refused() -> None:
    with pytest.raises(BadFilter):
        concerned("cancel", "colour:red")


def test_what_a_newer_version_may_do_is_not_done_otherwise() -> None:
    with pytest.raises(BadFilter, match="cannot carry out 'pause', only cancel and retry"):
        concerned("pause", "")


@pytest.mark.parametrize(
    ("filter_", "group", "meant"),
    [
        ("", None, True),
        ("why:due", None, True),
        ("why:scheduled", None, False),
        ("status:in_progress", None, False),
        ("group:ab", "abc", True),
        ("group:ab", "bcd", False),
        ("group:ab", None, False),
        ("group:none", None, True),
        ("group:none", "abc", False),
        ("group:none,ab", "abc", True),
        ("-group:ab", "abc", False),
        ("-group:ab", "bcd", True),
        ("-group:ab", None, True),
        ("-group:none", None, False),
        ("-group:none", "abc", True),
    ],
)
def test_a_task_that_is_something_else_by_now_is_left(filter_: str, group: str | None, meant: bool) -> None:
    task = TASK._replace(error_group=group)
    decided = deciding(concerned("cancel", filter_))(task, Cancelled("ada"), NOW)
    assert isinstance(decided, Decision if meant else Ignored)
    if isinstance(decided, Ignored):
        assert decided == Ignored(task, "it is pending/due by now, and not what the operation asks for")


def test_one_whose_place_is_lost_says_at_which_task_and_what_to_do() -> None:
    assert gone("0198") == (
        "nobody knows any more how far it had come: task 0198, at which it stood or was to end, is gone. "
        "What it did stays done; give it again for the rest"
    )
