"""Sessions of browsers: how one is led to log in, and what is made of whatever else a browser sends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from httpx2 import Headers
from starlette.types import Message, Scope

from leasehold.core.filters import LONGEST
from leasehold.flow.tokens import Made
from leasehold.web.guard import LONGEST_ADDRESS, Access
from leasehold.web.sessions import COOKIE
from tests.web.conftest import House


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
