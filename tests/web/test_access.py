"""Who may do what: every route of the application without a token, with a viewer's, with an operator's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.events import Cancelled, Progressed
from leasehold.core.model import Failure, FailureKind
from leasehold.core.units import HOUR
from leasehold.flow.tokens import Made
from leasehold.ports.access import Role
from leasehold.ports.ledger import Operation
from leasehold.testing.arguments_suite import given
from leasehold.testing.ledger_bench import Moves
from leasehold.web.application import create_app
from leasehold.web.forms import SentForm
from leasehold.web.guard import Access
from leasehold.web.hiding import Hiding
from leasehold.web.sessions import COOKIE, LASTING
from leasehold.web.source import Source
from leasehold.web.tries import MOST, SPAN, Tries
from tests.web.conftest import HERE, House, writing

TYPE = "/api/v1/problems/"
PUBLIC = {"/login", "/logout", "/static/{digest}/{name}", "/api/v1/problems/{slug}"}
"""What anybody may ask for. A new route is not among it."""
FREE = {"/login", "/logout", "/api/v1/outcomes"}
"""What a viewer may post: it changes nothing."""


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method of every path that the application answers to."""
    found: Any = iter_route_contexts(app.routes)
    return sorted((method, str(route.path)) for route in found for method in route.methods or ())


def test_every_route_is_found(house: House) -> None:
    found = routes(house.app)
    assert {("GET", "/api/v1/tasks"), ("POST", "/api/v1/tasks/stream"), ("GET", "/"), ("POST", "/login")} <= set(found)
    assert ("GET", "/api/v1/openapi.json") in found
    assert len(found) > 30


def test_no_route_answers_without_a_token_but_those_that_tell_nothing(house: House) -> None:
    client = house.client()
    for method, path in routes(house.app):
        answer = client.request(method, filled(path))
        if path in PUBLIC:
            assert answer.json()["type"] != TYPE + "not-logged-in" if "json" in kind(answer) else True
            continue
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        if method != "HEAD":
            assert answer.json()["type"] == TYPE + "not-logged-in"


def kind(answer: Any) -> str:  # noqa: ANN401 - a response of the test client
    return str(answer.headers.get("content-type", ""))


def filled(path: str) -> str:
    """A path with something in its places."""
    for name in ("id", "name", "name:path", "slug", "path:path", "kind", "queue"):
        path = path.replace(f"{{{name}}}", "x")
    return path


def test_a_viewer_may_read_everything_and_change_nothing(house: House) -> None:
    client = house.client(house.viewer)
    for method, path in routes(house.app):
        if path.endswith("/live"):
            continue  # a stream without an end
        answer = client.request(method, filled(path))
        if method in ("GET", "HEAD"):
            assert answer.status_code not in (401, 403), (method, path)
        elif path not in FREE:
            assert answer.status_code == 403, (method, path)
            assert answer.json()["type"] == TYPE + "not-allowed"


def test_an_operator_is_turned_away_from_nothing(house: House) -> None:
    client = house.client(house.operator)
    for method, path in routes(house.app):
        if not path.endswith(("/live", "/login")):
            assert client.request(method, filled(path)).status_code not in (401, 403), (method, path)


def test_the_trail_calls_somebody_by_his_token(house: House) -> None:
    (id,) = Moves(house.bench).given()
    said = house.client(house.operator).post("/api/v1/tasks/cancel", json={"ids": [id]})
    assert said.json()["changed"] == [id]
    assert house.bench.views.audit(id)[-1].detail == "cancelled by otto from testclient"


def test_a_token_that_is_over_says_which_way(house: House) -> None:
    short = house.made("tess", Role.OPERATOR, 1_000)
    assert house.client(short).get("/api/v1/queues").status_code == 200
    house.bench.let_pass(1_000)
    assert problem(house, short) == (401, "token-expired")
    house.tokens.revoke(house.viewer.token.id, by="root")
    assert problem(house, house.viewer) == (401, "token-revoked")
    assert problem(house, house.viewer._replace(text="lh_wrong")) == (401, "bad-token")
    assert problem(house, house.viewer._replace(text="")) == (401, "bad-token")


def problem(house: House, made: Made) -> tuple[int, str]:
    answer = house.client(made).get("/api/v1/queues")
    return answer.status_code, answer.json()["type"].removeprefix(TYPE)


def test_the_ledger_keeps_no_token(house: House) -> None:
    path = Path(house.bench.database.path)
    kept = b"".join(file.read_bytes() for file in (path, path.with_name(path.name + "-wal")) if file.exists())
    assert house.viewer.token.id.encode() in kept
    assert house.viewer.text.encode() not in kept


# ---------------------------------------------------------------- browsers


