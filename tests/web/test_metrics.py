"""``/metrics`` on real ledgers: every figure, in a text that promtool understands."""

from __future__ import annotations

import subprocess

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from leasehold.adapters.memory.store import MemoryStore
from leasehold.core.costing import Place, Prices
from leasehold.core.errors import LedgerUnavailable
from leasehold.core.events import Lapsed, Retried
from leasehold.core.happening import Happened
from leasehold.core.metering import Action, Count, Tally
from leasehold.flow.figures import FAMILIES, LOOKS_LAST, Spending
from leasehold.testing.ledger_bench import LEASE, LedgerBench, Moves
from leasehold.web.metrics import FRESH, Exposition
from leasehold.web.source import Source
from tests.tooling.promtool import promtool
from tests.web.conftest import HERE, Story

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Values:
    """Every sample of an exposition."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Scraped:
    """A ledger as Prometheus sees it, without the seconds for which an answer is told again."""

    def __init__(self, source: Source) -> None:
        self.now = 0.0
        self._exposition = Exposition(source, lambda: self.now)

    def values(self) -> Values:
        self.now += FRESH
        return read(self._exposition.text().decode())

    def value(self, name: str, **labels: str) -> float:
        return self.values()[name, frozenset(labels.items())]


@pytest.fixture
def scraped(bench: LedgerBench) -> Scraped:
    return Scraped(Source(bench.views, MemoryStore, tariff=(Place.SQS, Prices())))


def test_tasks_are_told_by_where_they_stand(scraped: Scraped, story: Story) -> None:
    def tasks(queue: str, state: str, why: str = "") -> float:
        return scraped.value("leasehold_tasks", queue=queue, state=state, why=why)

    assert tasks("default", "completed") == 2
    assert tasks("default", "in_progress") == 1
    assert tasks("media", "pending", "due") == 1
    assert scraped.value("leasehold_in_flight", queue="default") == 1
    assert scraped.value("leasehold_in_flight", queue="media") == 0


def test_the_backlog_is_told_per_slot_that_is_busy(scraped: Scraped, moves: Moves) -> None:
    ids = moves.out(3)
    assert scraped.value("leasehold_backlog_per_slot", queue="default") == 3
    moves.apply(ids[0], moves.started())
    assert scraped.value("leasehold_backlog_per_slot", queue="default") == 2
    moves.apply(ids[1], moves.started())
    assert scraped.value("leasehold_backlog_per_slot", queue="default") == 0.5


def test_counters_never_fall(scraped: Scraped, moves: Moves) -> None:
    (failed,) = moves.out()
    assert scraped.value("leasehold_tasks_ended_total", queue="default", status="failed") == 0
    moves.apply(failed, moves.failed())
    assert scraped.value("leasehold_tasks_ended_total", queue="default", status="failed") == 1
    moves.apply(failed, Retried("ada"))
    assert scraped.value("leasehold_tasks_ended_total", queue="default", status="failed") == 1
    assert scraped.value("leasehold_tasks_retried_total", queue="default") == 1


def test_waits_are_told_in_seconds_since_the_submit(scraped: Scraped, moves: Moves) -> None:
    moves.given(1, queue="media")
    moves.bench.let_pass(90_500)
    assert scraped.value("leasehold_oldest_waiting_seconds", queue="media", why="due") == 90.5


def test_an_orchestrator_that_is_gone_is_seen(scraped: Scraped, moves: Moves) -> None:
    (running,) = moves.out()
    moves.apply(running, moves.started())
    assert scraped.value("leasehold_overdue_seconds") == 0
    moves.bench.let_pass(LEASE + 5_000)
    assert scraped.value("leasehold_overdue_seconds") == 5
    assert scraped.value("leasehold_overdue_tasks") == scraped.value("leasehold_leases_overrun") == 1
    assert scraped.value("leasehold_counts_unfolded") > 0
    moves.apply(running, Lapsed())
    assert scraped.value("leasehold_losses_total", queue="default", cause="lapsed") == 1
    assert scraped.value("leasehold_overdue_tasks") == 0


def test_durations_are_histograms(scraped: Scraped, moves: Moves) -> None:
    moves.given(1)
    ran = [Happened("default", f"ran completed{end}", times) for end, times in ((" up to 1000", 2), (" ms", 1_500))]
    moves.ledger.note_requests([], [*ran, Happened("default", "ran completed beyond", 1)])
    labels = {"queue": "default", "outcome": "completed"}
    assert scraped.value("leasehold_run_seconds_bucket", le="0.5", **labels) == 0
    assert scraped.value("leasehold_run_seconds_bucket", le="1.0", **labels) == 2
    assert scraped.value("leasehold_run_seconds_bucket", le="86400.0", **labels) == 2
    assert scraped.value("leasehold_run_seconds_bucket", le="+Inf", **labels) == 3
    assert scraped.value("leasehold_run_seconds_count", **labels) == 3
    assert scraped.value("leasehold_run_seconds_sum", **labels) == 1.5


def test_requests_are_counted_from_the_first_look_on(scraped: Scraped, moves: Moves) -> None:
    def noted(requests: int) -> None:
        moves.ledger.note_requests([Count(0, "tasks:default", Action.SEND, Tally(requests, 2 * requests))])

    moves.given(1)
    noted(7)
    assert scraped.value("leasehold_requests_total", queue="tasks:default", action="send") == 0
    noted(500)
    assert scraped.value("leasehold_requests_total", queue="tasks:default", action="send") == 500
    cost = scraped.value("leasehold_cost_dollars_total", queue="tasks:default", action="send")
    assert cost == pytest.approx(1_000 * 0.40 / 1_000_000)


def test_the_window_is_that_of_the_looks_since_the_last_scrape(scraped: Scraped, moves: Moves) -> None:
    def looked(times: int, added_up: int) -> None:
        window = Count(0, "tasks:default", Action.WINDOW, Tally(messages=added_up))
        moves.ledger.note_requests([Count(0, "status", Action.WAITED, Tally(times)), window])

    moves.given(1)
    looked(5, 5_000)
    assert "leasehold_window" not in {name for name, _ in scraped.values()}
    looked(2, 60)
    assert scraped.value("leasehold_window", queue="default") == 30
    assert scraped.value("leasehold_window", queue="default") == 30
    looked(1, 40)
    assert scraped.value("leasehold_window", queue="default") == 40
    looked(1, 0)
    assert "leasehold_window" not in {name for name, _ in scraped.values()}


def test_no_window_is_told_that_nobody_has_told_for_long(scraped: Scraped, moves: Moves) -> None:
    def looked(added_up: int) -> None:
        window = Count(0, "tasks:default", Action.WINDOW, Tally(messages=added_up))
        moves.ledger.note_requests([Count(0, "status", Action.WAITED, Tally(1)), window])

    moves.given(1)
    scraped.values()
    looked(30)
    assert scraped.value("leasehold_window", queue="default") == 30
    moves.bench.let_pass(LOOKS_LAST)
    assert scraped.value("leasehold_window", queue="default") == 30
    moves.bench.let_pass(1)
    assert "leasehold_window" not in {name for name, _ in scraped.values()}
    looked(40)
    assert scraped.value("leasehold_window", queue="default") == 40


def test_requests_stay_counted_when_their_hours_are_long_past(moves: Moves) -> None:
    spending, cell = Spending(), ("tasks:default", Action.SEND)

    def told() -> int:
        return spending.read(moves.views, moves.ledger.now()).get(cell, Tally()).requests

    assert told() == 0
    moves.given(1)
    for day in range(1, 100):
        moves.ledger.note_requests([Count(0, *cell, Tally(1, 1))])
        assert told() == day
        moves.bench.let_pass(86_400_000)
        moves.ledger.fold_requests(moves.ledger.now() - 92 * 86_400_000)
    assert told() == 99


def test_every_figure_is_told_and_none_that_is_not_listed(scraped: Scraped, story: Story, moves: Moves) -> None:
    scraped.values()
    looked = [Count(0, "status", Action.WAITED, Tally(1)), Count(0, "tasks:default", Action.WINDOW, Tally(messages=9))]
    moves.ledger.note_requests([Count(0, "tasks:default", Action.RECEIVE, Tally(1, 1)), *looked])
    told = {name for name, _ in scraped.values()}
    endings = ("_bucket", "_count", "_sum")
    listed = {
        f"{family.name}{ending}" for family in FAMILIES for ending in (endings if family.kind == "histogram" else ("",))
    }
    assert told == listed


def test_promtool_finds_no_fault_with_the_text(app: FastAPI, story: Story, moves: Moves) -> None:
    moves.given(1, queue='a "b"\\\n<c>')
    answer = TestClient(app, base_url=HERE).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run([promtool(), "check", "metrics"], input=answer.content, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_who_scrapes_often_reads_the_ledger_seldom(bench: LedgerBench, moves: Moves) -> None:
    now = [0.0]
    exposition = Exposition(Source(bench.views, MemoryStore), lambda: now[0])
    first = exposition.text()
    moves.given(1)
    now[0] = FRESH - 0.1
    assert exposition.text() is first
    now[0] = FRESH
    assert b"leasehold_tasks{" in exposition.text()


def test_a_ledger_that_is_away_is_tried_once_for_all_who_scrape(
    bench: LedgerBench, moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try may take ten seconds: whoever had to wait for one of his own in line would keep a thread for minutes."""
    now, tries = [0.0], list[float]()

    def away() -> None:
        tries.append(now[0])
        now[0] += 2 * FRESH
        raise LedgerUnavailable("nobody answers there")

    exposition = Exposition(Source(bench.views, MemoryStore), lambda: now[0])
    with monkeypatch.context() as patched:
        patched.setattr(bench.views, "queues", away)
        for _ in range(3):
            with pytest.raises(LedgerUnavailable, match="nobody answers"):
                exposition.text()
    assert len(tries) == 1
    now[0] += FRESH
    moves.given(1)
    assert b"leasehold_tasks{" in exposition.text()


def test_figures_are_no_part_of_the_api(app: FastAPI) -> None:
    assert "/metrics" not in app.openapi()["paths"]
