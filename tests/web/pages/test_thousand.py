"""A thousand tasks that really run, hostile ones among them, followed by two browsers at once.

Each run waits at a gate for one byte, so a test says how many tasks end, and how fast.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.processes import Process
from tests.servers.clusters import Clusters
from tests.web.pages.conftest import PATIENCE
from tests.web.pages.real import Follower, address_of, command
from tests.web.pages.stage import EVIL

TASKS, FAILING = 1_000, 20
JOBS = """
import os
from leasehold import App, Unrecoverable

app = App("gated")

@app.task(lease="5m")
def pass_gate(number: int, gate: str, words: str) -> str:
    opened = os.open(gate, os.O_RDONLY)
    os.read(opened, 1)
    os.close(opened)
    print(words)
    if number % 50 == 7:
        raise Unrecoverable(words)
    return words
"""
pytestmark = pytest.mark.timeout(400)


class Gate(NamedTuple):
    """Where runs wait until they are let through."""

    path: Path
    opened: int

    def let_through(self, tasks: int) -> None:
        """Let so many of them end."""
        os.write(self.opened, b"." * tasks)


class House(NamedTuple):
    """A folder with the application, its rows and its gate; a ledger."""

    folder: Path
    ledger: str
    gate: Gate


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """All that a run needs."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    gate = Gate(path, os.open(path, os.O_RDWR))
    (tmp_path / "jobs.py").write_text(JOBS)
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "gate", "words"])
        rows.writerows((number, path, EVIL if number % 50 == 7 or number == 1 else "ready") for number in range(TASKS))
    if request.param == "sqlite":
        yield House(tmp_path, str(tmp_path / "leasehold.db"), gate)
    else:
        clusters: Clusters = request.getfixturevalue("clusters")
        cluster = clusters["newest"]
        name = cluster.fresh()
        yield House(tmp_path, cluster.url(name), gate)
        cluster.drop(name)
    os.close(gate.opened)


def test_a_thousand_live_tasks_are_followed_by_two_browsers(house: House, chromium: Browser) -> None:
    words = ["run", "jobs.py:pass_gate", "rows.csv", "--batch", EVIL, "--key", "number", "--slots", "4"]
    with command(house.folder, *words, "--workers", "2", "--ledger", house.ledger, "--dashboard") as run:
        url = address_of(run, "Watch it: ")
        first, second = Follower(chromium, url), Follower(chromium, url)
        overview = first.go("/")
        expect(overview.locator("[data-count=in_progress]")).to_have_text("8", timeout=4 * PATIENCE)
        house.gate.let_through(100)
        expect_ended(overview, 100)
        a_machine_is_asked_for(second.go("/workers"))  # what it runs now waits at the gate
        a_list_rests_while_rows_are_selected(second, house.gate)
        expect_ended(overview, 300)
        house.gate.let_through(500)
        pages_answer_meanwhile(second)
        expect_ended(overview, 800)
        shared = set(first.ticks) & set(second.ticks)
        assert len(shared) > 2, f"those who watch at once share what is read: {first.ticks}, {second.ticks}"
        first.done()
        second.done()
        the_rest_ends(run, house.gate)


def expect_ended(page: Page, tasks: int) -> None:
    """The numbers of the overview come to it without a reload."""
    count = 'document.querySelector("[data-count={}]")?.textContent || "0"'
    both = " + ".join(f'Number(({count.format(status)}).replace(",", ""))' for status in ("completed", "failed"))
    page.wait_for_function(f"() => {both} === {tasks}", timeout=4 * PATIENCE)


def a_machine_is_asked_for(page: Page) -> None:
    """A machine can be called gone as soon as it runs anything; before that comes a question."""
    page.get_by_role("link", name=re.compile("^Recall what .*worker")).first.click()
    expect(page.get_by_role("button", name=re.compile("^It is gone: recall"))).to_be_visible()


def a_list_rests_while_rows_are_selected(follower: Follower, gate: Gate) -> None:
    """What is selected stands still, whatever happens to it; then the list goes on."""
    page = follower.go("/tasks?filter=status:in_progress")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(8)
    row, box = rows.first.get_attribute("id"), rows.first.get_by_role("checkbox")
    box.check()
    expect(page.locator("[data-word]")).to_have_text("Paused: rows are selected")
    before = rows.evaluate_all("all => all.map((one) => one.id)")
    gate.let_through(200)
    follower.wait_for_ticks(4)
    assert rows.evaluate_all("all => all.map((one) => one.id)") == before
    expect(box).to_be_checked()
    box.uncheck()
    expect(page.locator(f"[id='{row}']")).to_have_count(0)


def pages_answer_meanwhile(follower: Follower) -> None:
    """Every page is there while tasks end by the hundred, and nothing of the hostile ones runs."""
    page = follower.go("/failures")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("<script>window.hacked=")
    task = row.locator("a.mono").get_attribute("href") or ""
    paths = page.locator("nav a").evaluate_all("all => all.map((one) => one.pathname)")
    for path in [*paths, task, f"{task}/edit", "/tasks?filter=status:failed"]:
        page = follower.go(path)
        expect(page.locator("h1")).to_have_count(1)
        assert page.evaluate("window.hacked") is None, path
    page = follower.go("/batches")
    page.get_by_role("link", name="window.hacked").first.click()
    expect(page.locator("main")).to_contain_text(f"of {TASKS:,} tasks have ended")
    assert page.evaluate("window.hacked") is None


def the_rest_ends(run: Process, gate: Gate) -> None:
    """The command tells what came of it."""
    gate.let_through(200)
    assert run.ended() == 1, run.output  # some failed
    assert f"{TASKS - FAILING:,} completed, {FAILING} failed" in run.output
