"""What cost, leases and plan tell people, and programs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leasehold.core.events import Completed, Dispatched, Started
from leasehold.core.metering import Action, Metered, Tally
from leasehold.core.model import Failure, FailureKind, Run
from leasehold.core.units import HOUR, MINUTE
from leasehold.ports.views import RunTime
from tests.cli.conftest import Said, words
from tests.fakes import NOW, FakeViews, a_task

Command = Callable[..., Said]
RUN = Run(1, 1, "run1", "w1", NOW + 30_000, NOW - 90_000)
THIS_HOUR = NOW // HOUR * HOUR
STOPPED = Failure(FailureKind.LEASE, "LeaseOver", "its lease was over")


def a_time(number: int, took: int, outcome: str | None = "completed", lost: int | None = None) -> RunTime:
    """A run that began an hour ago."""
    began = NOW - HOUR
    ended = None if outcome is None else began + took
    failure = STOPPED if outcome == "failed" else None
    return RunTime(number, None, 10 * MINUTE, 1, began, began + 10 * MINUTE, ended, outcome, lost, failure)


@pytest.fixture
def views() -> FakeViews:
    """A completed task of two queues' worth of requests, with runs that were lost, doubled and stopped."""
    views = FakeViews()
    sent, begun = (NOW - 95_000, Dispatched(NOW + 500_000)), (NOW - 90_000, Started(RUN))
    views.add(a_task(1, batch="november"), sent, begun, (NOW - 80_000, Completed(RUN, NOW - 80_000)))
    views.metered = [
        Metered(THIS_HOUR, "tasks:default", Action.SEND, Tally(100, 150, messages=1_000)),
        Metered(THIS_HOUR, "tasks:default", Action.RECEIVE, Tally(300, 350, 200, 0, 1_000)),
        Metered(THIS_HOUR, "status", Action.SEND, Tally(20, 20, messages=20)),
        Metered(THIS_HOUR, "tasks:default", Action.ENDED, Tally(messages=1_000)),
        Metered(THIS_HOUR - 30 * HOUR, "tasks:default", Action.SEND, Tally(9_999, 9_999)),
    ]
    times = [a_time(number, MINUTE) for number in range(30)]
    times += [a_time(29, 2 * MINUTE), a_time(31, 0, None, NOW - HOUR + 6 * MINUTE), a_time(32, 8 * MINUTE, "failed")]
    views.times = {("transcribe", "default"): times}
    return views


@pytest.fixture(autouse=True)
def prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASEHOLD_QUEUES", "sqs://eu-central-1/jobs")
    monkeypatch.setenv("LEASEHOLD_PRICE_STANDARD", "1000000")
    monkeypatch.setenv("LEASEHOLD_PRICE_SLOT_HOUR", "0.5")


def test_requests_are_priced_by_what_they_were_for(run: Command) -> None:
    lines = words(run("cost").out)
    assert lines[0] == "1,000 tasks ended in the last 1 d."
    assert lines[2:8] == [
        "FOR REQUESTS BILLED MESSAGES EACH PER 1,000 $ $ PER 1,000 FAILED",
        "dispatch 100 150 10.0 100.0 150.00 150.000000 0",
        "receive 100 150 10.0 100.0 150.00 150.000000 0",
        "empty receive 200 200 200.0 200.00 200.000000 0",
        "report 20 20 1.0 20.0 20.00 20.000000 0",
        "together 420 520 420.0 520.00 520.000000 0",
    ]
    assert lines[9:13] == [
        "WASTED ON HOW MUCH $ OF REQUESTS $ OF TIME",
        "idle polls 200 requests 200.00",
        "lost runs 1 run, 6 min 0.320000 0.050000",
        "duplicates 1 run, 2 min 0.320000 0.016667",
    ]
    assert "$1e+06 for a million requests to standard queues, as set" in lines[-1]


