"""Pages as plain documents: what they link to, what they refuse and how, and that nothing of a user's is markup."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.errors import LedgerDamaged, LedgerUnavailable
from leasehold.core.model import Token
from leasehold.flow.checkpoints import Checkpoints
from leasehold.ports.access import Role
from leasehold.testing.ledger_bench import Moves
from leasehold.web.hiding import Hiding
from leasehold.web.pages.refusing import LOOK_FIRST
from leasehold.web.pages.words import SHOWN, age, percent
from leasehold.web.source import writing_of
from leasehold.web.user import User, user_of
from tests.web.conftest import HERE, Bench, House, forget
from tests.web.pages.conftest import Site, made
from tests.web.pages.stage import EVIL

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def plainly(bench: Bench, store: MemoryStore) -> Site:
    """The application, not served."""
    return made(bench, store)


@pytest.fixture
def client(plainly: Site) -> TestClient:
    """A browser without a script."""
    return TestClient(plainly.app, base_url=HERE, headers=BROWSER, follow_redirects=False)


def links(text: str) -> list[str]:
    """Where a page leads."""
    return [unescape(found) for found in re.findall(r'href="([^"]*)"', text)]


def test_every_number_of_the_overview_is_what_its_link_finds(plainly: Site, client: TestClient) -> None:
    text = client.get("/").text
    found = re.findall(r'href="(/tasks\?filter=[^"]*)"[^>]*>(?:<b[^>]*>)?([\d,]+)<', text)
    assert len(found) > 12
    for link, number in found:
        (words,) = parse_qs(urlsplit(unescape(link)).query)["filter"]
        assert plainly.cut.count(words, 10_000) == int(number.replace(",", "")), words


def test_what_is_staged_is_a_healthy_house_that_has_seen_a_day(plainly: Site, client: TestClient) -> None:
    assert "Nothing needs attention now." in client.get("/").text
    queues = client.get("/queues").text
    assert queues.count("<svg") == 2
    assert "at most 133 in an hour" in queues
    assert "372.5" in client.get(f"/tasks/{plainly.staged.running}/checkpoint").text


def test_a_filter_that_does_not_parse_is_said_beside_the_box_with_what_was_meant(client: TestClient) -> None:
    answer = client.get("/tasks", params={"filter": 'stats:failed <b>"'})
    assert answer.status_code == 400
    assert "Did you mean &#39;status&#39;?" in answer.text
    assert 'value="stats:failed &lt;b&gt;&#34;"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_a_cursor_of_another_filter_is_refused_in_words(client: TestClient) -> None:
    for cursor in ("x", "MTIzIDAwMDAwMDAw"):
        answer = client.get("/tasks", params={"filter": "status:failed", "cursor": cursor})
        assert answer.status_code == 400
        assert "cursor" in answer.text


def test_pages_of_a_list_hold_each_task_once(plainly: Site, client: TestClient) -> None:
    plainly.stage.tasks(120, batch="many")
    found: list[str] = []
    path: str | None = "/tasks?filter=batch:many"
    while path is not None:
        text = client.get(path).text
        found += re.findall(r'name="id" value="([^"]+)"', text)
        path = next((link for link in links(text) if "cursor=" in link), None)
    assert len(found) == len(set(found)) == 120


@pytest.mark.parametrize("path", ["/tasks/01a1ff79-c890-7000-92af-e173442d9ad5", "/tasks/%3Cscript%3E", "/nowhere"])
def test_what_is_not_there_is_a_page_for_browsers_and_a_problem_for_programs(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script>" not in page.text
    problem = client.get(path, headers={"accept": "*/*"})
    assert problem.headers["content-type"] == "application/problem+json"


def test_a_forgotten_task_is_said_to_be_forgotten(plainly: Site, client: TestClient, bench: Bench) -> None:
    plainly.stage.moves.ledger.cancel_operation("op-1", by="ada")  # one that is going on needs the rows that it passes
    forget(bench, plainly.staged.failed)
    answer = client.get(f"/tasks/{plainly.staged.failed}")
    assert answer.status_code == 410
    assert "not kept any more" in answer.text


@pytest.mark.parametrize("path", ["/", "/tasks", "/tasks/{id}", "/tasks/{id}/edit", "/tasks/all?kind=retry"])
def test_a_lost_ledger_is_a_503_that_says_when_to_ask_again(plainly: Site, client: TestClient, path: str) -> None:
    plainly.cut.error = LedgerUnavailable("the database cannot be reached")
    answer = client.get(path.format(id=plainly.staged.done))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "The ledger is away" in answer.text
    assert "data-retry" in answer.text
    assert "Traceback" not in answer.text


def test_a_change_that_a_lost_ledger_refuses_is_not_made_again_by_itself(plainly: Site, client: TestClient) -> None:
    def lost() -> None:
        raise LedgerUnavailable("the connection was lost during a commit")

    plainly.app.dependency_overrides[writing_of] = lost
    answer = client.post("/tasks/all", data={"kind": "retry", "filter": "status:failed"})
    assert answer.status_code == 503
    assert LOOK_FIRST in answer.text
    assert "data-retry" not in answer.text
    assert "by itself" not in answer.text


REFUSED: list[tuple[str, dict[str, str], int]] = [
    ("/tasks/01a1ff79-c890-7000-92af-e173442d9ad5/retry", {}, 404),
    ("/tasks/all", {"kind": "retry", "filter": "stats:failed"}, 400),
    ("/tasks/act", {"kind": "eat"}, 422),
    ("/queues/act", {"kind": "pause", "queue": "nowhere"}, 404),
    ("/tasks/{id}/edit", {"arguments": "{}", "version": "1"}, 409),
    ("/tasks/{id}/edit", {"arguments": "{"}, 400),
    ("/queues", {}, 405),
]


@pytest.mark.parametrize(("path", "fields", "status"), REFUSED)
def test_a_change_that_is_refused_says_that_nothing_was_changed(
    plainly: Site, client: TestClient, path: str, fields: dict[str, str], status: int
) -> None:
    answer = client.post(path.format(id=plainly.staged.failed), data=fields)
    assert answer.status_code == status
    assert answer.text.count("Nothing was changed.") == 1
    assert LOOK_FIRST not in answer.text


def test_so_does_one_that_may_not_be_made(client: TestClient, house: House) -> None:
    foreign = client.post("/queues/act", headers={"sec-fetch-site": "cross-site"})
    viewer = house.client(house.viewer).post("/queues/act", headers=BROWSER)
    assert foreign.status_code == viewer.status_code == 403
    assert "Nothing was changed." in foreign.text
    assert "Nothing was changed." in viewer.text


@pytest.mark.parametrize("error", [RuntimeError("a defect"), LedgerUnavailable("lost"), LedgerDamaged("odd")])
def test_a_change_that_failed_on_this_side_may_have_been_made(
    plainly: Site, client: TestClient, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(plainly.app.state.source.writing.client, "pause", failing)
    answer = client.post("/queues/act", data={"kind": "pause", "queue": "media"})
    assert answer.status_code >= 500
    assert LOOK_FIRST in answer.text
    assert "Nothing was changed." not in answer.text


def test_what_is_only_looked_for_says_nothing_of_changes(client: TestClient) -> None:
    assert "Nothing was changed." not in client.get("/nowhere").text


@pytest.mark.parametrize("text", ['{"n": ' + "9" * 5_000 + "}", '{"n": ' * 450 + "1" + "}" * 450, "[" * 100_000])
def test_whatever_cannot_be_read_as_arguments_stays_in_its_field(plainly: Site, client: TestClient, text: str) -> None:
    id = plainly.staged.failed
    (version,) = re.findall(r'name="version" value="(\d+)"', client.get(f"/tasks/{id}/edit").text)
    answer = client.post(f"/tasks/{id}/edit", data={"arguments": text, "version": version})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert text in unescape(answer.text)


def test_a_defect_is_a_page_without_its_words(plainly: Site, client: TestClient) -> None:
    def broken() -> None:
        raise RuntimeError("secret words")

    plainly.app.add_api_route("/broken", broken)
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert "secret words" not in answer.text


def test_nothing_of_a_hostile_task_is_markup(plainly: Site, client: TestClient) -> None:
    id = plainly.stage.hostile()
    paths = ["/", "/tasks", "/failures", "/batches", "/queues", "/workers", "/operations"]
    paths += [f"/tasks/{id}", f"/tasks/{id}/edit", f"/tasks/{id}/checkpoint"]
    told = 0
    for path in paths:
        text = client.get(path).text
        assert not re.search(r"<script>|<img src=x|<svg/|<style|hx-get='", text), path
        told += "&lt;script&gt;" in text
    assert told > 3
    answer = client.get("/tasks", params={"filter": EVIL})
    assert answer.status_code == 400
    assert "<script>window" not in answer.text
    assert client.post("/tasks/act", data={"kind": EVIL}).status_code == 422


def test_no_page_carries_a_style_or_a_script_of_its_own(plainly: Site, client: TestClient) -> None:
    for path in ("/", "/tasks", f"/tasks/{plainly.staged.lost}", f"/tasks/{plainly.staged.failed}/edit"):
        answer = client.get(path)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)|javascript:", answer.text), path
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_a_large_value_is_shown_by_its_beginning(plainly: Site, client: TestClient) -> None:
    (id,) = plainly.stage.tasks(1)
    plainly.stage.start(id)
    plainly.stage.moves.complete(id, '"' + "x" * 40_000 + '"')
    answer = client.get(f"/tasks/{id}")
    assert "x" * (SHOWN - 1) in answer.text
    assert "x" * (SHOWN + 1) not in answer.text
    assert f"/api/v1/tasks/{id}/result" in links(answer.text)


def test_a_checkpoint_is_shown_without_what_is_hidden(plainly: Site, client: TestClient, store: MemoryStore) -> None:
    id = plainly.staged.running
    state = '{"second": 12.5, "api_token": "tell nobody"}'
    assert Checkpoints(store, limit=1_000).save(id, Token(1, 1), "run-1.1", state) is None
    text = client.get(f"/tasks/{id}/checkpoint").text
    assert "12.5" in text
    assert "tell nobody" not in text
    plainly.app.state.source = plainly.app.state.source._replace(hiding=Hiding(from_viewers=["results"]))
    plainly.app.dependency_overrides[user_of] = lambda: User("eve", Role.VIEWER, "127.0.0.1")
    assert "12.5" not in client.get(f"/tasks/{id}/checkpoint").text


def test_a_share_is_rounded_down_but_not_by_what_a_float_cannot_say() -> None:
    assert [percent(part / 100) for part in range(101)] == [f"{part} %" for part in range(101)]
    assert percent(0.9999999999) == "99 %"


@pytest.mark.parametrize(
    ("ms", "words"),
    [(-9_700, "9 s ago"), (-1_001, "1 s ago"), (-999, "now"), (1_999, "in 1 s"), (200_700, "in 3 min 20 s")],
)
def test_an_age_is_told_in_whole_seconds_as_the_script_goes_on_to_tell_it(ms: int, words: str) -> None:
    whole = 1_760_000_000_000
    assert age(whole, whole - ms) == words
    assert age(whole + 999, whole - ms) == words, "the page gives the script no more of an instant than its second"


def test_no_address_of_a_page_stands_in_the_document_of_the_api(app: FastAPI) -> None:
    assert all(path.startswith("/api/v1/") or path == "/metrics" for path in app.openapi()["paths"])


def test_the_page_of_a_task_with_hundreds_of_runs_shows_the_last(bench: Bench, client: TestClient) -> None:
    moves = Moves(bench)
    (task_id,) = moves.out()
    for r in range(1, 251):
        moves.apply(task_id, moves.started(1, r))
    text = client.get(f"/tasks/{task_id}").text
    assert text.count('<li id="bar-') == 100
    assert text.count('<tr id="line-') == 200
    assert "Before these there were 150 more." in text
    assert f'href="/api/v1/tasks/{task_id}/runs"' in text
