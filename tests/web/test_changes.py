"""What changes something: as the command line does it, with who and from where in the trail."""

from __future__ import annotations

from typing import Any

import pytest

from leasehold.core.events import Cancelled, Retried
from leasehold.testing.ledger_bench import LedgerBench, Moves
from tests.web.conftest import Api, Story

TYPE = "/api/v1/problems/"
NOBODY = "01a1ff79-c890-7000-92af-e173442d9ad5"
BY = "local operator from testclient"


def test_tasks_are_cancelled_at_once_and_each_is_answered_for(api: Api, story: Story, bench: LedgerBench) -> None:
    ids = [story.due, story.running, story.done, NOBODY, story.due]
    said = api.post("/tasks/cancel", {"ids": ids, "reason": "wrong files"})
    assert said["changed"] == [story.due, story.running]
    assert said["left"] == [
        {"id": story.done, "reason": "it is completed already"},
        {"id": NOBODY, "reason": "it is not in the ledger"},
    ]
    assert api.get(f"/tasks/{story.due}")["status"] == "cancelled"
    assert api.get(f"/tasks/{story.due}/events")["items"][-1]["detail"] == f"cancelled by {BY}: wrong files"


def test_tasks_are_tried_again(api: Api, story: Story) -> None:
    said = api.post("/tasks/retry", {"ids": [story.failed, story.running]})
    assert said["changed"] == [story.failed]
    assert [left["id"] for left in said["left"]] == [story.running]
    assert api.get(f"/tasks/{story.failed}/events")["items"][-1]["detail"] == f"retried by {BY}"


def test_a_queue_is_paused_and_goes_on(api: Api, story: Story) -> None:
    assert api.post("/queues/media/pause") == {"queue": "media", "paused": True}
    assert {each["queue"]: each["paused"] for each in api.get("/queues")["items"]}["media"] is True
    assert api.post("/queues/media/resume") == {"queue": "media", "paused": False}
    problem = api.not_changed("/queues/medai/pause")
    assert (problem["type"], problem["status"]) == (TYPE + "no-such-queue", 404)
    assert problem["detail"] == "there is no queue 'medai'. Did you mean 'media'?"


def test_a_machine_is_recalled_and_whoever_did_it_is_noted(api: Api, story: Story, bench: LedgerBench) -> None:
    (worker,) = api.get("/workers")["items"]
    machine = worker["worker"].partition("/")[0]
    assert api.post("/workers/recall", {"worker": machine}) == {"recalled": [worker["worker"]], "tasks": 1}
    assert [(each.name, each.source) for each in bench.ledger.gone()] == [(worker["worker"], BY)]
    assert api.not_changed("/workers/recall", {"worker": "i-2"})["type"] == TYPE + "no-such-worker"


def test_all_that_match_are_counted_first_and_then_an_operation(api: Api, story: Story) -> None:
    asked = {"kind": "retry", "filter": "status:failed,cancelled", "reason": "mended"}
    assert api.post("/operations", {**asked, "dry_run": True}) == {
        "matching": 2,
        "concerned": 2,
        "more": False,
        "operation": None,
    }
    said = api.post("/operations", asked, status=202)
    assert (said["matching"], said["more"]) == (2, False)
    operation = said["operation"]
    assert (operation["kind"], operation["by"], operation["reason"]) == ("retry", BY, "mended")
    assert api.get(f"/operations/{operation['id']}") == operation
    assert api.get("/operations")["items"][0] == operation
    stopped = f"/operations/{operation['id']}/cancel"
    assert api.post(stopped) == {"id": operation["id"], "cancelled": True}
    assert api.post(stopped) == {"id": operation["id"], "cancelled": False}
    assert api.get(f"/operations/{operation['id']}")["stopped_by"] == BY


def test_of_those_that_match_it_is_told_how_many_would_change(api: Api, story: Story) -> None:
    def asked(kind: str, words: str) -> tuple[int, int]:
        said = api.post("/operations", {"kind": kind, "filter": words, "dry_run": True})
        return said["matching"], said["concerned"]

    assert asked("cancel", "batch:november") == (5, 1)
    assert asked("retry", "batch:november") == (5, 2)
    assert asked("cancel", "status:completed") == (2, 0)
    assert asked("retry", "status:failed,completed") == (3, 1)


def test_nothing_that_matches_is_no_operation(api: Api, story: Story) -> None:
    asked = {"kind": "cancel", "filter": "batch:none"}
    assert api.post("/operations", asked) == {
        "matching": 0,
        "concerned": 0,
        "more": False,
        "operation": None,
    }
    assert len(api.get("/operations")["items"]) == 1  # that of the story
    assert api.not_changed("/operations", {"kind": "cancel", "filter": "stauts:x"})["type"] == TYPE + "bad-filter"
    assert api.not_changed("/operations/nope/cancel")["type"] == TYPE + "no-such-operation"
    assert api.refused("/operations/nope")["type"] == TYPE + "no-such-operation"


def edit(api: Api, id: str, **more: object) -> dict[str, Any]:
    """An edit of a task as it now stands."""
    return {"version": api.get(f"/tasks/{id}")["version"], "arguments": {"source": "b.wav"}, **more}


