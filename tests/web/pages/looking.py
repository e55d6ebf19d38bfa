"""What is held of every page: it can be read by everybody, on any width, costs little, and stays where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
from playwright.sync_api import Browser, Page, expect

from tests.web.pages.conftest import PATIENCE, Watch

HEAVIEST = 150_000
"""Bytes of a page with all that it loads, as they are; before any cache."""
SHIFT = 0.1
"""Cumulative layout shift, up to which it counts as good."""
NARROW, WIDE = 360, 1280
SERIOUS = frozenset({"serious", "critical"})
OBSERVE = """
window.shift = 0;
window.moved = [];
let sum = 0, first = 0, last = -Infinity;
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, startTime, sources } of list.getEntries()) {
    if (hadRecentInput) continue;
    if (startTime - last >= 1000 || startTime - first >= 5000) { sum = 0; first = startTime; }
    sum += value;
    last = startTime;
    window.shift = Math.max(window.shift, sum);
    const what = sources.map(({ node }) => (node?.textContent ?? "").trim().slice(0, 40));
    window.moved.push(`${value.toFixed(4)} after ${Math.round(startTime)} ms: ${what.join(" | ")}`);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
"""Cumulative layout shift as https://web.dev/articles/cls defines it: of the worst five seconds at most, in which no
second passes without a shift. A live page may be looked at for hours."""


@cache
def axe() -> str:
    """The script of axe-core, as its package has it."""
    (found,) = Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")
    return found.read_text()


Look = tuple[Literal["light", "dark"], int]
"""A theme, and a width in pixels."""
LOOKS: Sequence[Look] = (("light", WIDE), ("dark", NARROW))


def look_at(url: str, chromium: Browser, watch: Watch, path: str, looks: Sequence[Look] = LOOKS) -> None:
    """Hold a page to it, in both themes and on a phone's width."""
    for scheme, width in looks:
        context = chromium.new_context(
            base_url=url,
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            bypass_csp=True,  # axe is put into the page; other tests see all pages under the policy
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(OBSERVE)
        page = watch.on(context.new_page())
        weights = weighed(page)
        page.goto(path)
        weight = sum(weights)  # before it looks again
        expect(page.locator("[data-live] .dot.live")).to_be_visible()
        assert page.title().endswith(" · Leasehold")
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than {width}"
        assert 0 < weight < HEAVIEST
        assert jumps(page) == []
        assert faults(page) == [], f"{path}, {scheme}"
        context.close()


def jumps(page: Page) -> list[str]:
    """What moved on a page that does not stay where it is; needs ``OBSERVE``."""
    shift, moved = page.evaluate("[window.shift || 0, window.moved || []]")
    return moved if shift >= SHIFT else []


def weighed(page: Page) -> list[int]:
    """A list that grows with each answer."""
    weights: list[int] = []
    page.on("response", lambda answer: weights.append(weight_of(answer.headers)))
    return weights


def weight_of(headers: Mapping[str, str]) -> int:
    """Bytes of one answer; a stream has no length, and hardly any weight."""
    return int(headers.get("content-length", "0"))


def faults(page: Page) -> list[dict[str, Any]]:
    """What axe finds that is serious."""
    page.evaluate(axe())
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        {"rule": each["id"], "what": each["help"], "where": [node["html"][:200] for node in each["nodes"][:3]]}
        for each in found["violations"]
        if each["impact"] in SERIOUS
    ]
