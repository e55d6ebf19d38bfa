"""Every refusal is a problem with a type that stays, and never a stack trace."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import cast

import pytest
from starlette.testclient import TestClient

from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.adapters.database.views import DatabaseViews
from leasehold.adapters.memory.store import MemoryStore
from leasehold.core import errors
from leasehold.core.errors import LeaseholdError, LedgerDamaged, LedgerUnavailable, SchemaMismatch, StoreUnavailable
from leasehold.flow.problems import KINDS, Kind, kind_of
from leasehold.ports.views import Views
from leasehold.testing.ledger_bench import Moves
from leasehold.web import problems
from leasehold.web.application import create_app
from leasehold.web.source import Source
from tests.database.sqlite_bench import SqliteBench
from tests.docs.pages import table, text_of
from tests.servers.clusters import Clusters
from tests.web.conftest import HERE, Api, Away, Story, failing

TYPE = "/api/v1/problems/"
KIB = 1_024


def test_an_unknown_filter_is_told_with_what_was_meant(api: Api) -> None:
    for path in ("/tasks", "/tasks/count"):
        problem = api.refused(path, filter="stauts:failed")
        assert (problem["type"], problem["status"]) == (TYPE + "bad-filter", 400)
        assert problem["detail"].startswith("there is no filter 'stauts'. Did you mean 'status'?")


@pytest.mark.parametrize("filter_", ["status:faild", "failed", 'name:"x', "age:>soon", "x" * 10_001])
def test_what_is_no_filter_is_refused_before_the_ledger_is_asked(plain: Api, filter_: str) -> None:
    assert plain.refused("/tasks", filter=filter_)["type"] == TYPE + "bad-filter"


def test_a_cursor_of_another_query_is_refused(api: Api, moves: Moves) -> None:
    moves.given(3)
    cursor = api.get("/tasks", filter="name:transcribe", limit=1)["cursor"]
    for wrong in (cursor, "MTIz", "ä", "\0", "", "9" * 500):
        problem = api.refused("/tasks", filter="status:pending", cursor=wrong)
        assert (problem["type"], problem["status"]) == (TYPE + "bad-cursor", 400)


HOSTILE: list[object] = [2**63 - 1, -(2**63 - 1), 2**63, 10**40, 0.5, True, None, "a\0b", "\ud800", "x" * 5_000, []]


def test_a_cursor_that_somebody_made_up_is_answered_or_refused(api: Api, story: Story) -> None:
    id = story.done
    lists: dict[str, list[object]] = {
        f"/tasks/{id}/runs": [f"runs of {id}", 1, 1, 1, "x"],
        f"/tasks/{id}/events": [f"events of {id}", 1],
        "/failures": ["failures", 1, "x", "x"],
        **{f"/{name}": [name, "x"] for name in ("batches", "workers", "operations")},
    }
    for path, (name, *places) in lists.items():
        for part in HOSTILE:
            for parts in ([part if isinstance(part, type(place)) else place for place in places], [part] * len(places)):
                cursor = base64.urlsafe_b64encode(json.dumps([name, *parts]).encode()).decode()
                answer = api.client.get(f"/api/v1{path}?cursor={cursor}")
                assert answer.status_code in (200, 400), (path, parts)
    for number in ("9" * 18, "9" * 19, "9" * 5_000, "-1", "٣", "²"):
        answer = api.client.get(f"/api/v1/outcomes?batch=november&cursor={number}")
        assert answer.status_code in (200, 400), number


def test_an_id_that_does_not_exist_is_not_found(api: Api) -> None:
    for id in ("01a1ff79-c890-7000-92af-e173442d9ad5", "nope", "%00", "%F0%9F%8E%89", "a%27b", "%FF", "x" * 999):
        for rest in ("", "/runs", "/events", "/logs", "/result", "/why"):
            problem = api.refused(f"/tasks/{id}{rest}")
            assert (problem["type"], problem["status"]) == (TYPE + "no-such-task", 404)


def test_an_id_may_be_in_upper_case(api: Api, story: Story) -> None:
    loud = story.failed.upper()
    for rest in ("", "/runs", "/events", "/logs", "/why"):
        assert api.get(f"/tasks/{loud}{rest}") == api.get(f"/tasks/{story.failed}{rest}")
    assert api.client.get(f"/tasks/{loud}", headers={"accept": "text/html"}).status_code == 200
    assert [each["id"] for each in api.post("/outcomes", {"ids": [loud]})["items"]] == [story.failed]
    assert api.post("/tasks/retry", {"ids": [loud, story.failed]})["changed"] == [story.failed]


def test_a_batch_that_does_not_exist_is_told_with_what_was_meant(api: Api, story: Story) -> None:
    problem = api.refused("/batches/novembre")
    assert (problem["type"], problem["status"]) == (TYPE + "no-such-batch", 404)
    assert problem["detail"] == "there is no batch 'novembre'. Did you mean 'november'?"
    assert api.refused("/batches/%00")["status"] == 404


def test_a_result_before_the_end_says_when_to_ask_again(api: Api, story: Story) -> None:
    problem = api.refused(f"/tasks/{story.running}/result")
    assert (problem["type"], problem["status"]) == (TYPE + "not-ended", 409)
    assert problem["detail"].endswith("has no outcome yet: it is in_progress")
    assert int(api.client.get(f"/api/v1/tasks/{story.running}/result").headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("path", "query", "errors"),
    [
        ("/tasks", {"limit": 0}, {"limit"}),
        ("/tasks", {"limit": 1_001}, {"limit"}),
        ("/tasks", {"limit": "many", "filtre": "status:failed"}, {"limit", "filtre"}),
        ("/queues", {"limit": 5}, {"limit"}),
        ("/batches", {"after": "x"}, {"after"}),
    ],
)
def test_a_parameter_that_is_not_as_it_should_be_is_named(
    plain: Api, path: str, query: dict[str, str | int], errors: set[str]
) -> None:
    problem = plain.refused(path, **query)
    assert (problem["type"], problem["status"]) == (TYPE + "bad-request", 422)
    assert {each["parameter"] for each in problem["errors"]} == errors


def test_what_is_not_there_and_what_cannot_be_done_are_problems(plain: Api) -> None:
    assert plain.refused("/taks")["type"] == TYPE + "not-found"
    assert plain.refused("/problems/none")["type"] == TYPE + "not-found"
    posted = plain.client.post("/api/v1/queues", json={})
    assert (posted.status_code, posted.json()["type"]) == (405, TYPE + "bad-method")
    assert posted.headers["allow"] == "GET, HEAD"
    assert posted.json()["detail"] == "/api/v1/queues takes GET, HEAD, not POST"
    assert plain.client.delete("/api/v1/tasks").headers["allow"] == "GET, HEAD, POST"
    assert plain.client.post("/api/v1/openapi.json").headers["allow"] == "GET, HEAD"
    assert plain.client.get("/docs").status_code == 404  # its page would ask another host for its scripts


def test_no_address_is_sent_on_to_another_server(plain: Api) -> None:
    """What stands before this one may have another name and another scheme, which no answer may name."""
    for path in ("/tasks/", "/api/v1/tasks/"):
        answer = plain.client.get(path, follow_redirects=False)
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"nothing has the address {path}. Leave out the slash at its end"


FORM = "application/x-www-form-urlencoded"
NO_OBJECT = "body: a JSON object is needed, sent with Content-Type: application/json"


@pytest.mark.parametrize(
    ("body", "media", "told"),
    [
        (b'{"kind": "retry"', "application/json", "body: this is no JSON: Expecting ',' delimiter, at character 16"),
        (b'{"kind": "retry"}', FORM, NO_OBJECT),
        (b'["retry"]', "application/json", NO_OBJECT),
        (b"", "application/json", NO_OBJECT),
        (b'{"kind": "delete", "filter": ""}', "application/json", "kind: Input should be 'cancel' or 'retry'"),
        (b"\xff\xfe{", "application/json", "the body cannot be read: a JSON object in UTF-8 is needed"),
    ],
)
def test_a_body_that_is_no_object_is_told_with_what_is_wanted(api: Api, body: bytes, media: str, told: str) -> None:
    problem = api.problem_of(
        api.client.post("/api/v1/operations", content=body, headers={"content-type": media}),
    )
    assert problem["detail"] == told
    assert told.startswith("the body") or problem["errors"][0]["message"] == told.partition(": ")[2]


PATHS = [
    "/tasks",
    "/tasks/count",
    "/tasks/x",
    "/batches",
    "/batches/x",
    "/failures",
    "/queues",
    "/workers",
    "/operations",
]


@pytest.mark.parametrize("error", [LedgerUnavailable("the ledger is away"), SchemaMismatch("it needs: migrate it")])
def test_a_lost_ledger_says_when_to_ask_again(error: LeaseholdError) -> None:
    api = failing(error)
    for path in PATHS:
        problem = api.refused(path)
        assert (problem["status"], problem["detail"]) == (503, str(error))
        assert api.client.get(f"/api/v1{path}").headers["retry-after"] == "5"


def test_a_server_that_went_away_is_said_and_comes_back_by_itself(clusters: Clusters) -> None:
    cluster = clusters["newest"]
    database = PostgresDatabase(cluster.url(cluster.fresh()))
    api = Api(create_app(Source(DatabaseViews(database), MemoryStore)))
    assert api.get("/queues") == {"items": []}
    cluster.stop("immediate")
    try:
        assert api.refused("/queues")["type"] == TYPE + "ledger-unavailable"
    finally:
        cluster.start()
    assert api.get("/queues") == {"items": []}
    database.close()


def test_a_store_that_is_away_fails_nothing_but_what_lies_there(bench: SqliteBench, story: Story) -> None:
    def away() -> MemoryStore:
        raise StoreUnavailable("the store is away")

    api = Api(create_app(Source(bench.views, away)))
    for rest in ("/result", "/logs"):
        assert api.refused(f"/tasks/{story.large}{rest}")["type"] == TYPE + "store-unavailable"
        api.get(f"/tasks/{story.done}{rest}")


def test_an_object_that_was_replaced_is_not_passed_off_as_the_result(bench: SqliteBench, story: Story) -> None:
    replaced = MemoryStore()
    (ref,) = [view.result_ref for view in [bench.views.task(story.large)] if view is not None]
    assert ref is not None
    replaced.create(ref, b'"forged"')
    api = Api(create_app(Source(bench.views, lambda: replaced)))
    assert api.refused(f"/tasks/{story.large}/result")["type"] == TYPE + "store-damaged"


def test_a_damaged_row_is_said() -> None:
    assert failing(LedgerDamaged("run: leasehold audit")).refused("/tasks/x")["type"] == TYPE + "ledger-damaged"


def test_a_defect_is_told_to_the_log_and_to_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="leasehold.web"):
        problem = failing(ValueError("the password is 1234")).refused("/queues")
    assert (problem["type"], problem["status"]) == (TYPE + "defect", 500)
    assert "1234" not in str(problem)
    assert "the password is 1234" in caplog.text


def test_a_body_over_the_limit_is_refused_unread(bench: SqliteBench) -> None:
    client = TestClient(create_app(Source(bench.views, MemoryStore), largest_body=KIB), base_url=HERE)
    refused = client.request("GET", "/api/v1/queues", content=b"x" * (KIB + 1))
    assert (refused.status_code, refused.json()["type"]) == (413, TYPE + "body-too-large")
    assert refused.json()["detail"] == "the body of a request may have 1 KiB"
    assert client.request("GET", "/api/v1/queues", content=b"x" * KIB).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "localhost.", "[::1]evil"])
def test_a_name_that_is_not_ours_is_refused(plain: Api, host: str) -> None:
    refused = plain.client.get("/api/v1/queues", headers={"host": host})
    assert (refused.status_code, refused.json()["type"]) == (400, TYPE + "wrong-host")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8300", "localhost:1", "[::1]", "[::1]:8300", "LOCALHOST"])
def test_the_names_of_this_machine_are_ours(plain: Api, host: str) -> None:
    assert plain.client.get("/api/v1/queues", headers={"host": host}).status_code == 200


def test_every_answer_keeps_browsers_from_taking_it_for_a_page(plain: Api) -> None:
    for path in ("/queues", "/tasks?filter=x", "/nope"):
        headers = plain.client.get(f"/api/v1{path}").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cache-control"] == "no-store"


def test_every_error_has_a_kind_and_no_two_kinds_share_a_type() -> None:
    ours = [each for module in (errors, problems) for each in vars(module).values() if isinstance(each, type)]
    for error in ours:
        if issubclass(error, LeaseholdError):
            assert isinstance(kind_of(error), Kind)
    slugs = [kind.slug for kind in KINDS.values()]
    assert len(slugs) == len(set(slugs))


def test_the_reference_lists_every_kind_with_its_status() -> None:
    rows = table(text_of("docs/reference.md"), "REST API")
    listed = {row[0].strip("`"): row[1] for row in rows if row[1].isdecimal()}
    assert listed == {kind.slug: str(kind.status) for kind in KINDS.values()}


def test_no_file_of_the_web_opens_a_ledger(tmp_path: Path) -> None:
    """What it reads is handed to it: making an application touches nothing."""
    create_app(Source(cast("Views", Away(AssertionError())), lambda: pytest.fail("opened")))
    assert list(tmp_path.iterdir()) == []
