"""The page on metrics says what the code says."""

from __future__ import annotations

from leasehold.flow.figures import FAMILIES
from tests.docs.pages import table, text_of

PAGE = text_of("docs/metrics.md")


def test_every_figure_is_listed_as_it_is_told() -> None:
    listed = [
        (name.strip("`"), kind, tuple(label.strip("`") for label in labels.split(", ") if label), told)
        for name, kind, labels, told in table(PAGE, "Figures")
    ]
    assert listed == [(*tuple(family)[:2], family.labels, family.help) for family in FAMILIES]
