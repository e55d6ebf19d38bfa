"""Draw the pages of the dashboard into docs/images, over the batch that the tests of pages look at.

python -m scripts.make_screenshots [NAME...]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from playwright.sync_api import Browser

from leasehold.adapters.memory.store import MemoryStore
from tests.database.sqlite_bench import SqliteBench
from tests.web.pages.conftest import Site, launched, made, served

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1100, 720
LARGEST = 100_000
"""Bytes of one image."""


class Shot(NamedTuple):
    """One image of a page."""

    name: str
    path: str
    scheme: Literal["light", "dark"] = "light"
    width: int = WIDTH


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
    Shot("queues", "/queues"),
    Shot("workers", "/workers"),
    Shot("operations", "/operations"),
)


def main(names: Sequence[str]) -> int:
    """Draw all, or those named; how many became too large."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with staged() as site, launched() as browser:
        sizes = [drawn(site, browser, shot) for shot in SHOTS if not names or shot.name in names]
    return sum(size > LARGEST for size in sizes)


@contextmanager
def staged() -> Iterator[Site]:
    """The dashboard over a ledger in a folder that is removed afterwards."""
    with TemporaryDirectory() as folder:
        bench, store = SqliteBench(Path(folder)), MemoryStore()
        with served(made(bench, store)) as site:
            yield site
        bench.close()


def drawn(site: Site, browser: Browser, shot: Shot) -> int:
    """Draw one; its bytes."""
    context = browser.new_context(
        base_url=site.url, color_scheme=shot.scheme, viewport={"width": shot.width, "height": HEIGHT}
    )
    page = context.new_page()
    page.goto(shot.path.format(**site.staged._asdict()))
    page.wait_for_function("document.querySelector('[data-live] .dot.live')")
    size = len(page.screenshot(path=FOLDER / f"{shot.name}.png", animations="disabled", scale="css"))
    context.close()
    print(f"{shot.name}.png {size:,} bytes")
    return size


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
