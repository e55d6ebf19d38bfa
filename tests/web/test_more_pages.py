"""The pages of failures, batches, queues, workers and operations, on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.events import Failed, Lapsed, Started
from leasehold.core.metering import Action, Count, Tally
from leasehold.flow.auditing.queues import Look
from leasehold.flow.looking import EVERY, Looking
from leasehold.flow.progress import FEWEST
from leasehold.ports import listings
from leasehold.ports.ledger import Operation
from leasehold.ports.queue import Depth
from leasehold.ports.views import BatchView, FailureGroup, WorkerView
from leasehold.testing.clock import ManualClock
from leasehold.testing.ledger_bench import BROKEN, LedgerBench, Moves
from leasehold.web.application import create_app
from leasehold.web.pages import batches
from leasehold.web.source import Source
from tests.web.conftest import HERE, Api, Bench, Story

EMPTY = {
    "/failures": "No task has failed",
    "/batches": "There are no batches yet",
    "/queues": "There are no queues yet",
    "/workers": "No worker runs anything now",
    "/operations": "There have been no bulk operations",
}


class Pages:
    """Pages as a browser gets them."""

    def __init__(self, app: FastAPI) -> None:
        self.client = TestClient(app, base_url=HERE)

    def get(self, path: str, status: int = 200) -> str:
        """The page at a path, its white space as one blank."""
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return re.sub(r"\s+", " ", answer.text)


@pytest.fixture
def pages(app: FastAPI) -> Pages:
    return Pages(app)


PAST = {
    "/failures": listings.FAILURES.cursor(FailureGroup("", "", "", "", "", 0, 0, 0, "")),
    "/batches": listings.BATCHES.cursor(BatchView("0", 0, {})),
    "/workers": listings.WORKERS.cursor(WorkerView("zzz", 0, 0, 0)),
    "/operations": listings.OPERATIONS.cursor(Operation("0", "", "", "", "", "", 0)),
}


@pytest.mark.parametrize("path", PAST)
def test_a_page_behind_a_cursor_does_not_say_that_there_is_nothing(pages: Pages, story: Story, path: str) -> None:
    assert EMPTY[path] not in pages.get(path)
    past = pages.get(f"{path}?cursor={PAST[path]}")
    assert "The list ends before this place now." in past
    for text in (past, pages.get(f"{path}?cursor=MTIgYWJj", status=400)):
        assert EMPTY[path] not in text
        assert f'<a href="{path}">Newest</a>' in text


@pytest.mark.parametrize("path", EMPTY)
def test_where_nothing_is_a_page_says_what_would_be_there(plain: Api, path: str) -> None:
    answer = plain.client.get(path)
    assert answer.status_code == 200
    assert EMPTY[path] in answer.text


def test_failures_are_told_by_cause_with_an_example_and_what_finds_them(pages: Pages, moves: Moves) -> None:
    ids = moves.out(3)
    for task_id in ids:
        moves.apply(task_id, moves.failed())
    (group,) = moves.views.failures()
    text = pages.get("/failures")
    assert "ValueError" in text
    assert "no samples in &lt;text&gt;" in text
    assert f"/tasks/{group.example}" in text
    words = f"status:failed group:{group.id} name:transcribe"
    assert f'<a href="/tasks?filter={quote(words)}">3</a>' in text
    found = pages.client.get("/api/v1/tasks", params={"filter": words}).json()["items"]
    assert {task["id"] for task in found} == set(ids)


def given_up(moves: Moves, *names: str) -> None:
    """A task of each handler, lost once too often: it has failed of no error."""
    for name in names:
        (lost,) = moves.out(name=name)
        for r in (1, 2):
            moves.apply(lost, moves.started(1, r))
            moves.bench.let_pass(60_000)
            moves.apply(lost, Lapsed())


def test_failures_of_no_error_are_found_handler_by_handler(pages: Pages, moves: Moves) -> None:
    given_up(moves, "transcribe", "convert")
    text = pages.get("/failures")
    for name in ("transcribe", "convert"):
        words = f"status:failed group:none name:{name}"
        assert quote(words) in text
        assert f'<tr id="group-none-{name}">' in text, "known by what it is: a row's number is another's in a moment"
        assert pages.client.get("/api/v1/tasks/count", params={"filter": words}).json()["count"] == 1


def test_the_first_page_finds_failures_of_no_error_handler_by_handler(pages: Pages, moves: Moves) -> None:
    given_up(moves, "transcribe", "convert")
    text = pages.get("/")
    for name in ("transcribe", "convert"):
        assert f'<a href="/tasks?filter={quote(f"status:failed group:none name:{name}")}">1</a>' in text


def test_how_many_have_failed_is_told_where_it_is_refreshed(pages: Pages, moves: Moves) -> None:
    (failed,) = moves.out()
    moves.apply(failed, moves.failed())
    _, live = pages.get("/failures").split("data-refresh")
    assert "1 task of 1 cause." in live


def test_a_batch_is_told_with_how_far_and_how_fast_it_is(pages: Pages, story: Story) -> None:
    text = pages.get("/batches/november")
    assert "80 % of 5 tasks have ended; 1 to go:" in text
    assert "tasks/" in text
    assert story.running in text
    assert "not known yet" in text
    assert quote("batch:november status:failed") in text
    listed = pages.get("/batches")
    assert 'href="/batches/november"' in listed


def test_what_takes_longer_than_others_is_marked(pages: Pages, moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "now", moves.ledger.now)
    for task_id in moves.out(FEWEST):
        run = moves.run()
        moves.apply(task_id, Started(run))
        moves.bench.let_pass(1_000)
        moves.apply(task_id, moves.completed()._replace(run=run))
    (slow,) = moves.out(1, batch="november")
    moves.apply(slow, moves.started())
    text = pages.get("/batches/november")
    assert "takes long" not in text
    assert 'data-label="Usually within">1 s<' in text
    moves.bench.let_pass(1_001)
    assert "takes long" in pages.get("/batches/november")


def test_a_batch_that_does_not_exist_is_said(pages: Pages, moves: Moves) -> None:
    moves.given(1, batch="november")
    answer = pages.client.get("/batches/novmber", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "november" in answer.text


def test_a_batch_of_any_name_has_a_page(pages: Pages, moves: Moves) -> None:
    for name in ("a/b", "ä 🎉", "100%", "a?b#c", "<b>x</b>", "it's", 'say "hi"'):
        moves.given(1, batch=name)
        (address,) = re.findall(r'<a class="bidi" href="(/batches/[^"]+)">', pages.get("/batches"))[:1]
        assert "<b>x</b>" not in pages.get(address)


def test_queues_are_told_with_what_waits_since_when_and_what_went_through(pages: Pages, moves: Moves) -> None:
    ids = moves.out(3)
    moves.apply(ids[0], moves.started())
    moves.ledger.pause("default", paused=True, by="ada")
    tally = Count(0, "tasks:default", Action.ENDED, Tally(messages=7))
    moves.ledger.note_requests([tally, Count(0, "tasks:default", Action.SEND, Tally(9, 9, messages=90))])
    text = pages.get("/queues")
    assert 'class="state paused"' in text
    assert re.search(r'In flight</td><td class="number" data-label="Tasks">3<', text)
    assert "The longest wait began" in text
    assert "7 tasks ended, at most 7 in an hour; 90 messages sent, at most 90 in an hour" in text
    assert text.count("<svg") == 1
    waited = Count(0, "tasks:default", Action.WAITED, Tally(messages=60))
    moves.ledger.note_requests([waited, Count(0, "status", Action.WAITED, Tally(3))])
    text = pages.get("/queues")
    assert "at most 20 tasks on average of an hour" in text
    assert text.count("<svg") == 2


def test_where_nobody_ever_waited_nothing_is_said_to_have(pages: Pages, moves: Moves) -> None:
    moves.out()
    ended = Count(0, "tasks:default", Action.ENDED, Tally(messages=7))
    moves.ledger.note_requests([ended, Count(0, "status", Action.WAITED, Tally(3))])
    assert "on average of each hour: at most 0." in pages.get("/queues")


def test_queues_are_told_with_what_they_say_themselves(bench: Bench, store: MemoryStore, moves: Moves) -> None:
    """Nobody waits for a queue: a page shows what the last look saw, and one that was answered late is shown later."""
    moves.out(2)
    looks = [
        Look({}, None, None, {"default": "it is away", "status": "so is it"}),
        Look({"default": Depth(7, 2)}, Depth(5, 1), Depth(3, 0)),
    ]
    clock = ManualClock()
    looking = Looking(looks.pop, clock.now)
    pages = Pages(create_app(Source(bench.views, lambda: store, looking=looking)))
    assert "Messages" not in pages.get("/queues")
    looking.wait()
    text = pages.get("/queues")
    assert "on the queue: 7 to be received, 2 received" in text
    assert "5 wait to be recorded, 1 are being recorded" in text
    assert "dead-letter queue: 3." in text
    clock.advance(EVERY)
    pages.get("/queues")
    looking.wait()
    text = pages.get("/queues")
    assert "The queue does not answer: it is away" in text
    assert "The status queue does not answer: so is it" in text


def test_workers_are_told_with_what_they_hold(pages: Pages, story: Story, moves: Moves) -> None:
    text = pages.get("/workers")
    (worker,) = moves.views.workers()
    assert worker.name in text
    assert "First lease ends" in text


def test_operations_are_told_with_who_and_why(pages: Pages, story: Story) -> None:
    text = pages.get("/operations")
    for told in ("retry", "going on", "ada", "mended", "status:failed"):
        assert told in text


@pytest.mark.parametrize("path", ["/failures", "/batches", "/workers", "/operations"])
def test_a_list_goes_on_page_by_page(pages: Pages, moves: Moves, path: str) -> None:
    ids = moves.out(52)
    for number, task_id in enumerate(ids):
        moves.given(1, batch=f"batch {number}")
        failure = BROKEN._replace(type=f"Error{number}")
        report = Failed(moves.run(), moves.ledger.now(), failure, unrecoverable=True, deleted=True)
        moves.apply(task_id, report)
        moves.ledger.start_operation(Operation(f"op-{number}", "retry", "", "", "ada", "", moves.ledger.now()))
    for number, task_id in enumerate(moves.out(52)):
        moves.apply(task_id, Started(moves.run(worker=f"i-{number}/5-a")))
    first = pages.get(path)
    (older,) = re.findall(r'<a href="([^"]+)" rel="next">Older</a>', first)
    second = pages.get(older)
    rows = [re.findall(r'<tr id="([^"]+)">', text) for text in (first, second)]
    assert [len(found) for found in rows] == [50, 2]
    assert "Newest</a>" in second
    assert "Older</a>" not in second


@pytest.mark.parametrize("path", ["/failures", "/batches", "/workers", "/operations"])
def test_a_cursor_of_another_list_is_said_beside_the_list(pages: Pages, bench: LedgerBench, path: str) -> None:
    assert "page cursor" in pages.get(f"{path}?cursor=MTIgYWJj", status=400)


def test_a_queue_is_paused_and_goes_on(pages: Pages, story: Story, moves: Moves) -> None:
    for kind, paused in (("pause", True), ("resume", False)):
        answer = pages.client.post("/queues/act", data={"queue": "media", "kind": kind}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/queues")
        assert [view.paused for view in moves.views.queues() if view.name == "media"] == [paused]
    assert pages.client.post("/queues/act", data={"queue": "none", "kind": "pause"}).status_code == 404
    assert pages.client.post("/queues/act", data={"queue": "media", "kind": "drop"}).status_code == 422


def test_an_operation_is_stopped_and_says_by_whom(pages: Pages, story: Story, moves: Moves) -> None:
    answer = pages.client.post("/operations/cancel", data={"operation": "op-1"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/operations")
    (one,) = moves.views.operations()
    assert one.finished == "cancelled"
    assert f"by {one.stopped_by}" in pages.get("/operations")


def test_an_operation_that_failed_says_why(pages: Pages, story: Story, moves: Moves) -> None:
    moves.ledger.fail_operation("op-1", "id:01 begins the ids of over 1,000 tasks. <Write> more of the id")
    shown = pages.get("/operations")
    assert "failed" in shown
    assert "id:01 begins the ids of over 1,000 tasks. &lt;Write&gt; more of the id" in shown
    assert "by id:01" not in shown
    assert "Stop the retry" not in shown


def test_what_a_worker_holds_is_recalled_after_a_question(pages: Pages, story: Story, moves: Moves) -> None:
    (worker,) = moves.views.workers()
    assert "Is i-1/boot gone for good?" in pages.get(f"/workers/recall?name={quote(worker.name)}")
    assert moves.ledger.gone() == []
    answer = pages.client.post("/workers/recall", data={"name": worker.name}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/workers")
    assert [each.name for each in moves.ledger.gone()] == [worker.name]
    assert pages.client.get("/workers/recall", params={"name": "nobody"}).status_code == 404


def test_a_group_of_failures_is_retried_as_one_operation(pages: Pages, story: Story, moves: Moves) -> None:
    (address,) = re.findall(r'<a class="button"[^>]* href="([^"]+)"', pages.get("/failures"))
    asked = pages.get(address.replace("&amp;", "&"))
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', asked))
    answer = pages.client.post("/tasks/all", data={**fields, "reason": "mended"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/operations")
    newest = moves.views.operations()[0]
    (group,) = moves.views.failures()
    assert (newest.kind, newest.reason) == ("retry", "mended")
    assert newest.filter == f"status:failed group:{group.id} name:transcribe"


def test_all_that_match_are_told_apart_from_those_that_would_change(pages: Pages, story: Story) -> None:
    text = pages.get("/tasks/all?kind=cancel&filter=batch:november")
    assert "5 tasks fit <code>batch:november</code>; <strong>1</strong> of them can be cancelled." in text
    assert ">Cancel 1 task</button>" in text
    text = pages.get("/tasks/all?kind=retry&filter=status:completed")
    assert "<strong>none</strong> of them can be tried again." in text
    assert 'name="reason"' not in text


def test_the_first_page_says_what_needs_attention(pages: Pages, moves: Moves) -> None:
    moves.given(3)
    assert "Nothing needs attention now." in pages.get("/")
    moves.ledger.pause("default", paused=True, by="ada")
    text = pages.get("/")
    assert "Nothing needs attention" not in text
    assert "Queue default is paused, and 3 tasks are waiting." in text
    assert "<code>leasehold queue resume default</code>" in text
