"""What requests are counted as, what they were for, and how a worker's counts travel."""

from __future__ import annotations

import json

import pytest

from leasehold.core.metering import STEP, Action, Cause, Count, Tally, by_cause, cause_of, steps
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import decode_status_message, encode_counts, encode_update, pack
from tests.core.wire_examples import an_update

COUNTS = [
    Count(60_000, "tasks:default", Action.RECEIVE, Tally(7, 8, 2, 1, 41)),
    Count(0, "status", Action.SEND, Tally(3, 3, messages=3)),
]


@pytest.mark.parametrize(("size", "billed"), [(0, 1), (1, 1), (STEP, 1), (STEP + 1, 2), (16 * STEP, 16)])
def test_every_64_kb_begun_are_billed_as_one_request(size: int, billed: int) -> None:
    assert steps(size) == billed


@pytest.mark.parametrize(
    ("queue", "action", "cause"),
    [
        ("tasks:media", Action.SEND, Cause.DISPATCH),
        ("tasks:media", Action.RECEIVE, Cause.RECEIVE),
        ("tasks:media", Action.DELETE, Cause.DELETE),
        ("tasks:media", Action.CHANGE, Cause.GIVE_BACK),
        ("tasks:media", Action.OTHER, Cause.OTHER),
        ("status", Action.SEND, Cause.REPORT),
        ("status", Action.RECEIVE, Cause.RECORD),
        ("status", Action.DELETE, Cause.ACKNOWLEDGE),
        ("status", Action.CHANGE, Cause.OTHER),
        ("dead", Action.RECEIVE, Cause.BURY),
        ("dead", Action.OTHER, Cause.OTHER),
        ("events", Action.DELETE, Cause.LISTEN),
        ("unknown", Action.SEND, Cause.OTHER),
    ],
)
def test_a_request_is_for_what_its_queue_and_action_say(queue: str, action: Action, cause: Cause) -> None:
    assert cause_of(queue, action) is cause


def test_receives_that_bring_nothing_stand_by_themselves() -> None:
    found = by_cause(
        [
            ("status", Action.RECEIVE, Tally(5, 5, 5)),
            ("tasks:a", Action.RECEIVE, Tally(10, 14, 3, 1, 60)),
            ("tasks:b", Action.RECEIVE, Tally(1, 1, messages=10)),
            ("tasks:a", Action.ENDED, Tally(messages=70)),
        ]
    )
    assert found == {
        Cause.RECEIVE: Tally(8, 12, 0, 1, 70),
        Cause.EMPTY: Tally(3, 3, 3),
        Cause.IDLE: Tally(5, 5, 5),
    }
    assert list(found) == [Cause.RECEIVE, Cause.EMPTY, Cause.IDLE]  # as a task goes


def test_counts_ride_among_reports_and_come_out_beside_them() -> None:
    update = encode_update(an_update(UpdateKind.STARTED), 0)
    (packed,) = pack([update, encode_counts(COUNTS)])
    message = decode_status_message(packed.body)
    assert (len(message.updates), message.malformed, message.counts) == (1, [], COUNTS)


def test_a_count_as_old_as_the_hills_is_sent_as_old_as_may_be() -> None:
    (packed,) = pack([encode_counts([COUNTS[0]._replace(age=1 << 50)])])
    ((count,),) = (decode_status_message(packed.body).counts,)
    assert count.age == 31 * 86_400_000


@pytest.mark.parametrize(
    ("field", "value"), [("action", "fly"), ("age", -1), ("requests", 1 << 50), ("queue", ""), ("more", 1)]
)
def test_counts_that_make_no_sense_are_refused_and_the_reports_beside_them_are_not(field: str, value: object) -> None:
    wrong = json.loads(encode_counts(COUNTS))
    wrong["counts"][0][field] = value
    (packed,) = pack([encode_update(an_update(UpdateKind.STARTED), 0), json.dumps(wrong)])
    message = decode_status_message(packed.body)
    assert (len(message.updates), len(message.malformed), message.counts) == (1, 1, [])
    assert message.malformed[0].reason.startswith(f"counts.0.{field}")
