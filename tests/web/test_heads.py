"""A HEAD is answered as the GET is, without its body: for load balancers, and whoever looks before he reads."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from leasehold.ports.access import Role
from tests.web.conftest import Api, House, Story
from tests.web.serving import on_a_port


@pytest.mark.parametrize(
    "path",
    ["/", "/tasks", "/metrics", "/api/v1/tasks", "/api/v1/openapi.json", "/api/v1/nope", "/api/v1/workers/recall"],
)
def test_it_says_what_a_get_says_but_for_the_body(api: Api, story: Story, path: str) -> None:
    found, head = api.client.get(path), api.client.head(path)
    assert head.content == b""
    assert head.status_code == found.status_code
    assert head.headers["content-type"] == found.headers["content-type"]
    assert head.headers["content-security-policy"] == found.headers["content-security-policy"]
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("path", ["/api/v1/live", "/live", "/api/v1/tasks/export"])
def test_what_would_be_streamed_is_not_begun(app: FastAPI, story: Story, path: str) -> None:
    with on_a_port(app) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        for _ in range(2):  # the same connection is good for another request: the first was answered whole
            connection.request("HEAD", path)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
        connection.close()


def test_it_takes_no_more_than_a_get_takes(house: House) -> None:
    assert house.client().head("/api/v1/tasks").status_code == 401
    assert house.client(house.viewer).head("/api/v1/tasks").status_code == 200
    assert house.viewer.token.role is Role.VIEWER
