"""Sessions of browsers: how one is led to log in, and what is made of whatever else a browser sends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from httpx2 import Headers
from starlette.types import Message, Scope

from leasehold.core.filters import LONGEST
from leasehold.flow.tokens import Made
from leasehold.testing.ledger_bench import Moves
from leasehold.web.guard import LONGEST_ADDRESS, Access
from leasehold.web.sessions import COOKIE, LASTING
from tests.web.conftest import HERE, House


def session_of(house: House, made: Made) -> str:
    """The cookie of somebody who has logged in."""
    return f"{COOKIE}={Access(house.tokens).began(made.token)}"


def test_the_page_where_one_logs_in_offers_no_page_that_cannot_be_seen_yet(house: House) -> None:
    text = house.client().get("/login").text
    assert [path for path, _ in house.app.state.navigation if f'href="{path}"' in text] == ["/"]
    assert "<nav" not in text
    assert "<nav" in house.client(house.viewer).get("/").text


@pytest.mark.parametrize(("words", "is_kept"), [(" " * LONGEST, True), ("x" * LONGEST_ADDRESS, False)])
def test_one_is_led_to_log_in_from_an_address_of_any_length(house: House, words: str, is_kept: bool) -> None:
    client = house.client()
    view = f"/tasks?filter={quote(words)}"
    led = client.get(view, headers={"accept": "text/html"})
    assert led.status_code == 303
    shown = client.get(led.headers["location"], headers={"accept": "text/html"})
    assert shown.status_code == 200
    assert (f'name="next" value="{view}"' in shown.text) is is_kept
    answer = client.post("/login", data={"token": house.viewer.text, "next": view})
    assert answer.headers["location"] == (view if is_kept else "/")


def test_a_session_is_known_whatever_else_of_this_host_sets_cookies(house: House) -> None:
    session = session_of(house, house.viewer)
    for other in ('a={"b":1}', "foo=a b", "word", "path=/x", "a[1]=x", 'q="', "name=ä", ""):
        for cookies in (f"{other}; {session}", f"{session};{other}"):
            headers: Any = {"cookie": cookies.encode()}
            assert house.client().get("/api/v1/queues", headers=headers).status_code == 200, cookies
    lines = Headers([("cookie", "a=b"), ("cookie", session)])
    assert house.client().get("/api/v1/queues", headers=lines).status_code == 200


@pytest.mark.parametrize(
    ("page", "back"),
    [
        (f"{HERE}/tasks/all?kind=retry&filter=a%20b", "/tasks/all?kind=retry&filter=a%20b"),
        (f"{HERE}/queues#queue-media", "/queues"),
        (f"{HERE}//evil.example", "/"),
        ("https://evil.example/queues", "/"),
        ("https://[", "/"),
        ("", "/"),
    ],
)
def test_a_form_of_a_session_that_has_ended_is_not_taken_and_one_can_log_in_again(
    house: House, page: str, back: str
) -> None:
    Moves(house.bench).given(queue="media")
    session = session_of(house, house.operator)
    client, headers = house.client(), {"accept": "text/html", "referer": page, "cookie": session}
    house.bench.let_pass(LASTING)
    refused = client.post("/queues/act", data={"kind": "pause", "queue": "media"}, headers=headers)
    assert refused.status_code == 401
    assert "Your session has ended. Log in, then send it again." in refused.text
    assert "Nothing was changed." in refused.text
    assert not house.bench.views.queues()[0].paused
    (login,) = re.findall(r'href="(/login[^"]*)"', refused.text)
    assert f'name="next" value="{escape(back)}"' in client.get(unescape(login)).text
    assert client.post("/queues/act", headers=headers | {"accept": "*/*"}).json()["type"].endswith("/not-logged-in")


def test_no_body_without_a_bound_is_read_to_look_for_a_field(house: House) -> None:
    def endless() -> Iterator[bytes]:
        yield b"csrf="
        pytest.fail("it is read on")

    headers = {"content-type": "application/x-www-form-urlencoded"}
    scope = asgi("/api/v1/tasks/stream", {"cookie": session_of(house, house.operator), **headers})
    assert asyncio.run(answered(house.app, scope, endless())) == 403


async def answered(app: FastAPI, scope: Scope, parts: Iterator[bytes]) -> int:
    """The status of what is answered to a body that goes on."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": next(parts), "more_body": True}

    async def send(message: Message) -> None:
        told.append(message)

    await app(scope, receive, send)
    return int(told[0]["status"])


def asgi(path: str, headers: dict[str, str]) -> Scope:
    """A POST as the application gets it."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": raw,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
