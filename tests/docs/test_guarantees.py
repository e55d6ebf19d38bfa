"""The tests that stand behind the guarantees, and behind all that can go wrong, are there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import table, text_of
from tests.tooling.repository import texts

PAGE = text_of("docs/guarantees.md")
NAMED = re.compile(r"`(test_\w+)`")


@pytest.mark.parametrize("page", ["guarantees", "reliability"])
def test_every_test_that_is_named_exists(page: str) -> None:
    tests = "\n".join(text for _, text in texts("tests/*.py", "src/leasehold/testing/*.py"))
    named = NAMED.findall(text_of(f"docs/{page}.md"))
    assert len(named) > 40
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_every_invariant_is_named_once() -> None:
    labels = [label for label, _, _ in table(PAGE, "The invariants")]
    assert labels == [*(f"S{number}" for number in range(1, 15)), *(f"L{number}" for number in range(1, 5))]


def test_every_rule_is_named_once() -> None:
    labels = [label for label, _, _ in table(PAGE, "The rules of the road")]
    assert labels == [*(f"R{number}" for number in range(1, 14)), "B1", "B2", "B3"]


def test_everything_that_can_go_wrong_names_a_test() -> None:
    rows = table(text_of("docs/reliability.md"), "What can go wrong")
    assert len(rows) > 35
    assert [row[0] for row in rows if not NAMED.search(row[2])] == []