def logged_in(house: House, made: Made, **headers: str) -> TestClient:
    """A browser with a session."""
    client = TestClient(house.app, base_url=HERE, follow_redirects=False, headers=headers)
    answer = client.post("/login", data={"token": made.text, "next": "/tasks?filter=a"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/tasks?filter=a")
    return client


def csrf_of(house: House, client: TestClient) -> str:
    """What a page of this session holds."""
    seal = Access(house.tokens).seal
    assert seal is not None
    return seal.csrf(client.cookies[COOKIE])


def test_a_browser_is_led_to_the_page_where_one_logs_in(house: House) -> None:
    client = house.client()
    led = client.get("/tasks?filter=status:failed", headers={"accept": "text/html"})
    assert led.status_code == 303
    assert led.headers["location"] == "/login?next=/tasks%3Ffilter%3Dstatus%3Afailed"
    shown = client.get(led.headers["location"], headers={"accept": "text/html"})
    assert shown.status_code == 200
    assert 'name="next" value="/tasks?filter=status:failed"' in shown.text
    wrong = client.post("/login", data={"token": "lh_wrong"}, headers={"accept": "text/html"})
    assert wrong.status_code == 401
    assert "this is no token of this ledger" in wrong.text


def test_a_session_is_a_cookie_that_no_script_and_no_other_site_can_use(house: House) -> None:
    client = house.client()
    answer = client.post("/login", data={"token": house.viewer.text})
    parts = set(answer.headers["set-cookie"].split("; "))
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= parts
    assert "Secure" not in parts
    assert house.viewer.text not in answer.headers["set-cookie"]
    over_tls = TestClient(house.app, base_url="https://127.0.0.1", follow_redirects=False)
    answer = over_tls.post("/login", data={"token": house.viewer.text})
    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_a_session_reads_and_changes_only_with_what_its_pages_hold(house: House) -> None:
    client = logged_in(house, house.operator)
    assert client.get("/api/v1/queues").status_code == 200
    Moves(house.bench).given(queue="media")
    path = "/api/v1/queues/media/pause"
    wrong: list[Any] = [{}, {"x-csrf-token": "wrong"}, {"x-csrf-token": b"\xc3\xa4"}]
    for headers in wrong:
        refused = client.post(path, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (403, TYPE + "foreign-page")
    assert client.post(path, headers={"x-csrf-token": csrf_of(house, client)}).status_code == 200


def test_a_form_may_hold_it_as_a_field_and_its_route_still_reads_the_form(house: House) -> None:
    client = logged_in(house, house.operator)

    @house.app.post("/sent")
    def kept(form: SentForm) -> list[tuple[str, str]]:
        return form

    fields = {"csrf": csrf_of(house, client), "reason": "x"}
    assert client.post("/sent", data=fields).json() == [["csrf", fields["csrf"]], ["reason", "x"]]
    assert client.post("/sent", data={"reason": "x"}).status_code == 403


def test_a_session_ends_with_its_time_with_its_token_and_when_one_logs_out(house: House) -> None:
    client = logged_in(house, house.viewer)
    house.bench.let_pass(LASTING - 1)
    assert client.get("/api/v1/queues").status_code == 200
    house.bench.let_pass(1)
    assert client.get("/api/v1/queues").status_code == 401
    client = logged_in(house, house.viewer)
    house.tokens.revoke(house.viewer.token.id, by="root")
    assert client.get("/api/v1/queues").status_code == 401
    client = logged_in(house, house.operator)
    answer = client.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/api/v1/queues").status_code == 401
    again = client.post("/logout", headers={"accept": "text/html"})
    assert (again.status_code, again.headers["location"]) == (303, "/login")


def test_a_cookie_that_was_made_up_or_altered_is_nobody(house: House) -> None:
    client = logged_in(house, house.viewer)
    value = client.cookies[COOKIE]
    id, until, nonce, mac = value.split(".")
    for forged in (
        f"{house.operator.token.id}.{until}.{nonce}.{mac}",
        f"{id}.{int(until) + HOUR}.{nonce}.{mac}",
        value[:-1],
        "",
        "...",
        "\\303\\244.1.x.y",
    ):
        answer = house.client().get("/api/v1/queues", headers={"cookie": f"{COOKIE}={forged}"})
        assert answer.status_code == 401, forged


def test_one_is_led_to_no_other_server_after_the_login(house: House) -> None:
    for to in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\r\nb: c"):
        answer = house.client().post("/login", data={"token": house.viewer.text, "next": to})
        assert answer.headers["location"] == "/"


def test_whoever_guesses_is_made_to_wait(house: House) -> None:
    clock = [0.0]
    house.app.state.tries = Tries(lambda: clock[0])
    client = house.client()
    for _ in range(MOST):
        assert client.post("/login", data={"token": "lh_x"}).status_code == 401
    answer = client.post("/login", data={"token": house.viewer.text})
    assert (answer.status_code, "too many tries" in answer.text) == (429, True)
    clock[0] = SPAN + 1
    assert client.post("/login", data={"token": house.viewer.text}).status_code == 303


# ---------------------------------------------------------------- what is not shown


HUSHED = Failure(FailureKind.EXCEPTION, "ValueError", "hush-message", "media.py:decode", "hush-traceback")
HUSH = {"hush-argument", "hush-result", "hush-message", "hush-traceback", "hush-reason", "hush-note", "hush-why"}


def test_viewers_are_not_shown_what_the_settings_hide_wherever_it_is_read(house: House) -> None:
    store = MemoryStore()
    hiding = Hiding(from_viewers=("arguments", "results", "logs", "errors"))
    source = Source(house.bench.views, lambda: store, writing(house.bench, store), hiding=hiding)
    app = create_app(source, access=Access(house.tokens, everybody=False), hosts=None)
    paths = [path for id in tasks_with_secrets(Moves(house.bench)) for path in pages_of(app, id)]
    for accept in ("application/json", "text/html"):
        told = [house.client(made, app) for made in (house.viewer, house.operator)]
        texts = ["".join(each.get(path, headers={"accept": accept}).text for path in paths) for each in told]
        assert "hush" not in texts[0]
        assert {word for word in HUSH if word in texts[1]} == HUSH
        assert "ValueError" in texts[0]


def pages_of(app: FastAPI, id: str) -> list[str]:
    """Whatever can be read, of this task where it is of one."""
    paths = [filled(path.replace("{id}", id)) for method, path in routes(app) if method == "GET"]
    assert f"/api/v1/tasks/{id}/result" in paths
    return [path for path in paths if not (path.endswith("/live") or path.startswith("/static"))]


def tasks_with_secrets(moves: Moves) -> list[str]:
    """One that is completed, one that failed, one that is on its way, one that was cancelled; an operation."""
    new = [moves.new(arguments='{"source": "hush-argument"}', batch="b") for _ in range(4)]
    moves.submit(*new)
    moves.dispatch()
    done, failed, running, cancelled = ids = [each.task.id for each in new]
    for id in ids:
        moves.apply(id, moves.started())
    moves.complete(done, '"hush-result"')
    moves.apply(failed, moves.failed(failure=HUSHED))
    moves.apply(running, Progressed(moves.run(1, 1), 0.5, "hush-note"))
    moves.apply(cancelled, Cancelled("ada", "hush-reason"))
    now = moves.ledger.now()
    moves.ledger.start_operation(Operation("op-1", "retry", "status:failed", "op-1", "ada", "hush-why", now))
    return ids


def test_viewers_find_nothing_by_what_they_are_not_shown(house: House) -> None:
    given(Moves(house.bench), ("episode",), {"episode": "hush"})
    store = MemoryStore()
    hiding = Hiding(from_viewers=("arguments",))
    source = Source(house.bench.views, lambda: store, writing(house.bench, store), hiding=hiding)
    app = create_app(source, access=Access(house.tokens, everybody=False), hosts=None)
    for made, status in ((house.viewer, 400), (house.operator, 200)):
        client = house.client(made, app)
        for path in ("/api/v1/tasks", "/api/v1/tasks/count", "/api/v1/tasks/export", "/tasks"):
            assert client.get(path, params={"filter": "args.episode:hush"}).status_code == status
    asked = house.client(house.viewer, app).get("/tasks/all?kind=retry&filter=args.episode:hush")
    assert (asked.status_code, "arguments are not shown to viewers here" in asked.text) == (400, True)


def test_viewers_are_not_told_of_arguments_by_the_filters_of_operations(house: House) -> None:
    now, store = house.bench.ledger.now(), MemoryStore()
    for id, filter_ in (("op-1", "args.episode:hush"), ("op-2", "nothing:hush"), ("op-3", "status:failed")):
        house.bench.ledger.start_operation(Operation(id, "retry", filter_, id, "otto", "", now))
    house.bench.ledger.fail_operation("op-2", "there is no filter 'nothing:hush'")
    source = Source(house.bench.views, lambda: store, hiding=Hiding(from_viewers=("arguments",)))
    app = create_app(source, access=Access(house.tokens, everybody=False), hosts=None)
    paths = ("/operations", "/api/v1/operations", "/api/v1/operations/op-2")
    seen, all_seen = ([house.client(each, app).get(path) for path in paths] for each in (house.viewer, house.operator))
    assert [one["filter"] for one in seen[1].json()["items"]] == ["status:failed", "***", "***"]
    assert all("hush" in answer.text for answer in all_seen)
    assert not any("hush" in answer.text for answer in seen)
    assert re.findall(r'href="/tasks\?filter=([^"]*)"', seen[0].text) == ["status%3Afailed"]


def test_hidden_keys_are_hidden_in_results_too(house: House) -> None:
    moves = Moves(house.bench)
    (id,) = moves.out()
    moves.apply(id, moves.started())
    moves.complete(id, '{"token": "hush", "text": "hello"}')
    client = house.client(house.operator)
    for path in (f"/api/v1/tasks/{id}", f"/api/v1/tasks/{id}/result"):
        assert client.get(path).json()["result"] == {"token": "***", "text": "hello"}
