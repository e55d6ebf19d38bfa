"""A group of failures is retried, a queue paused, an operation stopped, a machine recalled: as people do it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

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