def test_programs_read_the_same(run: Command) -> None:
    told = run("cost", "--json").json
    assert (told["tasks"], told["requests"], told["dollars"]) == (1_000, 420, 520.0)
    assert told["prices"] == {"place": "sqs", "standard": 1_000_000.0, "fifo": 0.5, "slot_hour": 0.5}
    assert told["wasted"][1]["time_ms"] == 6 * MINUTE


def test_further_back_there_was_more(run: Command) -> None:
    assert run("cost", "--since", "3d", "--json").json["requests"] == 420 + 9_999


@pytest.mark.parametrize(("option", "value"), [("--queue", "default"), ("--batch", "november")])
def test_a_part_is_a_share_and_says_so(run: Command, option: str, value: str) -> None:
    told = run("cost", option, value, "--json").json
    assert told["tasks"] == {"default": 1_000, "november": 1}[value]
    assert any("a share of them" in note for note in told["notes"])


@pytest.mark.parametrize(("option", "said"), [("--queue", "there is no queue 'none'"), ("--batch", "no batch 'none'")])
def test_a_part_that_does_not_exist_is_an_error(run: Command, option: str, said: str) -> None:
    told = run("cost", option, "none")
    assert told.code == 2
    assert said in told.err


def test_where_nothing_was_counted_nothing_is_claimed(run: Command, views: FakeViews) -> None:
    views.metered = []
    said = run("cost")
    assert "FOR" not in said.out
    assert "nothing was counted in these hours" in said.out


def test_leases_are_held_against_what_runs_take(run: Command) -> None:
    said = run("leases")
    assert words(said.out)[:2] == [
        "HANDLER RUNS P50 P95 P99 LONGEST STOPPED LOST TIME LOST LEASE ADVISED",
        "transcribe 31 1m 1m 2m 2m 1 1 14m 10m 20m",
    ]
    assert "1 runs were stopped at the end of their lease of 10 min: set 20 min or more" in said.out
    (told,) = run("leases", "--json").lines
    assert (told["verdict"], told["advised_ms"], told["time_lost_ms"]) == ("too short", 20 * MINUTE, 14 * MINUTE)


def test_a_plan_says_what_to_expect(run: Command) -> None:
    said = run("plan", "1000", "--duration", "1m", "--workers", "5", "--slots", "4", "--lease", "10m")
    lines = words(said.out)
    assert lines[0] == "1,000 tasks on 5 workers of 4 slots."
    assert "time 50 min" in lines
    assert "rate 20.0 tasks/min, held by: slots" in lines
    assert any(line.startswith("together ") for line in lines)
    told = run("plan", "1000", "--duration", "1m", "--workers", "5", "--slots", "4", "--lease", "10m", "--json").json
    assert (told["takes_ms"], told["backend"], told["held_by"]) == (50 * MINUTE, "sqs", "slots")


def test_a_plan_of_bundles_says_how_many_messages_there_are(run: Command) -> None:
    given = ("plan", "10000", "--duration", "10ms", "--lease", "60s", "--bundle")
    said, told = run(*given, "100"), run(*given, "100", "--json").json
    assert "messages 100" in words(said.out)
    assert (told["bundle"], told["messages"], run(*given, "1", "--json").json["messages"]) == (100, 100, 10_000)
    assert told["requests"] < run(*given, "1", "--json").json["requests"] / 4


@pytest.mark.parametrize("bundle", ["0", "501", "many"])
def test_a_bundle_that_no_handler_may_have_is_an_error(run: Command, bundle: str) -> None:
    said = run("plan", "10", "--duration", "1s", "--bundle", bundle)
    assert said.code == 2
    assert "--bundle" in said.err


def test_a_plan_that_does_not_end_says_never(run: Command) -> None:
    said = run("plan", "10", "--duration", "1h", "--lease", "30m", "--workers", "0")
    assert "time never" in words(said.out)
    assert "they never end" in said.out


def test_a_plan_without_sense_is_an_error(run: Command) -> None:
    said = run("plan", "10", "--duration", "1h", "--p99", "1m")
    assert said.code == 2
    assert "give p50, then p99" in said.err
