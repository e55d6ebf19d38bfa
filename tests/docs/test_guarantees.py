"""The tests that the guarantees name are there."""

from __future__ import annotations

import re

from tests.docs.pages import table, text_of
from tests.tooling.repository import texts

PAGE = text_of("docs/guarantees.md")
NAMED = re.compile(r"`(test_\w+)`")


def test_every_test_that_is_named_exists() -> None:
    tests = "\n".join(text for _, text in texts("tests/*.py", "src/leasehold/testing/*.py"))
    named = NAMED.findall(PAGE)
    assert len(named) > 40
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_every_invariant_is_named_once() -> None:
    labels = [label for label, _, _ in table(PAGE, "The invariants")]
    assert labels == [*(f"S{number}" for number in range(1, 14)), *(f"L{number}" for number in range(1, 5))]


def test_every_rule_is_named_once() -> None:
    assert [label for label, _, _ in table(PAGE, "The rules of the road")] == [f"R{number}" for number in range(1, 14)]
