"""What a plan says, at its limits too."""

from __future__ import annotations

from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.bundles import LARGEST_BUNDLE
from leasehold.core.costing import Prices
from leasehold.core.errors import UsageError
from leasehold.core.measured import (
    COMPLETED_BYTES,
    LEDGER_BYTES,
    MEMBER_BYTES,
    MESSAGE_BYTES,
    STARTED_BYTES,
    SUBMIT,
    Backend,
    Constant,
)
from leasehold.core.metering import Cause
from leasehold.core.planning import MOST, mean_of, plan, with_interruptions
from leasehold.core.reports import UpdateKind
from leasehold.core.traffic import GUARD, Work
from leasehold.core.units import HOUR, MINUTE, SECOND
from leasehold.core.wire import TaskMessage, WireTask, encode_task_message, encode_update
from tests.core.wire_examples import CAPABILITY, TASK_ID, an_update

WORK = Work(10_000, MINUTE, MINUTE, workers=10, slots=4, backend=Backend.SQS)


def test_work_takes_as_long_as_its_slots_need() -> None:
    found = plan(WORK)
    assert found.ms == 10_000 * MINUTE / 40
    assert found.limits[0].what == "slots"
    assert found.slot_hours == pytest.approx(10_000 / 60)
    assert (found.warnings, found.slot_dollars) == ([], None)
    assert plan(WORK, Prices(slot_hour=0.1)).slot_dollars == pytest.approx(10_000 / 600)


def test_nothing_takes_no_time_and_asks_for_nothing() -> None:
    found = plan(WORK._replace(tasks=0))
    assert (found.ms, found.requests, found.dollars, found.transactions) == (0.0, 0, {}, 0)


@pytest.mark.parametrize("none", ["workers", "slots"])
def test_nobody_never_ends(none: str) -> None:
    found = plan(WORK._replace(**{none: 0}))
    assert found.ms is None
    assert found.transactions is None
    assert any("nothing runs" in warning for warning in found.warnings)


def test_runs_that_are_longer_than_their_lease_never_end() -> None:
    found = plan(WORK._replace(lease=30 * SECOND))
    assert found.ms is None
    assert any("they never end" in warning for warning in found.warnings)
    assert plan(WORK._replace(lease=30 * SECOND, checkpoint=5 * SECOND)).ms is not None


def test_a_slow_hundredth_is_worth_a_word() -> None:
    found = plan(WORK._replace(p99=HOUR))
    assert any("slowest hundredth" in warning for warning in found.warnings)
    assert found.ms is not None


@pytest.mark.parametrize("backend", list(Backend))
def test_short_work_is_held_by_what_moves_it(backend: Backend) -> None:
    found = plan(WORK._replace(p50=0, p99=0, workers=4, slots=16, tasks=100_000, backend=backend))
    assert "CPU" in found.limits[0].what or "FIFO" in found.limits[0].what
    assert found.ms is not None
    assert (sum(found.dollars.values()) > 0) is backend.on_sqs
    if backend.on_sqs:
        assert 300 <= found.requests / 100 <= 400


def test_many_workers_are_held_by_the_guard() -> None:
    found = plan(WORK._replace(tasks=10**9, workers=50_000, slots=16, p50=HOUR, p99=HOUR, lease=3 * HOUR))
    assert found.in_flight == GUARD
    assert found.rate == pytest.approx(GUARD / 3_600)
    assert any("Use several queues" in warning for warning in found.warnings)


def test_a_file_is_for_one_machine() -> None:
    found = plan(WORK._replace(workers=50, backend=Backend.FILE))
    assert any("need PostgreSQL" in warning for warning in found.warnings)
    assert found.wal_bytes is None


def test_orchestrators_that_are_too_few_are_named() -> None:
    work = WORK._replace(tasks=10**6, p50=10, p99=10, workers=100, slots=64)
    assert plan(work).limits[0].what == "CPU of the orchestrators"
    assert any("add orchestrators" in warning for warning in plan(work).warnings)
    assert plan(work._replace(orchestrators=4)).rate > plan(work).rate


def test_interruptions_cost_runs_and_time() -> None:
    spot = WORK._replace(p50=HOUR, p99=HOUR, lease=3 * HOUR, interruptions=0.5)
    anew, saved, calm = plan(spot), plan(spot._replace(checkpoint=5 * MINUTE)), plan(spot._replace(interruptions=0))
    assert calm.ms is not None
    assert saved.ms is not None
    assert anew.ms is not None
    assert calm.ms < saved.ms < anew.ms
    assert anew.runs == pytest.approx(10_000 * 2.718281828**0.5)
    assert any("begins anew" in warning for warning in anew.warnings)
    assert Cause.GIVE_BACK in anew.dollars
    assert Cause.GIVE_BACK not in calm.dollars


