"""What each route answers, on SQLite and on PostgreSQL: what the command line says of the same ledger."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import BaseModel

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.references import log_reference
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change
from leasehold.testing.ledger_bench import Moves
from leasehold.web import answers, models
from leasehold.web.examples import EXAMPLES
from leasehold.web.routes import tasks
from tests.web.conftest import Api, Bench, Command, Story, forget


def test_a_task_is_the_task_of_the_command_line(api: Api, run: Command, story: Story) -> None:
    for id in story.ids:
        assert api.get(f"/tasks/{id}") == run("tasks", "show", id, "--json").json


LISTS = {
    "/tasks": "tasks ls",
    "/batches": "batch ls",
    "/failures": "failures",
    "/queues": "queue ls",
    "/workers": "workers ls",
    "/operations": "operations ls",
}


def test_a_list_is_the_list_of_the_command_line(api: Api, run: Command, story: Story) -> None:
    for path, command in LISTS.items():
        items = api.get(path)["items"]
        assert items == run(*command.split(), "--json").lines
        assert items != [], path


def test_what_a_task_left_behind_is_what_the_command_line_shows(api: Api, run: Command, story: Story) -> None:
    logs = api.get(f"/tasks/{story.large}/logs")["items"]
    assert logs == run("tasks", "logs", story.large, "--json").lines
    assert [each["log"] for each in logs] == ["the whole log\n"]
    why = api.get(f"/tasks/{story.failed}/why")
    assert why.keys() == run("why", story.failed, "--json").json.keys()
    assert "no samples in 'a.wav'" in why["explanation"]


def test_runs_and_events_are_those_of_the_task(api: Api, story: Story) -> None:
    whole = api.get(f"/tasks/{story.failed}")
    end = {"more": False, "cursor": None}
    assert api.get(f"/tasks/{story.failed}/runs") == {"items": whole["runs"], **end}
    assert api.get(f"/tasks/{story.failed}/events") == {"items": whole["trail"], **end}
    assert [line["kind"] for line in whole["trail"]] == ["submitted", "dispatched", "started", "failed"]
    assert whole["runs"][0]["log"] == "no samples\n"


def test_runs_events_and_logs_of_a_task_go_on_where_their_cursor_says(api: Api, moves: Moves) -> None:
    task_id, other = moves.out(2)
    for r in range(1, 6):
        moves.apply(task_id, moves.started(1, r))
    for what in ("runs", "events", "logs"):
        path = f"/tasks/{task_id}/{what}"
        every, pages = api.get(path)["items"], [api.get(path, limit=2)]
        while cursor := pages[-1]["cursor"]:
            assert pages[-1]["more"] is True
            pages.append(api.get(path, limit=2, cursor=cursor))
        assert [item for page in pages for item in page["items"]] == every
        assert len(pages) >= 3
        cursor = str(pages[0]["cursor"])
        assert api.refused(f"/tasks/{other}/{what}", cursor=cursor)["type"] == "/api/v1/problems/bad-cursor"
    assert [log["run"] for log in api.get(f"/tasks/{task_id}/logs")["items"]] == [1, 2, 3, 4, 5]


def test_a_page_of_long_logs_ends_early_and_goes_on(
    api: Api, moves: Moves, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = b"x" * 100
    monkeypatch.setattr(tasks, "LONGEST", 2 * len(log))
    (task_id,) = moves.out()
    for r in range(1, 6):
        ref = log_reference(task_id, f"run-1.{r}", log)
        store.create(ref, log)
        payload = Payload(log_ref=ref, log_bytes=len(log))
        moves.apply(task_id, moves.started(1, r))
        failed = moves.failed(1, r, for_good=False)._replace(deleted=False)
        moves.ledger.apply([Change(task_id, failed, payload=payload)])
    found: list[list[int]] = []
    cursor: dict[str, str] = {}
    while not found or cursor:
        page = api.get(f"/tasks/{task_id}/logs", **cursor)
        found.append([item["run"] for item in page["items"] if item["log"] == log.decode()])
        assert page["more"] is (page["cursor"] is not None)
        cursor = {"cursor": page["cursor"]} if page["cursor"] else {}
    assert found == [[1, 2], [3, 4], [5]]


def test_a_result_is_whole_wherever_it_is_kept(api: Api, story: Story) -> None:
    assert api.get(f"/tasks/{story.done}/result")["result"] == {"text": "hello"}
    assert api.get(f"/tasks/{story.large}/result")["result"] == ["large"]
    failed = api.get(f"/tasks/{story.failed}/result")
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert failed["failure"]["message"] == "no samples in 'a.wav'"


def test_a_batch_is_found_by_its_name(api: Api, story: Story) -> None:
    (listed,) = api.get("/batches")["items"]
    assert api.get("/batches/november") == listed
    assert listed["counts"] == {"completed": 2, "failed": 1, "cancelled": 1, "in_progress": 1}


def test_a_batch_of_any_name_is_found(api: Api, moves: Moves) -> None:
    for name in ("a/b", "ä 🎉", "100%", "a?b#c", "<b>", "it's"):
        moves.given(1, batch=name)
        assert api.get(f"/batches/{quote(name)}")["batch"] == name
        assert api.get(f"/batches/{quote(name, safe='')}")["batch"] == name


def test_tasks_are_filtered_in_the_one_language(api: Api, story: Story) -> None:
    def ids(*words: str) -> set[str]:
        return {task["id"] for task in api.get("/tasks", filter=list(words))["items"]}

    assert ids() == set(story)
    assert ids("status:failed,cancelled") == {story.failed, story.cancelled}
    assert ids("batch:november -status:completed") == {story.failed, story.cancelled, story.running}
    assert ids("batch:november", "status:failed") == {story.failed}
    assert ids("age:>99999999999999d") == set()
    for key in ("name", "queue", "batch", "key", "group", "id", "args.source"):
        assert ids(f"{key}:\ud7ff") == ids(f"{key}:\U0010ffff") == set(), key
        if not key.startswith("args."):
            assert api.refused("/tasks", filter=f"{key}:\0")["status"] == 400
    assert ids("args.source:\0") == set()
    found = api.get("/tasks/count", filter="batch:november")
    assert found == {"count": 5, "more": False, "scanned": None, "note": None}


def test_a_list_says_whether_there_is_more(api: Api, moves: Moves) -> None:
    for name in ("november", "december"):
        moves.given(1, batch=name)
    assert [each["batch"] for each in api.get("/batches", limit=1)["items"]] == ["december"]
    assert api.get("/batches", limit=1)["more"] is True
    assert api.get("/batches", limit=2)["more"] is False


def test_a_list_goes_on_where_its_cursor_says(api: Api, moves: Moves) -> None:
    for name in ("november", "december", "january"):
        moves.given(1, batch=name)
    page = api.get("/batches", limit=2)
    rest = api.get("/batches", limit=2, cursor=page["cursor"])
    assert [each["batch"] for each in page["items"] + rest["items"]] == ["january", "december", "november"]
    assert rest["cursor"] is None
    assert api.refused("/workers", cursor=page["cursor"])["type"] == "/api/v1/problems/bad-cursor"
    assert api.refused("/batches", cursor="MTIgYWJj")["type"] == "/api/v1/problems/bad-cursor"


def test_pages_hold_each_task_once_while_the_ledger_changes(api: Api, moves: Moves) -> None:
    ids = [moves.given(1, batch="november")[0] for _ in range(23)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {} if cursor is None else {"cursor": cursor}
        page = api.get("/tasks", filter="batch:november", limit=5, **query)
        seen += [task["id"] for task in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
        moves.given(3, batch="november")  # newer than any cursor
        moves.dispatch(limit=7)  # rows of this page and of others change
        moves.bench.let_pass(1_000)
    assert seen == ids[::-1]


def test_a_cursor_is_good_for_as_long_as_its_filter_means_the_same(api: Api, moves: Moves) -> None:
    ids = moves.given(3)
    cursor = api.get("/tasks", filter="status:pending name:transcribe", limit=2)["cursor"]
    page = api.get("/tasks", filter=["name:transcribe", " status:pending"], cursor=cursor)
    assert [task["id"] for task in page["items"]] == ids[:1]


def test_of_a_forgotten_task_the_events_are_told(api: Api, bench: Bench, moves: Moves) -> None:
    done, _ = moves.out(2)
    moves.complete(done)
    events = api.get(f"/tasks/{done}/events")
    forget(bench, done)
    assert api.get(f"/tasks/{done}/events") == events
    for rest in ("", "/runs", "/logs", "/result", "/why"):
        problem = api.refused(f"/tasks/{done}{rest}")
        assert (problem["status"], problem["type"]) == (410, "/api/v1/problems/task-forgotten")


ROUTES = {
    "/tasks": models.TaskPage,
    "/tasks/count": models.Count,
    "/tasks/{id}": models.WholeTask,
    "/tasks/{id}/runs": models.Runs,
    "/tasks/{id}/events": models.Events,
    "/tasks/{id}/logs": models.Logs,
    "/tasks/{id}/result": models.Outcome,
    "/tasks/{id}/why": models.Explanation,
    "/batches": models.Batches,
    "/batches/november": models.Batch,
    "/failures": models.Failures,
    "/queues": models.Queues,
    "/workers": models.Workers,
    "/operations": models.Operations,
    "/operations/op-1": models.Operation,
    "/problems/bad-filter": models.ProblemKind,
}
ASKED = {
    "/outcomes": (models.Ended, {"batch": "november"}),
    "/counts": (models.Cells, {"batch": "november"}),
    "/ids": (models.Ids, {"part": "01"}),
}
CHANGES = {each for each in vars(answers).values() if isinstance(each, type) and each.__module__ == answers.__name__}


def test_an_answer_has_the_fields_that_the_document_tells(api: Api, story: Story) -> None:
    for route, model in ROUTES.items():
        for id in (story.done, story.failed, story.cancelled, story.large):
            fits(model, api.get(route.format(id=id)))
    for route, (model, query) in ASKED.items():
        fits(model, api.get(route, **query))
    fits(models.Outcomes, api.post("/outcomes", {"ids": [story.done, story.failed]}))


def test_an_example_has_the_fields_that_the_document_tells() -> None:
    asked = {model for model, _ in ASKED.values()}
    assert set(EXAMPLES) == {*ROUTES.values(), *asked, *CHANGES - {answers.Left}, models.Outcomes}
    for model, example in EXAMPLES.items():
        fits(model, example)


def fits(model: type[BaseModel], document: dict[str, Any]) -> None:
    """The document is one of the model, and has no field that the model does not tell."""
    read = model.model_validate_json(json.dumps(document), strict=True)
    assert json.loads(read.model_dump_json()) == document
