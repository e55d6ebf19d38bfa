"""The dashboard on real ledgers, in this process: asked plainly, or looked at with headless Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, expect, sync_playwright

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.errors import LeaseholdError
from leasehold.core.model import Token
from leasehold.flow.attention import Attention
from leasehold.flow.checkpoints import Checkpoints
from leasehold.ports.views import Views
from leasehold.web.application import create_app
from leasehold.web.guard import Access
from leasehold.web.source import Source
from tests.web.conftest import Bench, writing
from tests.web.pages.stage import STATE, Stage, Staged
from tests.web.serving import on_a_port

PATIENCE = 30_000
"""ms: a bound for what hangs."""
expect.set_options(timeout=PATIENCE)


class Cut:
    """A read side that can be cut off."""

    def __init__(self, views: Views) -> None:
        self.views = views
        self.error: LeaseholdError | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as what it stands for
        if self.error is not None:
            raise self.error
        return getattr(self.views, name)


@dataclass
class Site:
    """A dashboard that is served, and the ledger behind it."""

    url: str
    app: FastAPI
    stage: Stage
    staged: Staged
    cut: Cut


def made(bench: Bench, store: MemoryStore, access: Access | None = None) -> Site:
    """The application over a staged ledger."""
    stage = Stage(bench)
    staged = stage.built()
    assert Checkpoints(store, limit=len(STATE)).save(staged.running, Token(1, 1), "run-1.1", STATE) is None
    cut = Cut(bench.views)
    app = create_app(Source(cast("Views", cut), lambda: store, writing(bench, store)), access=access)
    app.state.attention = Attention(lambda: 0.0)  # nobody is at work in this house, however long a test takes
    return Site("", app, stage, staged, cut)


@contextmanager
def served(site: Site) -> Iterator[Site]:
    """It, on a port of its own."""
    with on_a_port(site.app) as site.url:
        yield site


@pytest.fixture
def site(bench: Bench, store: MemoryStore) -> Iterator[Site]:
    """The dashboard over a staged ledger."""
    with served(made(bench, store)) as site:
        yield site


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless browser that asks nobody for anything by itself."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "the pages are tested with Chromium: apt-get install chromium"
    quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*quiet, *root])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for each module, and no longer: while it is there, no other test of its process can run a loop."""
    with launched() as browser:
        yield browser


@dataclass
class Watch:
    """What a page did that it should not: errors, foreign hosts, dialogs."""

    host: str
    wrong: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    """Beginnings of what a test brings about itself."""

    def on(self, page: Page) -> Page:
        """Watch this page."""
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.note(str(error)))
        page.on("request", self.request)
        page.on("dialog", self.dialog)
        return page

    def console(self, message: ConsoleMessage) -> None:
        """Note errors, refusals of the policy among them."""
        if message.type in {"error", "warning"}:
            self.note(f"{message.text} ({message.location['url']})")

    def request(self, request: Request) -> None:
        """Note requests to other hosts."""
        if urlsplit(request.url).netloc != self.host and not request.url.startswith("data:"):
            self.note(f"request to {request.url}")

    def dialog(self, dialog: Dialog) -> None:
        """Note dialogs: no page of ours opens any."""
        self.note(f"dialog: {dialog.message}")
        dialog.dismiss()

    def note(self, text: str) -> None:
        """Note it, unless it is expected."""
        if not text.startswith(self.expected or ("\0",)):
            self.wrong.append(text)


@pytest.fixture
def watch(site: Site) -> Iterator[Watch]:
    """Every page of this test is watched."""
    watch = Watch(urlsplit(site.url).netloc)
    yield watch
    assert watch.wrong == []


@pytest.fixture
def page(site: Site, chromium: Browser, watch: Watch) -> Iterator[Page]:
    """A browser's page, on no page of the site yet."""
    context = chromium.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    yield watch.on(context.new_page())
    context.close()