def test_a_task_that_failed_is_submitted_once_more_with_other_arguments(api: Api, story: Story) -> None:
    body = edit(api, story.failed, reason="the other file")
    said = api.post(f"/tasks/{story.failed}/edit", body, status=201)
    new, old = api.get(f"/tasks/{said['id']}"), api.get(f"/tasks/{story.failed}")
    assert new["arguments"] == {"source": "b.wav"}
    same = ("handler", "queue", "batch", "priority", "lease_ms", "attempts_allowed")
    assert [new[name] for name in same] == [old[name] for name in same]
    assert (old["status"], old["version"]) == ("failed", body["version"])
    assert new["trail"][0]["detail"] == f"resubmitted from {story.failed} by {BY}: the other file"


def test_an_edited_task_takes_the_turn_of_the_same_tenant(api: Api, moves: Moves) -> None:
    wish = {"handler": "transcribe", "arguments": {"source": "a.wav"}, "lease_ms": 60_000, "tenant": "acme"}
    first = api.post("/tasks", wish, status=201)["id"]
    moves.apply(first, Cancelled("ada", ""))
    assert api.get(f"/tasks/{first}")["tenant"] == "acme"
    made = api.post(f"/tasks/{first}/edit", edit(api, first), status=201)["id"]
    assert api.get(f"/tasks/{made}")["tenant"] == "acme"


def test_the_same_edit_again_answers_the_same_task(api: Api, story: Story) -> None:
    body = edit(api, story.failed)
    first = api.post(f"/tasks/{story.failed}/edit", body, status=201)
    assert api.post(f"/tasks/{story.failed}/edit", body) == {**first, "existed": True}


def test_of_two_edits_of_one_version_the_second_is_stale(api: Api, story: Story) -> None:
    body = edit(api, story.failed)
    made = api.post(f"/tasks/{story.failed}/edit", body, status=201)["id"]
    problem = api.not_changed(f"/tasks/{story.failed}/edit", {**body, "arguments": {"source": "c.wav"}})
    assert (problem["type"], problem["status"]) == (TYPE + "stale-edit", 409)
    assert "somebody else has edited" in problem["detail"]
    assert problem["detail"].endswith(f"See task {made}")


def test_an_edit_of_a_task_that_has_changed_is_told_what_happened(api: Api, moves: Moves, story: Story) -> None:
    body = edit(api, story.failed)
    moves.apply(story.failed, Retried("bob", "again"))
    problem = api.not_changed(f"/tasks/{story.failed}/edit", body)
    assert (problem["type"], problem["status"]) == (TYPE + "stale-edit", 409)
    assert [line["detail"] for line in problem["changes"]] == ["retried by bob: again"]


def test_what_cannot_be_edited_is_said(api: Api, story: Story) -> None:
    running = api.not_changed(f"/tasks/{story.running}/edit", edit(api, story.running))
    assert (running["type"], running["status"]) == (TYPE + "not-ended", 409)
    hidden = edit(api, story.failed, arguments={"login": [{"password": "***"}]})
    assert api.not_changed(f"/tasks/{story.failed}/edit", hidden)["type"] == TYPE + "bad-arguments"
    gone = api.not_changed(f"/tasks/{NOBODY}/edit", {"version": 1, "arguments": {}})
    assert gone["type"] == TYPE + "no-such-task"


@pytest.mark.parametrize(
    ("path", "body", "parameters"),
    [
        ("/tasks/cancel", {"ids": []}, {"ids"}),
        ("/tasks/cancel", {"ids": ["a\0b"], "raeson": "x"}, {"ids.0", "raeson"}),
        ("/tasks/retry", {"ids": ["a"] * 1_001}, {"ids"}),
        ("/tasks/retry", {"ids": ["a"], "reason": "x" * 501}, {"reason"}),
        ("/operations", {"kind": "forget", "filter": ""}, {"kind"}),
        ("/operations", {"kind": "retry"}, {"filter"}),
        ("/workers/recall", {}, {"worker"}),
        ("/tasks/x/edit", {"version": 0, "arguments": []}, {"version", "arguments"}),
    ],
)
def test_a_body_that_is_not_as_it_should_be_is_refused(
    api: Api, path: str, body: dict[str, object], parameters: set[str]
) -> None:
    problem = api.not_changed(path, body)
    assert (problem["type"], problem["status"]) == (TYPE + "bad-request", 422)
    assert {each["parameter"] for each in problem["errors"]} == parameters


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b'{"ids": ["\\ud800"]}', b"null"])
def test_a_body_that_is_no_json_is_refused(api: Api, body: bytes) -> None:
    answer = api.client.post("/api/v1/tasks/cancel", content=body, headers={"content-type": "application/json"})
    assert api.problem_of(answer)["status"] in (400, 422)


def test_a_server_that_only_reads_says_so(plain: Api) -> None:
    for path, body in {
        "/tasks": {"handler": "x"},
        "/tasks/cancel": {"ids": ["a"]},
        "/queues/media/pause": None,
        "/tasks/stream": None,
    }.items():
        problem = plain.not_changed(path, body)
        assert (problem["type"], problem["status"]) == (TYPE + "read-only", 403)