def test_no_long_run_survives_a_storm() -> None:
    work = WORK._replace(p50=10 * HOUR, p99=10 * HOUR, lease=12 * HOUR, interruptions=60)
    assert with_interruptions(work, work.p50) == (inf, inf)
    found = plan(work)
    assert found.ms is None
    assert any("no run survives" in warning for warning in found.warnings)


def test_a_tenth_of_the_slots_is_enough_for_a_tenth_of_the_tasks() -> None:
    found = plan(WORK._replace(tasks=4))
    assert found.ms == pytest.approx(MINUTE, rel=0.01)
    assert found.dollars[Cause.EMPTY] > 0  # workers that have nothing to do look for work


def test_large_values_go_to_the_store_and_small_ones_cost_steps() -> None:
    inline, stored = plan(WORK._replace(arguments=40_000)), plan(WORK._replace(arguments=400_000, result=400_000))
    billed = {each.cause: each.billed for each in inline.asked}
    assert billed[Cause.DISPATCH] > 10_000 / 2
    assert stored.ledger_bytes is not None
    assert inline.ledger_bytes is not None
    assert stored.ledger_bytes < inline.ledger_bytes


def test_what_was_not_measured_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for server in SUBMIT:
        monkeypatch.setitem(SUBMIT, server, Constant(None, "tasks/s", "", "not measured yet"))
        monkeypatch.setitem(LEDGER_BYTES, server, Constant(None, "bytes per task", "", "not measured yet"))
    found = plan(WORK)
    assert (found.ms, found.ledger_bytes) == (None, None)
    assert "rate of submit: not measured yet" in found.unknown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bundle", 0),
        ("bundle", LARGEST_BUNDLE + 1),
        ("tasks", -1),
        ("workers", MOST + 1),
        ("p99", 1),
        ("checkpoint", 0),
        ("orchestrators", 0),
        ("database_cores", 0),
    ],
)
def test_amounts_that_make_no_sense_are_refused(field: str, value: int) -> None:
    with pytest.raises(UsageError):
        plan(WORK._replace(**{field: value}))


@given(
    st.sampled_from([0, 1, 7, 10**6, MOST]),
    st.sampled_from([0, 1, 10**5, 10**9, MOST]),
    st.sampled_from([0, 1, 10**5, MOST]),
    st.sampled_from([0, 1, 64, MOST]),
    st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
    st.sampled_from(list(Backend)),
    st.sampled_from([1, 2, 100, LARGEST_BUNDLE]),
)
def test_every_plan_has_an_answer(
    tasks: int, p50: int, workers: int, slots: int, interruptions: float, backend: Backend, bundle: int
) -> None:
    found = plan(Work(tasks, p50, p50, workers, slots, backend, interruptions=interruptions, bundle=bundle))
    assert found.ms is None or found.ms >= 0
    assert all(each.requests >= 0 and each.billed >= each.requests * 0.999 for each in found.asked)
    assert found.in_flight <= max(tasks, GUARD)


# ------------------------------------------------------------ bundles


SHORT = WORK._replace(tasks=100_000, p50=10, p99=10, lease=MINUTE, workers=4)


def warned(work: Work) -> str:
    return " ".join(plan(work).warnings)


@pytest.mark.parametrize("backend", list(Backend))
def test_bundles_save_messages_requests_and_cpu(backend: Backend) -> None:
    singly = plan(SHORT._replace(p50=0, p99=0, backend=backend))
    together = plan(SHORT._replace(p50=0, p99=0, backend=backend, bundle=100))
    assert (singly.messages, together.messages) == (100_000, 1_000)
    assert together.requests < singly.requests / 2
    assert together.rate > singly.rate
    assert together.transactions is not None
    assert singly.transactions is not None
    assert together.transactions <= singly.transactions
    assert together.warnings == []


def test_what_short_tasks_cost_in_bundles_is_near_what_was_measured() -> None:
    """By ``bench.noop --at postgres+sqs``, 6,000 tasks, on 2026-11-22."""
    work = Work(6_000, 1, 2, workers=2, slots=2, backend=Backend.SQS, lease=MINUTE)
    for bundle, measured in [(1, 0.339), (10, 0.0425), (100, 0.0127)]:
        assert plan(work._replace(bundle=bundle)).requests / 6_000 == pytest.approx(measured, rel=0.25)


