"""Filters of arguments over HTTP, on pages and on the command line: the same answer, and the same words about it."""

from __future__ import annotations

import json

import pytest

from leasehold.core.errors import BadFilter
from leasehold.core.filters import term
from leasehold.flow.lookup import check_whole
from leasehold.testing.arguments_suite import fill, given
from leasehold.testing.ledger_bench import Moves
from tests.web.conftest import Api, Command

NOTE = "looked at the newest 2 tasks only. To search all of them, declare"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tasks are looked at where there is no index."""
    monkeypatch.setattr("leasehold.core.finding.LOOKED_AT", 2)


@pytest.mark.usefixtures("few")
def test_every_face_says_how_far_it_has_looked(api: Api, moves: Moves, run: Command) -> None:
    first, _, third = given(moves, (), *({"episode": each} for each in ("1", "2", "1")))
    page = api.get("/tasks", filter="args.episode:1")
    assert [each["id"] for each in page["items"]] == [third]
    assert (page["scanned"], page["note"][: len(NOTE)]) == (2, NOTE)
    count = api.get("/tasks/count", filter="args.episode:1")
    assert (count["count"], count["scanned"], count["note"]) == (1, 2, page["note"])
    said = run("tasks", "ls", "args.episode:1", "--json")
    assert [line["id"] for line in said.lines] == [third]
    assert said.err == f"This {page['note']}.\n"
    assert f"This {page['note']}." in run("tasks", "export", "args.episode:1").err
    assert (
        api.client.get("/api/v1/tasks/export", params={"filter": "args.episode:1"}).headers["leasehold-scanned"] == "2"
    )
    assert f"This {NOTE}" in api.client.get("/tasks", params={"filter": "args.episode:1"}).text
    whole = api.get("/tasks", filter=["args.episode:1", f"id:{first}"])
    assert ([each["id"] for each in whole["items"]], whole["scanned"], whole["note"]) == ([first], None, None)


@pytest.mark.usefixtures("few")
def test_nothing_is_said_of_what_an_index_has(api: Api, moves: Moves, run: Command) -> None:
    ids = given(moves, ("episode",), *({"episode": each} for each in ("1", "2", "1", "2")))
    fill(moves)
    page = api.get("/tasks", filter="args.episode:1")
    assert ([each["id"] for each in page["items"]], page["scanned"]) == ([ids[2], ids[0]], None)
    assert api.get("/tasks/count", filter="args.episode:1") == {
        "count": 2,
        "more": False,
        "scanned": None,
        "note": None,
    }
    exported = api.client.get("/api/v1/tasks/export", params={"filter": "args.episode:1"})
    assert "leasehold-scanned" not in exported.headers
    assert [json.loads(line)["id"] for line in exported.text.splitlines()] == [ids[2], ids[0]]
    assert run("tasks", "ls", "args.episode:1", "--json").err == ""


@pytest.mark.usefixtures("few")
def test_nothing_is_changed_by_a_filter_that_means_some_of_those_that_match(api: Api, moves: Moves) -> None:
    given(moves, (), *({"episode": "1"} for _ in range(3)))
    for dry_run in (True, False):
        asked = {"kind": "cancel", "filter": "args.episode:1", "dry_run": dry_run}
        problem = api.not_changed("/operations", asked)
        assert problem["status"] == 400
        assert problem["detail"].startswith(f"'args.episode:1' would not mean all that match: it {NOTE}")
    assert api.get("/operations")["items"] == []
    page = api.client.get("/tasks/all", params={"kind": "cancel", "filter": "args.episode:1"})
    assert page.status_code == 400
    answer = api.client.post("/tasks/all", data={"kind": "cancel", "filter": "args.episode:1"})
    assert answer.status_code == 400
    assert api.get("/operations")["items"] == []


@pytest.mark.parametrize("odd", ["\0", "\udcff"])
def test_nothing_is_changed_by_a_filter_that_no_operation_could_keep(moves: Moves, odd: str) -> None:
    """PostgreSQL would keep another sign in its place, and other tasks would be changed."""
    (task_id,) = given(moves, (), {"episode": odd})
    (found,) = moves.views.tasks(term("args.episode", odd)).rows
    assert found.task.id == task_id
    with pytest.raises(BadFilter, match="a bulk change cannot keep "):
        check_whole(moves.views, term("args.episode", odd))


def test_all_that_match_are_changed_where_all_are_known(api: Api, moves: Moves) -> None:
    given(moves, (), *({"episode": each} for each in ("1", "2", "1")))
    said = api.post("/operations", {"kind": "cancel", "filter": "args.episode:1"}, status=202)
    assert said["matching"] == 2


def test_hidden_arguments_are_refused_and_said_so(api: Api, moves: Moves) -> None:
    given(moves, (), {"password": "hush"})
    problem = api.refused("/tasks", filter="args.password:hush")
    assert (problem["status"], "args.password is hidden" in problem["detail"]) == (400, True)
    page = api.client.get("/tasks", params={"filter": "-args.password:hush"})
    assert (page.status_code, "args.password is hidden" in page.text) == (400, True)
