"""Who is taken for whom on 127.0.0.1, and behind proxies."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from httpx2 import Headers
from starlette.testclient import TestClient

from leasehold.adapters.memory.store import MemoryStore
from leasehold.testing.ledger_bench import Moves
from leasehold.web.application import create_app
from leasehold.web.guard import Access, Proxies, networks
from leasehold.web.source import Source
from leasehold.web.tries import MOST
from tests.web.conftest import HERE, House, writing

TYPE = "/api/v1/problems/"


@pytest.fixture
def local(house: House) -> FastAPI:
    """The same ledger on 127.0.0.1, where nobody has to log in."""
    store = MemoryStore()
    return create_app(
        Source(house.bench.views, lambda: store, writing(house.bench, store)), access=Access(house.tokens)
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"sec-fetch-site": "same-origin", "origin": HERE}, 404),
        ({"sec-fetch-site": "none"}, 404),
        ({"origin": HERE}, 404),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:8301"}, 403),
        ({"origin": "http://["}, 403),
    ],
)
def test_no_page_from_elsewhere_changes_anything_on_this_machine(
    house: House, local: FastAPI, headers: dict[str, str], status: int
) -> None:
    answer = house.client(app=local).post("/api/v1/queues/none/pause", headers=headers)
    assert answer.status_code == status
    assert (answer.json()["type"] == TYPE + "foreign-page") is (status == 403)


def test_a_token_counts_on_this_machine_too(house: House, local: FastAPI) -> None:
    assert house.client(house.viewer, local).post("/api/v1/queues/x/pause").status_code == 403
    assert house.client(house.viewer._replace(text="x"), local).get("/api/v1/queues").status_code == 401
    assert house.client(app=local).get("/api/v1/queues").status_code == 200


def behind(house: House, network: str) -> FastAPI:
    """The application behind proxies."""
    store = MemoryStore()
    access = Access(house.tokens, everybody=False, proxies=Proxies(networks([network])))
    return create_app(Source(house.bench.views, lambda: store, writing(house.bench, store)), access=access, hosts=None)


def test_a_proxy_that_is_believed_says_who_asks_and_from_where(house: House) -> None:
    (id,) = Moves(house.bench).given()
    client = TestClient(behind(house, "10.0.0.0/8"), base_url=HERE, client=("10.1.2.3", 1), follow_redirects=False)
    assert client.get("/api/v1/queues").status_code == 401
    named = {"x-forwarded-user": "ann@example.com", "x-forwarded-for": "6.6.6.6, 192.0.2.7"}
    assert client.get("/api/v1/queues", headers=named).status_code == 200
    body = {"ids": [id]}
    assert client.post("/api/v1/tasks/cancel", json=body, headers=named).status_code == 403
    operator = {**named, "x-forwarded-role": "operator"}
    foreign = {**operator, "sec-fetch-site": "cross-site"}
    assert client.post("/api/v1/tasks/cancel", json=body, headers=foreign).status_code == 403
    assert client.post("/api/v1/tasks/cancel", json=body, headers=operator).status_code == 200
    assert house.bench.views.audit(id)[-1].detail == "cancelled by ann@example.com from 192.0.2.7"
    secure = client.post("/login", data={"token": house.viewer.text}, headers={"x-forwarded-proto": "https"})
    assert secure.headers["set-cookie"].endswith("; Secure")


def test_whoever_is_no_such_proxy_is_not_believed(house: House) -> None:
    client = TestClient(behind(house, "10.0.0.0/8"), base_url=HERE, client=("192.0.2.1", 1))
    told = {"x-forwarded-user": "ann", "x-forwarded-role": "operator", "x-forwarded-for": "10.0.0.1"}
    assert client.get("/api/v1/queues", headers=told).status_code == 401


def test_what_a_proxy_let_through_beside_its_own_word_is_not_believed(house: House) -> None:
    client = TestClient(behind(house, "10.0.0.0/8"), base_url=HERE, client=("10.1.2.3", 1))
    for name, word in (("x-forwarded-user", "ann"), ("x-forwarded-role", "operator")):
        told = [("x-forwarded-user", "ben"), ("x-forwarded-role", "viewer"), (name, word)]
        answer = client.get("/api/v1/queues", headers=Headers(told))
        assert (answer.status_code, name in answer.json()["detail"]) == (422, True)


def test_those_whom_a_proxy_brings_guess_each_for_himself(house: House) -> None:
    app = behind(house, "10.0.0.0/8")
    client = TestClient(app, base_url=HERE, client=("10.1.2.3", 1), follow_redirects=False)
    for _ in range(MOST):
        client.post("/login", data={"token": "lh_x"}, headers={"x-forwarded-for": "192.0.2.7"})
    good = {"token": house.viewer.text}
    assert client.post("/login", data=good, headers={"x-forwarded-for": "192.0.2.7"}).status_code == 429
    assert client.post("/login", data=good, headers={"x-forwarded-for": "192.0.2.8"}).status_code == 303


def test_an_address_that_a_client_made_up_is_not_what_its_proxy_says(house: House) -> None:
    """A proxy may add its word as a line of its own, below the client's."""
    app = behind(house, "10.0.0.0/8")
    client = TestClient(app, base_url=HERE, client=("10.1.2.3", 1), follow_redirects=False)
    said = [
        client.post(
            "/login",
            data={"token": "lh_x"},
            headers=Headers([("x-forwarded-for", f"198.51.100.{n}"), ("x-forwarded-for", "203.0.113.5, 192.0.2.7")]),
        ).status_code
        for n in range(MOST + 1)
    ]
    assert said == [401] * MOST + [429]


@pytest.mark.parametrize("header", ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"])
def test_whom_an_unknown_proxy_brings_to_this_machine_is_nobody(house: House, local: FastAPI, header: str) -> None:
    client = house.client(app=local)
    answer = client.get("/api/v1/queues", headers={header: "192.0.2.7"})
    assert (answer.status_code, "LEASEHOLD_DASHBOARD_PROXIES" in answer.json()["detail"]) == (401, True)
    logged = house.client(house.viewer, local).get("/api/v1/queues", headers={header: "192.0.2.7"})
    assert logged.status_code == 200