def test_a_bundle_that_outlasts_its_lease_goes_out_again_in_part() -> None:
    found = plan(SHORT._replace(p50=SECOND, p99=SECOND, bundle=100))
    assert found.messages == pytest.approx(100_000 / 34, rel=0.001)  # three quarters of 44 s, and the first
    assert any("only 34 of the 100 tasks" in warning for warning in found.warnings)
    assert "over a third" in warned(SHORT._replace(p50=250, p99=250, bundle=100))
    assert "give at most bundle=80" in warned(SHORT._replace(p50=250, p99=250, bundle=100)).lower()
    assert "third" not in warned(SHORT._replace(p50=250, p99=250, bundle=80))
    assert "begin within" in warned(SHORT._replace(lease=HOUR, bundle=100, p50=10 * SECOND, p99=10 * SECOND))


def test_a_lease_without_time_to_work_lets_one_begin() -> None:
    assert plan(SHORT._replace(lease=SECOND, checkpoint=1, bundle=10)).messages == 100_000


def test_few_tasks_in_large_bundles_leave_slots_idle() -> None:
    found = plan(SHORT._replace(tasks=400, bundle=100, p50=100, p99=100))
    assert found.limits[0].what == "the size of the bundles"
    assert found.ms == pytest.approx(100 * 100)
    assert "there are 4 messages for 16 slots" in warned(SHORT._replace(tasks=400, bundle=100, p50=100, p99=100))
    smaller = plan(SHORT._replace(tasks=400, bundle=25, p50=100, p99=100))
    assert smaller.ms == pytest.approx(25 * 100)
    assert smaller.warnings == []
    assert plan(SHORT._replace(tasks=3, bundle=100)).messages == 1


def test_a_window_full_of_bundles_leaves_slots_of_a_large_fleet_idle() -> None:
    fleet = SHORT._replace(tasks=10**7, workers=500, p50=100, p99=100, orchestrators=9, database_cores=64, bundle=100)
    found = plan(fleet)
    assert (found.in_flight, found.window) == (203, 10_000)
    assert found.rate == pytest.approx(2_030)
    assert any("203 bundles of 100" in warning for warning in found.warnings)
    assert plan(fleet._replace(bundle=10)).rate > 4 * found.rate


def test_large_arguments_make_small_bundles() -> None:
    large = SHORT._replace(arguments=20_000, bundle=100)
    assert plan(large).messages == pytest.approx(100_000 / 11, abs=1)
    assert "only 11 fit into a message, not 100" in warned(large)
    assert plan(large._replace(arguments=200_000)).messages == 1_000  # they are in the store
    assert plan(large._replace(arguments=300_000, inline=300_000)).messages == 100_000


def test_bundles_of_long_tasks_are_worth_a_word() -> None:
    assert "save little" in warned(WORK._replace(bundle=2))
    assert "save little" not in warned(SHORT._replace(bundle=2))


def test_an_interrupted_bundle_is_deleted_not_given_back() -> None:
    spot = SHORT._replace(p50=900, p99=900, interruptions=1.0, bundle=10, lease=10 * MINUTE)
    found = plan(spot)
    assert Cause.GIVE_BACK not in found.dollars
    assert Cause.GIVE_BACK in plan(spot._replace(bundle=1)).dollars
    assert found.messages == pytest.approx(10_000 + found.runs - 100_000)


def test_the_mean_is_that_of_a_distribution_with_these_percentiles() -> None:
    random = Random(1)
    drawn = [random.lognormvariate(0, 1) for _ in range(100_000)]
    p99 = sorted(drawn)[99_000]
    assert mean_of(1_000, p99 * 1_000) == pytest.approx(sum(drawn) / len(drawn) * 1_000, rel=0.05)
    assert mean_of(5, 5) == 5
    assert mean_of(0, 10) == 1
    assert mean_of(0, 0) == 0


def test_the_sizes_that_are_counted_with_are_those_of_the_wire() -> None:
    started = an_update(UpdateKind.STARTED)._replace(receipt="A" * 412, worker="i-0123456789abcdef0/4711-a1b2c3")
    completed = an_update(UpdateKind.COMPLETED)._replace(result="", worker=started.worker)
    message = TaskMessage(
        "transcribe", 1_800_000, 1_800_000_000_000, (WireTask(TASK_ID, 1, CAPABILITY, "", None, None),), "default", 10
    )
    two = message._replace(tasks=message.tasks * 2)
    assert len(encode_task_message(two)) - len(encode_task_message(message)) == pytest.approx(MEMBER_BYTES.value)
    for size, constant in [
        (len(encode_update(started, 100_000)), STARTED_BYTES),
        (len(encode_update(completed, 100_000)), COMPLETED_BYTES),
        (len(encode_task_message(message)), MESSAGE_BYTES),
    ]:
        assert size == pytest.approx(constant.value, rel=0.1), constant
