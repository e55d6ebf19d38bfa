"""What a client makes of answers, and of what is no answer: each said plainly, and only what bears it tried again."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from random import Random
from threading import Thread

import httpx2
import pytest

from leasehold.core.errors import (
    BadArguments,
    BadCursor,
    BadSettings,
    KeyTaken,
    LeaseholdError,
    LedgerUnavailable,
    NoSuchTask,
    NotOurApi,
    SchemaMismatch,
    StaleEdit,
    StoreUnavailable,
    TooLarge,
    UsageError,
)
from leasehold.core.model import Policy
from leasehold.flow import problems
from leasehold.flow.client import Order, Refused
from leasehold.flow.ids import IdMaker
from leasehold.flow.problems import KINDS, BadToken, NotAllowed, NotLoggedIn, TokenExpired, told
from leasehold.ports.ledger import Accepted
from leasehold.remote.client import RemoteClient
from leasehold.remote.http import PAUSES, Api
from leasehold.testing.clock import ManualClock

URL = "https://leasehold.example.org/jobs"
TOKEN = "lh_very-secret"
Answer = Callable[[httpx2.Request], httpx2.Response]
POLICY = Policy(60_000)


class Bell:
    """Notes how long was waited, and lets nobody wait."""

    def __init__(self) -> None:
        self.waited: list[int] = []

    def ring(self, topic: str) -> None:
        del topic

    def wait(self, topic: str, timeout: int) -> bool:
        del topic
        self.waited.append(timeout)
        return False

    def close(self) -> None:
        pass


class Far:
    """A client of a server that answers from a list; each request is kept."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []
        self.bell = Bell()
        self.api = Api(URL, TOKEN, self.bell, Random(1), transport=httpx2.MockTransport(self._answer))
        ids = IdMaker(ManualClock(), Random(2))
        self.client = RemoteClient(self.api, self.bell, ManualClock(), ids=ids, payload_limit=500_000)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


def problem(error: LeaseholdError, **headers: str) -> httpx2.Response:
    said = told(error)
    status = said["status"]
    assert isinstance(status, int)
    media = {"content-type": problems.MEDIA_TYPE}
    return httpx2.Response(status, headers={**media, **headers}, content=json.dumps(said))


def document(**members: object) -> httpx2.Response:
    return httpx2.Response(200, json=members)


def lines(*documents: object) -> httpx2.Response:
    content = "".join(json.dumps(each) + "\n" for each in documents)
    return httpx2.Response(200, headers={"content-type": "application/x-ndjson"}, content=content)


QUEUES = document(items=[])
BROKEN = httpx2.ReadError("Connection reset by peer")
REFUSED = httpx2.ConnectError("Connection refused")


PROBLEM = {"content-type": problems.MEDIA_TYPE}
DEEP = b"[" * 100_000 + b"]" * 100_000


# ---------------------------------------------------------------- what refusals mean


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "ftp://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_a_setting_to_correct(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(BadSettings, match="the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names is of a kind"):
        Api(URL, TOKEN, Bell(), Random(1))


@pytest.mark.parametrize("error", KINDS)
def test_every_problem_is_raised_as_the_error_that_it_was(error: type[LeaseholdError]) -> None:
    assert type(problems.read(told(error("it is so")))) is error


def test_what_goes_with_a_problem_arrives_too() -> None:
    taken = problems.read(told(KeyTaken("taken", "task-1")))
    stale = problems.read(told(StaleEdit("stale", [{"kind": "failed"}])))
    assert isinstance(taken, KeyTaken)
    assert taken.task_id == "task-1"
    assert isinstance(stale, StaleEdit)
    assert list(stale.changes) == [{"kind": "failed"}]
    wrong = {
        "type": "/api/v1/problems/bad-request",
        "detail": "see errors",
        "errors": [{"parameter": "a", "message": "b"}],
    }
    assert str(problems.read(wrong)) == "a: b"


