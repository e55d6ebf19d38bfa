"""The dashboard as people use it: each action, live, by keyboard, without a script, in the face of hostile tasks."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from leasehold.core.errors import LedgerUnavailable
from leasehold.core.model import Status
from tests.web.pages.conftest import Site, Watch

BENCHES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.prove)]
pytestmark = pytest.mark.parametrize("bench", BENCHES, indirect=True)
LOCAL = "local operator from 127.0.0.1"


def state_of(site: Site, id: str) -> str:
    return site.stage.moves.state(id)


def trail_of(site: Site, id: str) -> str:
    """The newest line of the trail."""
    return f"{site.cut.audit(id)[-1].kind}: {site.cut.audit(id)[-1].detail}"


def test_a_failed_task_is_retried_with_a_reason_that_its_trail_keeps(site: Site, page: Page) -> None:
    id = site.staged.failed
    page.goto(f"/tasks?filter=id:{id}")
    page.get_by_role("link", name=id[-12:]).click()
    expect(page.locator("#why")).to_contain_text("not readable audio")
    page.get_by_label("Reason", exact=True).fill("the file was copied again")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("h1 + .state")).to_have_text("pending: due")
    assert state_of(site, id) == "pending/due"
    assert LOCAL in trail_of(site, id)
    assert "the file was copied again" in trail_of(site, id)
    expect(page.locator("tr", has_text="retried")).to_contain_text(LOCAL)


def test_a_task_is_cancelled_and_one_that_ended_meanwhile_is_left_and_said(site: Site, page: Page) -> None:
    page.goto(f"/tasks/{site.staged.running}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 + .state")).to_have_text("cancelled")
    page.goto(f"/tasks/{site.staged.queued}")
    site.stage.start(site.staged.queued)
    site.stage.complete(site.staged.queued)
    watched = page.request.post(f"/tasks/{site.staged.queued}/cancel", headers={"accept": "text/html"})
    assert watched.status == 409
    assert "1 task left as it is" in watched.text()


def test_selected_rows_are_retried_and_each_is_answered_for(site: Site, page: Page) -> None:
    page.goto("/tasks?filter=status:failed,completed")
    retry = page.get_by_role("button", name="Retry", exact=True)
    expect(retry).to_be_disabled()
    page.get_by_label(f"Select task {site.staged.failed[-12:]}").check()
    page.get_by_label(f"Select task {site.staged.done[-12:]}").check()
    expect(page.locator("[data-chosen]")).to_have_text("2 tasks selected")
    retry.click()
    expect(page.get_by_role("status").filter(has_text="1 task will be tried again")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text(site.staged.done[-12:])
    assert state_of(site, site.staged.failed) == "pending/due"
    assert state_of(site, site.staged.done) == "completed"


def test_on_the_way_back_what_is_still_selected_can_be_acted_on(site: Site, page: Page) -> None:
    page.goto("/tasks?filter=status:failed,completed")
    page.get_by_label(f"Select task {site.staged.done[-12:]}").check()
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(site.staged.done[-12:])
    page.go_back()
    expect(page.get_by_label(f"Select task {site.staged.done[-12:]}")).to_be_checked()
    expect(page.locator("[data-chosen]")).to_have_text("1 task selected")
    expect(page.get_by_role("button", name="Retry", exact=True)).to_be_enabled()


def test_charts_are_drawn_in_the_zone_of_whoever_looks(site: Site, chromium: Browser, watch: Watch) -> None:
    context = chromium.new_context(base_url=site.url, timezone_id="Asia/Kathmandu")  # 5:45 ahead of UTC
    page = watch.on(context.new_page())
    page.goto("/queues")
    expect(page.locator("svg text").first).to_have_text(re.compile("^[0-9]{2}:45$"))
    expect(page.locator("[data-zone]").first).to_have_text(re.compile("^Asia/Kat"))
    context.close()


LONG = "b" * 400


@pytest.mark.parametrize("width", [360, 1280])
def test_a_long_name_widens_no_page(site: Site, page: Page, width: int) -> None:
    moves = site.stage.moves
    (id,) = moves.out(1, batch=LONG)
    moves.apply(id, moves.started())
    moves.apply(id, moves.failed())
    page.set_viewport_size({"width": width, "height": 800})
    for path in (f"/tasks/{id}", f"/tasks/{id}/edit", f"/tasks/all?kind=retry&filter=batch:{LONG}", f"/batches/{LONG}"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_all_that_match_are_counted_first_and_become_an_operation(site: Site, page: Page) -> None:
    page.goto("/tasks?filter=status:failed")
    page.get_by_role("link", name="Retry all").click()
    expect(page.locator("main")).to_contain_text("7 tasks fit status:failed")
    assert len(site.cut.operations()) == 1
    page.get_by_label("Reason").fill("the files are whole now")
    page.get_by_role("button", name="Retry 7 tasks").click()
    page.wait_for_url("**/operations")
    newest = site.cut.operations()[0]
    assert (newest.kind, newest.filter, newest.by) == ("retry", "status:failed", LOCAL)
    assert newest.reason == "the files are whole now"


def test_a_task_is_edited_and_resubmitted(site: Site, page: Page, watch: Watch) -> None:
    watch.expected = ("Failed to load resource: the server responded with a status of 400",)
    page.goto(f"/tasks/{site.staged.failed}")
    page.get_by_role("link", name="Edit and resubmit").click()
    field = page.get_by_label("Arguments")
    arguments = json.loads(field.input_value())
    field.fill("{")
    page.get_by_label("Reason").fill("mended")
    page.get_by_role("button", name="Resubmit").click()
    expect(page.get_by_role("alert")).to_contain_text("This is no JSON")
    expect(field).to_have_value("{")
    field.fill(json.dumps({**arguments, "source": "s3://mended.wav"}))
    page.get_by_role("button", name="Resubmit").click()
    page.wait_for_url(re.compile(f"/tasks/(?!{site.staged.failed})[0-9a-f-]+$"))
    made = site.stage.moves.view(page.url.rsplit("/", 1)[1])
    assert json.loads(made.arguments or "") == {**arguments, "source": "s3://mended.wav"}
    assert made.task.batch == "november"
    assert state_of(site, site.staged.failed) == "failed"


def test_a_stale_edit_is_told_with_what_happened_and_keeps_what_was_written(
    site: Site, page: Page, watch: Watch
) -> None:
    watch.expected = ("Failed to load resource: the server responded with a status of 409",)
    page.goto(f"/tasks/{site.staged.failed}/edit")
    assert page.request.post(f"/tasks/{site.staged.failed}/retry").ok
    page.get_by_label("Arguments").fill('{"source": "mine.wav"}')
    page.get_by_role("button", name="Resubmit").click()
    expect(page.get_by_role("alert")).to_contain_text("retried")
    expect(page.get_by_label("Arguments")).to_have_value('{"source": "mine.wav"}')


def test_numbers_and_lists_follow_the_ledger_without_a_reload(site: Site, page: Page) -> None:
    page.goto("/")
    page.evaluate("window.same = true")
    completed = page.locator("[data-count=completed]")
    expect(completed).to_have_text("15")
    site.stage.start(site.staged.queued)
    site.stage.complete(site.staged.queued)
    expect(completed).to_have_text("16")
    assert page.evaluate("window.same")
    page.goto("/tasks?filter=batch:late")
    expect(page.locator("main")).to_contain_text("No task fits")
    (id,) = site.stage.tasks(1, batch="late")
    expect(page.get_by_role("link", name=id[-12:])).to_be_visible()


def test_a_list_stands_still_while_rows_are_selected_and_goes_on_after(site: Site, page: Page) -> None:
    page.goto("/tasks")
    rows = page.locator("tbody tr")
    before = rows.count()
    box = page.get_by_label(f"Select task {site.staged.running[-12:]}")
    box.check()
    expect(page.locator("[data-word]")).to_have_text("Paused: rows are selected")
    ticks = site.app.state.live.readings
    site.stage.tasks(3)
    wait_for_readings(site, page, ticks + 4)
    assert rows.count() == before
    expect(box).to_be_checked()
    box.uncheck()
    expect(rows).to_have_count(before + 3)


def test_the_button_stops_refreshing_until_it_is_pressed_again(site: Site, page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Live").click()
    expect(page.locator("[data-word]")).to_have_text("Paused")
    ticks = site.app.state.live.readings
    site.stage.start(site.staged.queued)
    site.stage.complete(site.staged.queued)
    wait_for_readings(site, page, ticks + 3)
    expect(page.locator("[data-count=completed]")).to_have_text("15")
    page.get_by_role("button", name="Paused").click()
    expect(page.locator("[data-count=completed]")).to_have_text("16")


def test_a_page_says_that_it_is_followed_when_it_is(page: Page) -> None:
    held: list[Route] = []
    page.route("**/live", lambda route: held.append(route))  # noqa: PLW0108 - it marks what it is given
    with page.expect_request("**/live"):
        page.goto("/")
    expect(page.locator("[data-live] .dot")).to_be_visible()
    expect(page.locator(".dot.live")).to_have_count(0)
    held[0].continue_()
    expect(page.locator(".dot.live")).to_be_visible()


def test_a_hidden_tab_follows_nothing_until_it_is_seen_again(site: Site, page: Page) -> None:
    page.goto("/")
    expect(page.locator(".dot.live")).to_be_visible()
    hide = "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}})"
    page.evaluate(hide.format("true"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    while site.app.state.live.watching:
        page.evaluate("new Promise(requestAnimationFrame)")
    site.stage.start(site.staged.queued)
    site.stage.complete(site.staged.queued)
    page.evaluate(hide.format("false"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("[data-count=completed]")).to_have_text("16")


def test_a_lost_ledger_is_said_and_the_page_recovers_by_itself(site: Site, page: Page, watch: Watch) -> None:
    watch.expected = ("Failed to load resource", "Response Status Error Code 503")
    page.goto("/")
    expect(page.locator("[data-word]")).to_have_text("Live")
    before = page.locator("main").bounding_box()
    site.cut.error = LedgerUnavailable("the database cannot be reached")
    expect(page.locator("#banner")).to_contain_text("The ledger is away")
    assert page.locator("main").bounding_box() == before, "what is read or pressed stays where it is"
    expect(page.locator("[data-count=completed]")).to_have_text("15")
    answer = page.goto("/tasks")
    assert answer is not None
    assert answer.status == 503
    expect(page.locator("h1")).to_have_text("The ledger is away")
    site.cut.error = None
    expect(page.locator("h1")).to_have_text("Tasks")
    expect(page.locator("#banner")).to_be_hidden()


def test_what_comes_to_need_attention_pushes_nothing_away(site: Site, page: Page) -> None:
    page.goto("/")
    attention, numbers = page.locator(".attention"), page.locator(".numbers")
    expect(attention).to_contain_text("Nothing needs attention now.")
    before = numbers.bounding_box()
    site.stage.moves.ledger.pause("frames", paused=True, by="ada")
    expect(attention).to_contain_text("Queue frames is paused")
    assert numbers.bounding_box() == before


def test_nothing_of_a_hostile_task_runs(site: Site, page: Page) -> None:
    id = site.stage.hostile()
    for path in [*(path for path, _ in site.app.state.navigation), f"/tasks/{id}", f"/tasks/{id}/edit"]:
        page.goto(path)
        expect(page.locator(".dot.live")).to_be_visible()
        assert page.evaluate("window.hacked") is None, path
        assert page.locator("main").is_visible(), path
    page.goto(f"/tasks/{id}")
    expect(page.locator("h1")).to_contain_text("</script><script>window.hacked=1")
    with page.expect_response(lambda answer: id in answer.url):
        page.evaluate("htmx.trigger(document.querySelector('[data-refresh]'), 'refresh')")
    assert page.evaluate("window.hacked") is None


def test_everything_is_reached_by_keyboard(site: Site, page: Page) -> None:
    page.goto("/tasks")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("status:failed")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tasks?filter=status*failed")
    page.get_by_label(f"Select task {site.staged.failed[-12:]}").focus()
    page.keyboard.press("Space")
    retry = page.get_by_role("button", name="Retry", exact=True)
    expect(retry).to_be_enabled()
    retry.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="1 task will be tried again")).to_be_visible()
    assert site.stage.moves.task(site.staged.failed).status is Status.PENDING


def test_without_its_script_a_page_still_lists_filters_and_acts(site: Site, chromium: Browser, watch: Watch) -> None:
    context = chromium.new_context(base_url=site.url, java_script_enabled=False)
    page = watch.on(context.new_page())
    page.goto("/tasks")
    page.get_by_role("searchbox").fill("status:failed")
    page.get_by_role("button", name="Filter").click()
    page.get_by_label(f"Select task {site.staged.failed[-12:]}").check()
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.locator("main")).to_contain_text("1 task will be tried again")
    context.close()
    assert state_of(site, site.staged.failed) == "pending/due"


def wait_for_readings(site: Site, page: Page, number: int) -> None:
    """Let the live tick come so often; the page works on meanwhile."""
    while site.app.state.live.readings < number:
        page.evaluate("new Promise(requestAnimationFrame)")
