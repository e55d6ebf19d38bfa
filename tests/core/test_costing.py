"""What requests cost, and what of it was for nothing."""

from __future__ import annotations

import pytest

from leasehold.core.costing import Place, Prices, Spent, Wasted, bill, scaled, share_of, wasted
from leasehold.core.metering import Action, Cause, Tally

COUNTED = [
    ("tasks:media", Action.SEND, Tally(100, 160, messages=1_000)),
    ("tasks:media", Action.RECEIVE, Tally(140, 180, 40, messages=1_000)),
    ("tasks:media", Action.OTHER, Tally(10, 10)),
    ("status", Action.RECEIVE, Tally(60, 60, 50, messages=50)),
    ("tasks:media", Action.ENDED, Tally(messages=1_000)),
]
PRICES = Prices(standard=1_000_000.0, fifo=2_000_000.0, slot_hour=3.0)


@pytest.mark.parametrize(
    ("place", "dispatch", "other", "idle"),
    [(Place.SQS, 160.0, 10.0, 50.0), (Place.FIFO, 320.0, 10.0, 50.0), (Place.DATABASE, 0.0, 0.0, 0.0)],
)
def test_a_request_costs_what_its_queue_costs(place: Place, dispatch: float, other: float, idle: float) -> None:
    dollars = {line.cause: line.dollars for line in bill(COUNTED, 1_000, place, PRICES).lines}
    assert (dollars[Cause.DISPATCH], dollars[Cause.OTHER], dollars[Cause.IDLE]) == (dispatch, other, idle)


def test_all_together_is_what_was_counted() -> None:
    whole = bill(COUNTED, 1_000, Place.SQS, PRICES)
    assert whole.total.requests == 310
    assert whole.total.billed == whole.dollars == 410
    assert whole.per_thousand(whole.dollars) == 410
    assert bill(COUNTED, 0, Place.SQS, PRICES).per_thousand(1) is None


def test_the_dead_letters_of_fifo_queues_are_one() -> None:
    assert PRICES.of(Place.FIFO, "dead", Action.RECEIVE) == 2
    assert PRICES.of(Place.FIFO, "status", Action.SEND) == 1


def test_idle_looks_and_runs_for_nothing_have_a_price() -> None:
    whole = bill(COUNTED, 1_000, Place.SQS, PRICES)
    idle, lost, duplicates = wasted(whole, Spent(5, 3_600_000), Spent(), PRICES)
    assert idle == Wasted("idle polls", 90, 0, 0, 90.0, None)
    assert whole.of_a_delivery() == pytest.approx((410 - 90) / 1_000)
    assert lost._replace(requests_dollars=0.0) == Wasted("lost runs", 0, 5, 3_600_000, 0.0, 3.0)
    assert lost.requests_dollars == pytest.approx(5 * 0.32)
    assert duplicates == Wasted("duplicates", 0, 0, 0, 0.0, 0.0)


def test_the_tasks_of_a_bundle_share_what_its_message_costs() -> None:
    whole = bill(COUNTED, 100_000, Place.SQS, PRICES)
    assert whole.of_a_delivery() == pytest.approx((410 - 90) / 100_000)


def test_what_has_no_price_is_not_known() -> None:
    _, lost, _ = wasted(bill([], 0, Place.SQS, Prices()), Spent(1, 1_000), Spent(), Prices())
    assert (lost.requests_dollars, lost.time_dollars) == (None, None)


def test_a_part_of_the_queues_is_a_part_of_their_requests() -> None:
    part = share_of(COUNTED, {"tasks:media": 1.0}, 0.5)
    assert part[0] == COUNTED[0]
    assert part[3][2] == Tally(30, 30, 25, 0, 25)
    assert share_of(COUNTED, {"tasks:other": 1.0}, 0.5)[0][2] == Tally()
    assert scaled(Tally(3, 3), 0.5).requests == 2