def test_a_problem_of_a_kind_that_comes_later_is_as_its_status_says() -> None:
    assert type(problems.read({"type": "/x/too-quiet", "status": 409, "detail": "hush"})) is UsageError
    assert type(problems.read({"type": "/x/too-loud", "status": 500})) is LeaseholdError


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (problem(BadToken("this is no token of this ledger")), BadToken, "no token of this ledger"),
        (problem(TokenExpired("the token of ann has expired")), TokenExpired, "ann has expired"),
        (problem(NotAllowed("vera may look")), NotAllowed, "vera may look"),
        (problem(NotLoggedIn("this needs a token")), NotLoggedIn, "Set LEASEHOLD_TOKEN"),
        (problem(BadCursor("none of ours")), BadCursor, "none of ours"),
        (problem(problems.NotFound("no page")), NotOurApi, "no GET /api/v1/queues. Perhaps it is older"),
        (httpx2.Response(400, headers=PROBLEM, content=b"[1]"), NotOurApi, "JSON that is no object"),
        (httpx2.Response(400, headers=PROBLEM, content=b'{"errors": [1]}'), NotOurApi, "cannot be read"),
        (httpx2.Response(200, headers={"content-type": "application/json"}, content=DEEP), NotOurApi, "is no JSON"),
        (problem(SchemaMismatch("Run: leasehold migrate")), SchemaMismatch, "migrate"),
        (httpx2.Response(302, headers={"location": "https://sso.example.net/in"}), NotOurApi, "on to sso.example.net"),
        (httpx2.Response(200, html="<h1>Welcome</h1>"), NotOurApi, "200 with text/html, not with application/json"),
        (httpx2.Response(404, text="nothing"), NotOurApi, "404 with text/plain"),
        (httpx2.Response(200, json=[1]), NotOurApi, "JSON that is no object"),
        (httpx2.Response(200, headers={"content-type": "application/json"}, content=b"{"), NotOurApi, "is no JSON"),
        (document(items=[{"queue": "a"}]), NotOurApi, "cannot be read (KeyError: 'paused')"),
        (document(), NotOurApi, "of another version"),
    ],
)
def test_what_cannot_be_mended_by_trying_again_is_said_at_once(
    answer: httpx2.Response, kind: type[Exception], words: str
) -> None:
    far = Far(answer)
    with pytest.raises(kind) as raised:
        far.client.views.queues()
    assert words in str(raised.value)
    assert len(far.asked) == 1
    assert TOKEN not in f"{raised.value!r}{raised.value.__cause__!r}"


def test_the_token_goes_to_the_api_alone_and_into_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    far = Far(QUEUES)
    far.client.views.queues()
    (request,) = far.asked
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert str(request.url) == f"{URL}/api/v1/queues"
    assert TOKEN not in caplog.text + repr(far.api) + repr(far.client) + repr(vars(far.client))


# ---------------------------------------------------------------- again


@pytest.mark.parametrize(
    "away", [BROKEN, REFUSED, httpx2.ReadTimeout("timed out"), httpx2.Response(502), problem(StoreUnavailable("away"))]
)
def test_reading_is_tried_again_and_not_for_ever(away: httpx2.Response | Exception) -> None:
    far = Far(away, away, QUEUES)
    assert far.client.views.queues() == []
    assert len(far.bell.waited) == 2
    assert [low / 2 <= wait <= low for low, wait in zip(PAUSES, far.bell.waited, strict=False)] == [True, True]
    gone = Far(away)
    with pytest.raises((LedgerUnavailable, StoreUnavailable), match=r"leasehold\.example\.org"):
        gone.client.views.queues()
    assert len(gone.asked) == len(PAUSES) + 1


def test_a_server_may_say_when_to_come_again() -> None:
    far = Far(problem(LedgerUnavailable("away"), **{"retry-after": "5"}), QUEUES)
    far.client.views.queues()
    assert far.bell.waited == [5_000]


def test_a_change_that_may_have_been_heard_is_not_made_twice() -> None:
    for away in (BROKEN, httpx2.Response(504), problem(LedgerUnavailable("in doubt"))):
        far = Far(away)
        with pytest.raises(LedgerUnavailable, match="not known whether it was done"):
            far.client.cancel(["a"], reason="x")
        assert len(far.asked) == 1


def test_a_change_that_cannot_have_been_heard_is_made_again() -> None:
    far = Far(REFUSED, REFUSED, document(changed=["a"], left=[{"id": "b", "reason": "it is completed already"}]))
    assert far.client.cancel(["a", "b"], reason="x") == (["a"], [("b", "it is completed already")])
    assert [json.loads(each.content) for each in far.asked][-1] == {"ids": ["a", "b"], "reason": "x"}


def test_a_submit_whose_answer_was_lost_is_sent_again_as_it_was() -> None:
    cut_off = lines({"row": 1, "id": "x", "existed": False, "status": "pending"})
    done = {"done": True}
    far = Far(
        BROKEN,
        cut_off,
        lines({"problem": told(LedgerUnavailable("away"))}),
        lines({"row": 1, "id": "x", "existed": False}, done),
    )
    assert far.client.submit(Order("work", '{"x":1}', POLICY)) == Accepted("x")
    assert len({each.content for each in far.asked}) == 1
    assert json.loads(far.asked[0].content)["id"]
    assert len(far.asked) == 4


