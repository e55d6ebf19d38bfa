"""A group of failures is retried, a queue paused, an operation stopped, a machine recalled: as people do it."""

from __future__ import annotations

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.web.pages.conftest import Site

pytestmark = pytest.mark.parametrize("bench", ["sqlite"], indirect=True)


def test_a_group_of_failures_is_looked_at_and_retried(site: Site, page: Page) -> None:
    page.goto("/failures")
    row = page.locator("tr", has_text="Unrecoverable")
    row.get_by_role("link", name="Retry the 5 tasks of Unrecoverable in transcribe").click()
    page.get_by_label("Reason").fill("the files are whole now")
    page.get_by_role("button", name="Retry 5 tasks").click()
    page.wait_for_url("**/operations")
    newest = site.cut.operations()[0]
    assert newest.filter.startswith("status:failed group:")
    expect(page.locator(f"#operation-{newest.id}")).to_contain_text("the files are whole now")
    page.get_by_role("button", name=f"Stop the retry of {newest.filter}").click()
    expect(page.locator(f"#operation-{newest.id}")).to_contain_text("cancelled")
    assert site.cut.operations()[0].finished == "cancelled"


def test_a_queue_is_paused_and_goes_on(site: Site, page: Page) -> None:
    page.goto("/queues")
    page.get_by_role("button", name="Pause queue media").click()
    expect(page.locator("#queue-media .state.paused")).to_be_visible()
    page.get_by_role("button", name="Resume queue media").click()
    expect(page.locator("#queue-media .state.paused")).to_have_count(0)


def test_the_second_half_of_a_double_click_presses_nothing_that_came_under_the_pointer(site: Site, page: Page) -> None:
    page.goto("/queues")
    page.get_by_role("button", name="Pause queue media").click()
    resume = page.get_by_role("button", name="Resume queue media")
    place = resume.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    expect(resume).to_be_enabled()  # as it would not be once its form is sent
    assert [view.paused for view in site.cut.queues() if view.name == "media"] == [True]
    resume.click()
    expect(page.locator("#queue-media .state.paused")).to_have_count(0)


def test_a_worker_that_is_gone_is_recalled_after_a_question(site: Site, page: Page) -> None:
    page.goto("/workers")
    page.get_by_role("link", name="Recall what i-0a1b2c3d/boot-1 runs").click()
    page.get_by_role("button", name="It is gone: recall 2 tasks").click()
    page.wait_for_url("**/workers")
    assert [gone.name for gone in site.stage.moves.ledger.gone()] == ["i-0a1b2c3d/boot-1"]


def test_a_button_that_is_pointed_at_does_not_become_another(site: Site, page: Page) -> None:
    page.goto(f"/tasks/{site.staged.running}")
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    place = cancel.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    site.stage.fail(site.staged.running)
    retry = page.get_by_role("button", name="Retry")
    expect(retry).to_be_visible()
    expect(retry).not_to_be_focused()
    expect(page.locator("button:hover")).to_have_count(0)


def test_a_switch_that_is_about_to_be_pressed_does_not_become_its_opposite(site: Site, page: Page) -> None:
    page.goto("/queues")
    page.get_by_role("button", name="Pause queue media").focus()
    site.stage.moves.ledger.pause("media", paused=True, by="ada")
    resume = page.get_by_role("button", name="Resume queue media")
    expect(resume).to_be_visible()
    expect(resume).not_to_be_focused()


class Late:
    """A refresh of the page that is open, asked for already, whose answer does not come before it is let go."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.held: list[Route] = []
        page.route(page.url, lambda route: self.held.append(route))  # noqa: PLW0108 - it marks what it is given
        page.evaluate("htmx.trigger(document.querySelector('[data-refresh]'), 'refresh')")
        while not self.held:
            page.evaluate("new Promise(requestAnimationFrame)")
        page.evaluate("document.addEventListener('htmx:afterRequest', () => { window.answered = true; })")

    def comes(self, answer: APIResponse | None = None) -> None:
        """Let it come, and the page do with it what it does. ``answer``: as it was made before."""
        for route in self.held:
            route.fulfill(response=answer or route.fetch())
        self.page.wait_for_function("window.answered")


def test_an_answer_that_comes_late_takes_nothing_from_who_writes_meanwhile(site: Site, page: Page) -> None:
    page.goto(f"/tasks/{site.staged.failed}")
    late = Late(page)
    page.get_by_label("Reason", exact=True).fill("the file was copied again")
    late.comes()
    expect(page.get_by_label("Reason", exact=True)).to_have_value("the file was copied again")


def test_an_answer_that_comes_late_takes_no_selection_away(site: Site, page: Page) -> None:
    page.goto("/tasks")
    late = Late(page)
    box = page.get_by_label(f"Select task {site.staged.failed[-12:]}")
    box.check()
    late.comes()
    expect(box).to_be_checked()


def test_an_answer_that_comes_late_takes_no_number_back(site: Site, page: Page) -> None:
    """The newest tick may be the last: the dashboard ends with the program beside which it is served."""
    page.goto("/")
    expect(page.locator("[data-live] .dot.live")).to_be_visible()
    late = Late(page)
    before = late.held[0].fetch()
    site.stage.start(site.staged.queued)
    site.stage.complete(site.staged.queued)
    expect(page.locator("[data-count=completed]")).to_have_text("16")
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")  # no tick comes any more
    late.comes(before)
    assert page.locator("[data-count=completed]").text_content() == "16"
