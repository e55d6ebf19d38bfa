"""What the gate says of pages, and what a form sends."""

from __future__ import annotations

from typing import Any

from fastapi.responses import HTMLResponse

from leasehold.web.forms import MEDIA_TYPE, SentForm
from leasehold.web.user import Asker
from tests.web.conftest import Api


def with_pages(api: Api) -> Api:
    """The application with a page that shows who asks, and one that a form is sent to."""
    app: Any = api.client.app

    @app.get("/hello", response_class=HTMLResponse)
    def hello(user: Asker) -> str:
        return f"<p>{user.by}, {user.role}, {user.csrf}</p>"

    @app.post("/sent")
    def sent(form: SentForm) -> list[tuple[str, str]]:
        return form

    return api


def test_a_page_may_use_files_of_this_server_and_stands_in_no_frame(plain: Api) -> None:
    answer = with_pages(plain).client.get("/hello")
    policy = answer.headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.text == "<p>local operator from testclient, operator, None</p>"


def test_a_form_is_its_fields_in_order(plain: Api) -> None:
    client = with_pages(plain).client
    answer = client.post("/sent", content="id=a&id=b&reason=&x=%C3%A4+1", headers={"content-type": MEDIA_TYPE})
    assert answer.json() == [["id", "a"], ["id", "b"], ["reason", ""], ["x", "ä 1"]]
    assert client.post("/sent", json={"id": "a"}).json() == []


def test_what_is_no_form_is_refused(plain: Api) -> None:
    client = with_pages(plain).client
    for body in (b"a=%FF", b"\xff", b"a=1&" * 10_001):
        answer = client.post("/sent", content=body, headers={"content-type": MEDIA_TYPE})
        assert (answer.status_code, answer.json()["type"]) == (422, "/api/v1/problems/bad-request")