def test_rows_that_the_server_does_not_take_are_told_by_their_number() -> None:
    bad = {"row": 2, "problem": told(BadArguments("has no argument 'z'"))}
    far = Far(lines({"row": 1, "id": "x", "existed": False}, bad, {"done": True}))
    orders = [("first", Order("work", "{}", POLICY)), ("second", Order("work", "{}", POLICY))]
    (_, stored), ((name, _), refused) = far.client.submit_many(orders)
    assert (stored, name) == (Accepted("x"), "second")
    assert isinstance(refused, Refused)
    assert isinstance(refused.error, BadArguments)
    with pytest.raises(NotOurApi, match="answered 1 of 2 rows"):
        list(Far(lines({"row": 1, "id": "x", "existed": False}, {"done": True})).client.submit_many(orders))


def test_a_stream_is_sent_in_pieces() -> None:
    def taken(request: httpx2.Request) -> httpx2.Response:
        sizes.append(request.content.count(b"\n") + 1)
        rows = [{"row": row, "id": str(row), "existed": False} for row in range(1, sizes[-1] + 1)]
        return lines(*rows, {"done": True})

    sizes: list[int] = []
    far = Far(QUEUES)
    far._answer = taken
    api = Api(URL, None, far.bell, Random(1), transport=httpx2.MockTransport(taken))
    client = RemoteClient(api, far.bell, ManualClock(), ids=IdMaker(ManualClock(), Random(2)), payload_limit=500_000)

    def orders() -> Iterator[tuple[int, Order]]:
        yield from ((number, Order("work", "{}", POLICY)) for number in range(2_500))

    assert sum(1 for _ in client.submit_many(orders())) == 2_500
    assert sizes == [1_000, 1_000, 500]


def test_what_the_api_cannot_take_is_refused_here() -> None:
    far = Far(QUEUES)
    with pytest.raises(TooLarge, match="over the limit"):
        far.client.submit(Order("work", f'{{"x":"{"a" * 600_000}"}}', POLICY))
    with pytest.raises(BadArguments, match="no JSON"):
        far.client.submit(Order("work", "{", POLICY))
    with pytest.raises(UsageError, match=r"behind an API \(https://leasehold.example.org/jobs\).*transaction"):
        far.client.submit(Order("work", "{}", POLICY), connection=object())
    with pytest.raises(TooLarge, match="1 MiB"):
        far.client.submit_named("work", {"x": "a" * 1_100_000}, lease="1m")
    with pytest.raises(UsageError, match="does not tell this"):
        far.client.views.pulse()
    assert far.asked == []


def test_what_is_not_there_is_none_and_nothing() -> None:
    far = Far(problem(NoSuchTask("no such task")))
    assert far.client.views.task("a/b") is None
    assert far.client.views.runs("a") == far.client.views.audit("a") == []
    assert far.asked[0].url.raw_path == b"/jobs/api/v1/tasks/a%2Fb"


# ---------------------------------------------------------------- real connections


def test_nobody_there_and_no_tls_there_are_told_apart() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        nobody = Api(f"http://127.0.0.1:{taken.getsockname()[1]}", None, Bell(), Random(1))
        with pytest.raises(LedgerUnavailable, match="nobody answers there"):
            nobody.get("/queues")
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        plain = Api(f"https://127.0.0.1:{port}", None, Bell(), Random(1))
        with pytest.raises(NotOurApi, match=r"no trusted connection comes about.*https or http\?"):
            plain.get("/queues")


def test_a_proxy_of_the_environment_is_not_told_what_is_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    body = b'{"items":[]}'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    with answering(head + body) as port:
        assert Api(f"http://127.0.0.1:{port}", TOKEN, Bell(), Random(1)).get("/queues") == {"items": []}


@contextmanager
def answering(said: bytes) -> Iterator[int]:
    """The port of somebody who says this to the first who comes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(said)

        thread = Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(60)


def test_a_long_wait_looks_less_and_less_often_and_asks_for_many_at_once() -> None:
    far = Far(document(items=[]))
    clock = ManualClock()

    class Turning(Bell):
        def wait(self, topic: str, timeout: int) -> bool:
            clock.advance(timeout)
            return super().wait(topic, timeout)

    bell = Turning()
    client = RemoteClient(far.api, bell, clock, ids=str, payload_limit=1)
    assert list(client.wait([str(number) for number in range(2_500)], 60_000)) == []
    assert bell.waited[:4] == [1_000, 1_500, 2_250, 3_375]
    assert max(bell.waited) == 10_000
    assert sum(bell.waited) == 60_000
    assert len(far.asked) == 3 * (len(bell.waited) + 1)
    assert len(json.loads(far.asked[0].content)["ids"]) == 1_000
