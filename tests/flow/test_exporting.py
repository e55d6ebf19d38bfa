"""Exports: page by page, and nothing in a cell that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

import pytest

from leasehold.core.errors import BadFilter
from leasehold.flow.exporting import COLUMNS, PAGE, PIECE, as_csv, as_lines, harmless, head, pages, pieces
from tests.flow.orchestra import Orchestra


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_would_be_computed_is_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a=b", "-5", "-5.5e3", "+3", '"=1"', 7, None, "'=1"])
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert harmless(cell) == cell


def test_a_row_of_csv_is_read_back_with_what_was_in_it() -> None:
    row = dict.fromkeys(COLUMNS, "x") | {"key": '=a,"b"\nc', "arguments": {"source": "=1"}, "result": None}
    (read,) = csv.DictReader(io.StringIO(head() + as_csv([row])))
    assert read["key"] == '\'=a,"b"\nc'
    assert (read["arguments"], read["result"]) == ('{"source": "=1"}', "null")


def test_a_walk_holds_one_page_at_a_time_and_each_task_once(orchestra: Orchestra) -> None:
    for _ in range(PAGE + 3):
        orchestra.submit()
    found = pages(orchestra.views, "status:pending")
    sizes: list[int] = []
    ids: set[str] = set()
    for views in found:
        sizes.append(len(views))
        ids |= {view.task.id for view in views}
    assert sizes == [PAGE, 3]
    assert len(ids) == PAGE + 3


def test_a_large_value_is_written_before_the_next_is_read_and_small_ones_together() -> None:
    read: list[int] = []

    def rows(size: int) -> Iterator[Mapping[str, object]]:
        for number in range(4):
            read.append(number)
            yield {"result": "x" * size}

    large = pieces(as_lines, rows(PIECE))
    for nth in range(1, 5):
        assert next(large).count("\n") == 1
        assert read == [*range(nth)]
    assert [piece.count("\n") for piece in pieces(as_lines, rows(1))] == [4]


def test_a_filter_that_does_not_parse_is_refused_before_anything_is_written(orchestra: Orchestra) -> None:
    with pytest.raises(BadFilter):
        pages(orchestra.views, "staus:failed")
