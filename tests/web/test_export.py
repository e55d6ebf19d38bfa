"""``/api/v1/tasks/export``: files of all tasks that fit."""

from __future__ import annotations

import csv
import io
import json

from leasehold.testing.ledger_bench import Moves
from tests.web.conftest import Api, Command, Story


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


def test_a_bad_filter_or_format_is_a_problem(api: Api) -> None:
    assert api.refused("/tasks/export", filter="staus:failed")["type"] == "/api/v1/problems/bad-filter"
    assert api.refused("/tasks/export", format="xlsx")["status"] == 422
