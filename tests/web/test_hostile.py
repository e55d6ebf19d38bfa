"""A task full of markup is data: it comes out as plain JSON, and nothing can take it for anything else."""

from __future__ import annotations

import json

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.events import Cancelled
from leasehold.core.model import Failure, FailureKind
from leasehold.core.reports import Payload
from leasehold.ports.ledger import Change
from leasehold.testing.ledger_bench import Moves
from tests.web.conftest import Api

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}\u2028\x1b[2J\r\nSet-Cookie: a=b"
LONELY = '"\\ud800"'
"""Half a surrogate pair: JSON can say it, UTF-8 cannot."""
ROUTES = ("", "/runs", "/events", "/logs", "/result", "/why")


def hostile(moves: Moves) -> str:
    """A failed task of which everything that a user may choose is hostile."""
    arguments = f'{{{json.dumps(EVIL)}: {json.dumps(EVIL)}, "lonely": {LONELY}, "password": "x"}}'
    new = moves.new(name=EVIL[:60], key=EVIL, batch=EVIL, arguments=arguments)
    moves.submit(new)
    moves.dispatch()
    failure = Failure(FailureKind.EXCEPTION, EVIL, EVIL, EVIL, EVIL)
    moves.apply(new.task.id, moves.started())
    payload = Payload(log=EVIL, log_bytes=len(EVIL))
    moves.ledger.apply([Change(new.task.id, moves.failed(failure=failure), payload=payload)])
    return new.task.id


def test_markup_is_told_as_it_is_and_as_nothing_but_json(api: Api, moves: Moves, store: MemoryStore) -> None:
    id = hostile(moves)
    lists = ("/tasks", "/batches", "/failures", "/queues", "/workers", "/operations")
    for path in (*lists, *(f"/tasks/{id}{rest}" for rest in ROUTES)):
        answer = api.client.get(f"/api/v1{path}")
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
        assert answer.content.isascii()
        assert b"\r" not in answer.content
    whole = api.get(f"/tasks/{id}")
    assert whole["arguments"] == {EVIL: EVIL, "lonely": "\ud800", "password": "***"}
    assert (whole["handler"], whole["key"], whole["batch"]) == (EVIL[:60], EVIL, EVIL)
    assert whole["runs"][0]["failure"]["message"] == EVIL


def test_a_hostile_result_is_a_value(api: Api, moves: Moves) -> None:
    (id,) = moves.out()
    moves.apply(id, moves.started())
    moves.complete(id, f"[{json.dumps(EVIL)}, {LONELY}]")
    assert api.get(f"/tasks/{id}/result")["result"] == [EVIL, "\ud800"]


def test_a_hostile_reason_and_a_hostile_question_are_words(api: Api, moves: Moves) -> None:
    (id,) = moves.given()
    moves.apply(id, Cancelled(EVIL, EVIL))
    assert EVIL in api.get(f"/tasks/{id}")["reason"]
    for problem in (api.refused("/tasks", filter=EVIL), api.refused("/tasks", cursor=EVIL)):
        assert problem["status"] == 400
    assert api.client.get("/api/v1/queues", headers={"host": "<script>"}).json()["status"] == 400
