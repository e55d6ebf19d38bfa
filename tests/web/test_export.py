"""``/api/v1/tasks/export``: files of all tasks that fit."""

from __future__ import annotations

import csv
import io
import json

import pytest

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.references import result_reference
from leasehold.core.reports import Payload
from leasehold.flow.exporting import PIECE, pages
from leasehold.ports.ledger import Change
from leasehold.testing.ledger_bench import Moves
from leasehold.web.routes.exporting import FORMS, Format, written
from leasehold.web.source import Source
from tests.web.conftest import Api, Bench, Command, Story


def test_lines_are_tasks_with_what_they_were_given_and_what_came_of_them(api: Api, story: Story, run: Command) -> None:
    answer = api.client.get("/api/v1/tasks/export", params={"filter": "batch:november"})
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.headers["content-disposition"] == 'attachment; filename="tasks.jsonl"'
    rows = [json.loads(line) for line in answer.text.splitlines()]
    told = run("batch", "export", "november").lines
    assert [{name: value for name, value in row.items() if name != "arguments_ref"} for row in rows] == told
    assert run("tasks", "export", "batch:november").lines == told
    assert {row["id"]: row["result"] for row in rows}[story.large] == ["large"]


def test_csv_has_a_head_and_a_row_for_each_task(api: Api, story: Story, run: Command) -> None:
    answer = api.client.get("/api/v1/tasks/export", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == list(story)[::-1]
    assert answer.text == run("tasks", "export", "--format", "csv").out


def test_a_formula_in_a_key_is_text(api: Api, moves: Moves) -> None:
    moves.submit(moves.new(key="=HYPERLINK(1)"))
    text = api.client.get("/api/v1/tasks/export", params={"format": "csv"}).text
    assert "'=HYPERLINK(1)" in text


class Counting(MemoryStore):
    """Counts what is read of it."""

    reads = 0

    def get(self, key: str) -> bytes | None:
        """As it is."""
        self.reads += 1
        return super().get(key)


@pytest.mark.parametrize("bench", ["sqlite"], indirect=True)
@pytest.mark.parametrize("format_", Format)
def test_of_results_in_the_store_one_is_held_at_a_time(bench: Bench, moves: Moves, format_: Format) -> None:
    store = Counting()
    result = b'"' + b"x" * PIECE + b'"'
    for task_id in moves.out(3):
        ref = result_reference(task_id, "run-1.1", result)
        store.create(ref, result)
        moves.apply(task_id, moves.started())
        moves.ledger.apply([Change(task_id, moves.completed(), payload=Payload(result_ref=ref))])
    source = Source(bench.views, lambda: store)
    file = written(source, FORMS[format_], pages(source.views, ""))
    assert next(file).decode() == FORMS[format_].head
    for nth in (1, 2, 3):
        assert len(next(file)) > PIECE
        assert store.reads == nth


def test_a_bad_filter_or_format_is_a_problem(api: Api) -> None:
    assert api.refused("/tasks/export", filter="staus:failed")["type"] == "/api/v1/problems/bad-filter"
    assert api.refused("/tasks/export", format="xlsx")["status"] == 422
