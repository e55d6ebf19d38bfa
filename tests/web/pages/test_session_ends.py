"""A page that is open when its session ends: it follows nothing any more, and leads to where one logs in."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from leasehold.adapters.database.tokens import DatabaseTokens
from leasehold.adapters.memory.store import MemoryStore
from leasehold.flow.ids import IdMaker
from leasehold.flow.tokens import Made, Wanted, make
from leasehold.ports.access import Role
from leasehold.testing.clock import ManualClock
from leasehold.web.guard import Access
from leasehold.web.sessions import LASTING
from tests.web.conftest import Bench
from tests.web.pages.conftest import Site, Watch, made, served
from tests.web.pages.looking import LOOKS, faults

BENCHES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)]
ENDED = ("Failed to load resource: the server responded with a status of 401", "Response Status Error Code 401")
"""What Chromium and htmx say of a page that looks again between the end of its session and the word of it."""
pytestmark = pytest.mark.parametrize("bench", BENCHES, indirect=True)


@pytest.fixture
def tokens(bench: Bench) -> DatabaseTokens:
    return DatabaseTokens(bench.database)


@pytest.fixture
def site(bench: Bench, store: MemoryStore, tokens: DatabaseTokens) -> Iterator[Site]:
    """A dashboard where everybody has to log in."""
    with served(made(bench, store, Access(tokens, everybody=False))) as site:
        yield site


def logged_in(page: Page, tokens: DatabaseTokens, lifetime: int | None = None, role: Role = Role.VIEWER) -> Made:
    """Somebody who has typed his token, and follows the overview."""
    vera = made_of(tokens, role, lifetime)
    log_in(page, vera, "/")
    expect(page.locator("[data-live] .dot.live")).to_be_visible()
    return vera


def made_of(tokens: DatabaseTokens, role: Role, lifetime: int | None = None, name: str = "vera") -> Made:
    """A new token."""
    chance = random.Random(name)
    return make(tokens, Wanted(name, role, lifetime), ids=IdMaker(ManualClock(), chance), random=chance, by="root")


def log_in(page: Page, made: Made, path: str | None = None) -> None:
    """Type a token: where one is, or where one is led to from a page."""
    if path is not None:
        page.goto(path)
    page.get_by_label("Token").fill(made.text)
    page.get_by_role("button", name="Log in").click()


def test_the_page_where_one_logs_in_can_be_read_by_everybody(site: Site, chromium: Browser, watch: Watch) -> None:
    for scheme, width in LOOKS:
        context = chromium.new_context(
            base_url=site.url, viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
        )
        page = watch.on(context.new_page())
        page.goto("/login")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert faults(page) == []
        context.close()


def test_a_token_that_is_revoked_ends_what_is_followed_with_it(
    page: Page, tokens: DatabaseTokens, watch: Watch
) -> None:
    watch.expected = ENDED
    vera = logged_in(page, tokens)
    assert tokens.revoke(vera.token.id, by="root")
    expect(page).to_have_url("/login?next=/")
    expect(page.locator("[data-count]")).to_have_count(0)


def assert_stays_as_its_session_ends(page: Page, tokens: DatabaseTokens, otto: Made, path: str, text: str) -> None:
    """The page of an edit with this text is left alone, and says so."""
    expect(page.locator("[data-live] .dot.live")).to_be_visible()
    assert tokens.revoke(otto.token.id, by="root")
    expect(page.locator("#banner")).to_contain_text("Your session has ended")
    expect(page).to_have_url(path)
    expect(page.get_by_label("Arguments")).to_have_value(text)


def test_an_answer_to_a_change_stays_as_it_is_for_loading_it_again_would_change_again(
    site: Site, page: Page, tokens: DatabaseTokens, watch: Watch
) -> None:
    watch.expected = ("Failed to load resource: the server responded with a status of 400", *ENDED)
    otto = logged_in(page, tokens, role=Role.OPERATOR)
    path = f"/tasks/{site.staged.failed}/edit"
    page.goto(path)
    page.get_by_label("Arguments").fill("{")
    page.get_by_role("button", name="Resubmit").click()
    expect(page.get_by_role("alert")).to_contain_text("This is no JSON")
    assert_stays_as_its_session_ends(page, tokens, otto, path, "{")


def test_what_somebody_has_written_is_not_lost_with_the_session(site: Site, page: Page, tokens: DatabaseTokens) -> None:
    otto = logged_in(page, tokens, role=Role.OPERATOR)
    path = f"/tasks/{site.staged.failed}/edit"
    page.goto(path)
    page.get_by_label("Arguments").fill('{"source": "b.wav"}')
    assert_stays_as_its_session_ends(page, tokens, otto, path, '{"source": "b.wav"}')


def test_who_may_only_look_is_told_before_he_writes(site: Site, page: Page, tokens: DatabaseTokens) -> None:
    logged_in(page, tokens)
    questions = (
        f"/tasks/{site.staged.failed}/edit",
        "/tasks/all?kind=retry&filter=status:failed",
        "/workers/recall?name=i-0a1b2c3d",
    )
    for path in questions:
        page.goto(path)
        expect(page.get_by_text("You may look, but not change anything")).to_be_visible()
        expect(page.locator("main button")).to_have_count(0)


def test_a_form_that_is_sent_too_late_leads_back_to_its_page_and_changes_nothing(
    site: Site, chromium: Browser, tokens: DatabaseTokens, watch: Watch
) -> None:
    watch.expected = ("Failed to load resource: the server responded with a status of 401",)
    context = chromium.new_context(base_url=site.url, java_script_enabled=False)
    page = watch.on(context.new_page())
    otto = made_of(tokens, Role.OPERATOR)
    address = "/tasks/all?kind=retry&filter=status:failed"
    log_in(page, otto, address)
    assert tokens.revoke(otto.token.id, by="root")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended. Log in, then send it again.")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed.")
    before = [each.id for each in site.cut.operations()]
    page.get_by_role("link", name="Log in").click()
    log_in(page, made_of(tokens, Role.OPERATOR, name="olga"))
    expect(page).to_have_url(address)
    assert [each.id for each in site.cut.operations()] == before
    context.close()


@pytest.mark.parametrize("lifetime", [60_000, None])
def test_so_does_a_token_or_a_session_that_has_lasted_its_time(
    site: Site, page: Page, tokens: DatabaseTokens, watch: Watch, lifetime: int | None
) -> None:
    watch.expected = ENDED
    logged_in(page, tokens, lifetime)
    site.stage.bench.let_pass(lifetime or LASTING)
    expect(page).to_have_url("/login?next=/")
