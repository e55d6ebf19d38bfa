"""Draw the pages of the dashboard into docs/images, over the batch that the tests of pages look at.

python -m scripts.make_screenshots [NAME...]
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, FloatRect

from leasehold.adapters.database.tokens import DatabaseTokens
from leasehold.adapters.memory.store import MemoryStore
from leasehold.web.guard import Access
from tests.database.sqlite_bench import SqliteBench
from tests.web.pages.conftest import Site, launched, made, served

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1100, 720
LARGEST = 100_000
"""Bytes of one image."""


FOLLOWED = "[data-live] .dot.live"


class Shot(NamedTuple):
    """One image of a page."""

    name: str
    path: str
    scheme: Literal["light", "dark"] = "light"
    width: int = WIDTH
    height: int = HEIGHT
    """At most: a page that ends before is cut there."""
    there: str = FOLLOWED
    """What is on the page once it is as it stays."""
    closed: bool = False
    """Of a dashboard where everybody has to log in."""


SHOTS = (
    Shot("overview", "/"),
    Shot("overview-dark", "/", "dark"),
    Shot("tasks", "/tasks?filter=status:in_progress,cancelled"),
    Shot("task", "/tasks/{lost}"),
    Shot("task-dark", "/tasks/{failed}", "dark"),
    Shot("task-phone", "/tasks/{failed}", "light", 380),
    Shot("edit", "/tasks/{failed}/edit"),
    Shot("failures", "/failures"),
    Shot("batches", "/batches"),
    Shot("queues", "/queues", height=780),
    Shot("workers", "/workers"),
    Shot("operations", "/operations"),
    Shot("checkpoint", "/tasks/{running}/checkpoint"),
    Shot("change", "/tasks/all?kind=cancel&filter=batch:november"),
    Shot("batch", "/batches/november"),
    Shot("recall", "/workers/recall?name=i-0a1b2c3d"),
    Shot("login", "/login", there="h1", closed=True),
)


def main(names: Sequence[str]) -> int:
    """Draw all, or those named; how many became too large."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    sizes: list[int] = []
    with launched() as browser:
        for shot in SHOTS:
            if not names or shot.name in names:
                with staged(shot) as site:  # anew for each: what is staged is so for some seconds
                    sizes.append(drawn(site, browser, shot))
    return sum(size > LARGEST for size in sizes)


@contextmanager
def staged(shot: Shot) -> Iterator[Site]:
    """The dashboard for a shot, over a ledger in a folder that is removed afterwards."""
    with TemporaryDirectory() as folder:
        bench, store = SqliteBench(Path(folder)), MemoryStore()
        access = Access(DatabaseTokens(bench.database), everybody=False) if shot.closed else None
        with served(made(bench, store, access)) as site:
            yield site
        bench.close()


def drawn(site: Site, browser: Browser, shot: Shot) -> int:
    """Draw one; its bytes."""
    context = browser.new_context(
        base_url=site.url, color_scheme=shot.scheme, viewport={"width": shot.width, "height": shot.height}
    )
    page = context.new_page()
    page.goto(shot.path.format(**site.staged._asdict()))
    page.locator(shot.there).wait_for()
    end = math.ceil(page.locator("main").evaluate("main => main.getBoundingClientRect().bottom"))
    clip = FloatRect(x=0, y=0, width=shot.width, height=min(shot.height, end))
    size = len(page.screenshot(path=FOLDER / f"{shot.name}.png", clip=clip, animations="disabled", scale="css"))
    context.close()
    print(f"{shot.name}.png {size:,} bytes")
    return size


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
