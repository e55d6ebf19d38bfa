"""Each page, looked at: axe, both themes, a phone's width, weight, layout shift, no other host."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.web.pages.conftest import Site, Watch
from tests.web.pages.looking import look_at

PAGES = (
    "/tasks?filter=status:failed",
    "/tasks?filter=batch:nowhere",
    "/tasks/{failed}",
    "/tasks/{running}",
    "/tasks/{lost}",
    "/tasks/{queued}",
    "/tasks/{failed}/edit",
    "/tasks/{running}/checkpoint",
    "/tasks/all?kind=cancel&filter=batch:november",
    "/batches/november",
    "/workers/recall?name=i-0a1b2c3d",
)


PARTS = 6
"""Into which they are dealt out, so that none takes minutes."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("bench", ["sqlite"], indirect=True)
def test_every_page_can_be_read_by_everybody(site: Site, chromium: Browser, watch: Watch, part: int) -> None:
    for path in [*(path for path, _ in site.app.state.navigation), *PAGES][part::PARTS]:
        look_at(site.url, chromium, watch, path.format(**site.staged._asdict()))
