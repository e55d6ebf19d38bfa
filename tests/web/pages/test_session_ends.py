"""A page that is open when its session ends: it follows nothing any more, and leads to where one logs in."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from leasehold.adapters.database.tokens import DatabaseTokens
from leasehold.adapters.memory.store import MemoryStore
from leasehold.flow.ids import IdMaker
from leasehold.flow.tokens import Made, Wanted, make
from leasehold.ports.access import Role
from leasehold.testing.clock import ManualClock
from leasehold.web.guard import Access
from leasehold.web.sessions import LASTING
from tests.web.conftest import Bench
from tests.web.pages.conftest import Site, made, served

BENCHES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)]
pytestmark = pytest.mark.parametrize("bench", BENCHES, indirect=True)


@pytest.fixture
def tokens(bench: Bench) -> DatabaseTokens:
    return DatabaseTokens(bench.database)


@pytest.fixture
def site(bench: Bench, store: MemoryStore, tokens: DatabaseTokens) -> Iterator[Site]:
    """A dashboard where everybody has to log in."""
    with served(made(bench, store, Access(tokens, everybody=False))) as site:
        yield site


def logged_in(page: Page, tokens: DatabaseTokens, lifetime: int | None = None) -> Made:
    """Somebody who has typed his token, and follows the overview."""
    chance = random.Random(0)
    wanted = Wanted("vera", Role.VIEWER, lifetime)
    vera = make(tokens, wanted, ids=IdMaker(ManualClock(), chance), random=chance, by="root")
    page.goto("/")
    page.get_by_label("Token").fill(vera.text)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("[data-live] .dot.live")).to_be_visible()
    return vera


def test_a_token_that_is_revoked_ends_what_is_followed_with_it(page: Page, tokens: DatabaseTokens) -> None:
    vera = logged_in(page, tokens)
    assert tokens.revoke(vera.token.id, by="root")
    expect(page).to_have_url("/login?next=/")
    expect(page.locator("[data-count]")).to_have_count(0)


@pytest.mark.parametrize("lifetime", [60_000, None])
def test_so_does_a_token_or_a_session_that_has_lasted_its_time(
    site: Site, page: Page, tokens: DatabaseTokens, lifetime: int | None
) -> None:
    logged_in(page, tokens, lifetime)
    site.stage.bench.let_pass(lifetime or LASTING)
    expect(page).to_have_url("/login?next=/")
