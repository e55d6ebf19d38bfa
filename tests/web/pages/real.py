"""Commands as users start them, and browsers that follow what they serve."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.acceptance.processes import Process, scrubbed
from tests.web.pages.conftest import PATIENCE, Watch
from tests.web.pages.looking import OBSERVE, jumps

TOLD = "tick "
LISTEN = f"""
window.EventSource = class extends window.EventSource {{
  constructor(...given) {{
    super(...given);
    this.addEventListener("tick", (event) => console.debug("{TOLD}" + JSON.parse(event.data).at));
  }}
}};
"""


@contextmanager
def command(folder: Path, *words: str) -> Iterator[Process]:
    """``leasehold`` with these words, in a folder of its own."""
    environment = scrubbed(folder) | {"LEASEHOLD_DASHBOARD_ADDRESS": "127.0.0.1:0"}
    process = Process(words[0], [sys.executable, "-m", "leasehold", *words], environment, folder)
    try:
        yield process
    except BaseException as error:
        error.add_note(f"{process.name}, {'running' if process.running else 'at its end'}, has said:\n{process.output}")
        raise
    finally:
        process.clean_up()


def address_of(process: Process, words: str) -> str:
    """The URL that follows these words in what it says."""
    return process.says(words).partition(words)[2].split()[0].rstrip(",;")


class Follower:
    """A page of a real dashboard, which keeps account of the ticks that reach it and of how far its parts jump."""

    def __init__(self, chromium: Browser, url: str) -> None:
        self.watch = Watch(urlsplit(url).netloc)
        self.ticks: list[int] = []
        """When the server made each, in ms; in the order of arrival, once each."""
        self._began = monotonic()
        self.context = chromium.new_context(base_url=url, viewport={"width": 1280, "height": 800})
        self.context.set_default_timeout(2 * PATIENCE)
        self.context.add_init_script(OBSERVE + LISTEN)
        self.page = self.watch.on(self.context.new_page())
        self.page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.text.startswith(TOLD) and (at := int(message.text.removeprefix(TOLD))) not in self.ticks:
            self.ticks.append(at)

    def go(self, path: str) -> Page:
        """Go to a page, from one on which nothing has jumped."""
        assert jumps(self.page) == []
        self.page.goto(path)
        expect(self.page.locator("[data-live] .dot.live")).to_be_visible()
        return self.page

    def wait_for_ticks(self, number: int) -> None:
        """Let so many more come."""
        wanted = len(self.ticks) + number
        while len(self.ticks) < wanted:
            self.page.evaluate("new Promise(requestAnimationFrame)")

    def done(self) -> None:
        """Nothing was wrong; close it."""
        assert jumps(self.page) == []
        assert self.watch.wrong == []
        # Counted by a clock that nobody sets; ticks that a stall has held up come all at once, but are no more of them.
        most = monotonic() - self._began + 1
        assert len(self.ticks) <= most, f"more than one tick a second, in {most - 1:.1f} s: {self.ticks}"
        self.context.close()
