import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core import events
from leasehold.core.errors import MalformedMessage, TooLarge
from leasehold.core.model import Run
from leasehold.core.reports import Malformed, Payload, Update, UpdateKind
from leasehold.core.wire import (
    BODY_LIMIT,
    INLINE_LIMIT,
    PACK_CEILING,
    StatusMessage,
    WireUpdate,
    decode_status_message,
    encode_malformed,
    encode_update,
    event_of,
    pack,
    payload_of,
    quarantined,
    told_directly,
)
from leasehold.core.wire.status import FIELDS, REPORTS_LIMIT
from tests.core.wire_examples import (
    CAPABILITY,
    FAILURE,
    LOG,
    RESULT,
    RUN_ID,
    STATUS_ID,
    TASK_ID,
    an_update,
    instants,
    malformed_messages,
    updates,
)

NOW = 5_000
"""When the examples are encoded, on the worker's boot clock: 4 s after the receive began."""
RUN = Run(n=3, r=2, run_id=RUN_ID, worker="i-0abc/1", lease_until=1_056_000, started_at=1_000_000 - 3_800)


def sent(*reports: str) -> StatusMessage:
    (packed,) = pack(reports)
    return decode_status_message(packed.body)


def over_the_wire(update: Update, now: int = NOW) -> WireUpdate:
    (received,) = sent(encode_update(update, now)).updates
    return received


def reported(kind: UpdateKind, /, **changes: object) -> dict[str, object]:
    """A report as it stands in a message, mended or broken by ``changes``; an Ellipsis takes a field away."""
    report = json.loads(encode_update(an_update(kind), NOW)) | changes
    return {name: value for name, value in report.items() if value is not ...}


def body_of(*reports: object) -> str:
    return json.dumps({"v": 1, "reports": reports})


def test_the_message_is_json_that_a_person_can_read() -> None:
    (packed,) = pack([encode_update(an_update(UpdateKind.FAILED, deleted=True, after=500, log="...\n"), NOW)])
    assert json.loads(packed.body) == {
        "v": 1,
        "reports": [
            {
                "status_id": STATUS_ID,
                "kind": "failed",
                "task_id": TASK_ID,
                "capability": CAPABILITY,
                "n": 3,
                "r": 2,
                "run_id": RUN_ID,
                "worker": "i-0abc/1",
                "lease": 60_000,
                "held": 4_000,
                "began": 3_800,
                "ended": 1_000,
                "log": "...\n",
                "deleted": True,
                "failure": {
                    "kind": "exception",
                    "type": "ValueError",
                    "message": "no such file",
                    "frame": "jobs.py:transcribe",
                    "traceback": "Traceback ...",
                },
                "after": 500,
            }
        ],
    }


@given(updates(), instants)
def test_what_a_worker_says_is_what_the_recorder_hears(update: Update, now: int) -> None:
    heard = over_the_wire(update, now)
    carried = FIELDS[update.kind]
    for name in ("status_id", "kind", "task_id", "capability", "n", "r", "run_id", "worker", "lease"):
        assert getattr(heard, name) == getattr(update, name)
    assert type(heard.kind) is UpdateKind
    assert heard.held == max(0, now - update.received_boot)
    for name in ("receipt", "deleted", "result_ref", "unrecoverable", "log_ref", "log_bytes"):
        default = WireUpdate._field_defaults[name]
        assert getattr(heard, name) == (getattr(update, name) if name in carried else default)
    for name, instant in (("began", update.began_boot), ("ended", update.ended_boot)):
        assert getattr(heard, name) == (max(0, now - instant) if name in carried and instant is not None else None)
    if update.result is not None and heard.result is not None:
        assert json.loads(heard.result) == json.loads(update.result)
    assert (heard.failure is None) == (update.failure is None)


@given(st.lists(updates().map(lambda update: encode_update(update, NOW)), max_size=12), st.integers(0, 2_000))
def test_packing_loses_nothing_and_keeps_the_order(encoded: list[str], ceiling: int) -> None:
    packed = pack(encoded, ceiling)
    assert sum(body.size for body in packed) == len(encoded)
    assert all(body.size == 1 or len(body.body) <= ceiling for body in packed)
    unpacked = [report for body in packed for report in json.loads(body.body)["reports"]]
    assert unpacked == [json.loads(text) for text in encoded]
    for this, after in pairwise(packed):  # none could have taken the next one's first as well
        following = json.dumps(json.loads(after.body)["reports"][0], separators=(",", ":"))
        assert len(this.body) + 1 + len(following) > ceiling


def test_bodies_are_filled_to_the_last_byte() -> None:
    exactly_three = len(pack(["1234"] * 3, 1_000)[0].body)
    assert [body.size for body in pack(["1234"] * 7, exactly_three)] == [3, 3, 1]
    assert [body.size for body in pack(["1234"] * 6, exactly_three - 1)] == [2, 2, 2]


def test_status_messages_fill_one_step_of_the_bill() -> None:
    packed = pack([encode_update(an_update(UpdateKind.STARTED), NOW)] * 1_000)
    assert all(PACK_CEILING - 400 < len(body.body) <= PACK_CEILING for body in packed[:-1])


def test_a_report_beyond_the_ceiling_goes_alone() -> None:
    small = encode_update(an_update(UpdateKind.STARTED), NOW)
    large = encode_update(an_update(UpdateKind.COMPLETED, result=json.dumps("x" * 40_000), log="\x01" * 8_192), NOW)
    assert len(large) > PACK_CEILING
    assert [body.size for body in pack([small, small, large, small])] == [2, 1, 1]


def test_even_the_largest_report_fits_into_a_message() -> None:
    worst = "\U0001f600" * 20_000
    result = json.dumps("\\" * (INLINE_LIMIT // 2 - 1))
    failure = FAILURE._replace(type=worst, message=worst, frame=worst, traceback=worst)
    for kind in (UpdateKind.COMPLETED, UpdateKind.FAILED):
        update = an_update(kind, log=worst, note=worst, result=result, failure=failure)
        (packed,) = pack([encode_update(update, NOW)])
        assert len(packed.body) < BODY_LIMIT
        assert len(decode_status_message(packed.body).updates) == 1


def test_nothing_beyond_one_mebibyte_is_packed() -> None:
    room = BODY_LIMIT - len(pack(["{}"])[0].body) + 2
    assert len(pack(["x" * room])[0].body) == BODY_LIMIT
    with pytest.raises(TooLarge, match=f"a report of {room + 1} bytes"):
        pack(["x" * (room + 1)])


def test_a_large_result_belongs_into_the_store() -> None:
    fits = json.dumps("x" * (INLINE_LIMIT - 2))
    assert over_the_wire(an_update(UpdateKind.COMPLETED, result=fits)).result == fits
    with pytest.raises(TooLarge, match="a result of 49153 characters belongs into the store"):
        encode_update(an_update(UpdateKind.COMPLETED, result=json.dumps("x" * (INLINE_LIMIT - 1))), NOW)


def test_text_that_no_ledger_can_store_is_replaced() -> None:
    heard = over_the_wire(an_update(UpdateKind.RELEASED, note="a\0b\ud800c", log="caf\xe9 \U0001f600 \udfff"))
    assert (heard.note, heard.log) == ("a\ufffdb\ufffdc", "caf\xe9 \U0001f600 \ufffd")


def test_a_log_keeps_its_end_and_other_text_its_beginning() -> None:
    text = "a" + "x" * 9_000 + "z"
    heard = over_the_wire(an_update(UpdateKind.FAILED, log=text, note=text, failure=FAILURE._replace(message=text)))
    assert (heard.log or "").endswith("z")
    assert len(heard.log or "") == 8_192
    assert heard.note == text[:1_024]
    assert heard.failure is not None
    assert heard.failure.message == text[:2_048]


@pytest.mark.parametrize(
    ("fraction", "heard"), [(0.25, 0.25), (1.5, 1.0), (-1.0, 0.0), (float("nan"), 0.0), (None, None)]
)
def test_a_fraction_is_held_to_its_range(fraction: float | None, heard: float | None) -> None:
    assert over_the_wire(an_update(UpdateKind.PROGRESSED, fraction=fraction)).fraction == heard


def test_a_clock_that_ran_backwards_makes_no_negative_age() -> None:
    assert over_the_wire(an_update(UpdateKind.STARTED), now=0)[9:11] == (0, 0)


def test_a_result_in_the_store_travels_by_reference() -> None:
    heard = over_the_wire(an_update(UpdateKind.COMPLETED, result=None, result_ref=RESULT))
    assert (heard.result, heard.result_ref) == (None, RESULT)


def test_a_failure_that_its_worker_forgot_to_describe_is_quarantined() -> None:
    message = sent(encode_update(an_update(UpdateKind.FAILED, failure=None), NOW))
    assert [found.reason for found in message.malformed] == ["failure: missing"]


def test_results_are_kept_to_the_letter() -> None:
    text = '{"b": 1.50,\n "a": "\\ud800", "n": 1e2}'
    assert over_the_wire(an_update(UpdateKind.COMPLETED, result=text)).result == text


# --- what reports mean


def heard(kind: UpdateKind, **changes: object) -> events.Report:
    return event_of(over_the_wire(an_update(kind, **changes)), sent_at=1_000_000, jitter=0.25)


def test_the_lease_counts_from_the_receive_by_the_queues_clock() -> None:
    # R1: taken by the queue at 1,000,000, held for 4 s by then, under a lease of 60 s
    assert heard(UpdateKind.STARTED) == events.Started(RUN._replace(receipt="AQEB"))


def test_each_kind_is_its_event() -> None:
    assert heard(UpdateKind.PROGRESSED, fraction=0.5, note="half") == events.Progressed(
        RUN._replace(receipt="AQEB"), 0.5, "half"
    )
    assert heard(UpdateKind.COMPLETED) == events.Completed(RUN, 999_000)
    assert heard(UpdateKind.FAILED, deleted=True, unrecoverable=True, after=7) == events.Failed(
        RUN, 999_000, FAILURE, unrecoverable=True, deleted=True, after=7, jitter=0.25
    )
    assert heard(UpdateKind.RELEASED, note="drain", deleted=True) == events.Released(
        RUN, 999_000, "drain", deleted=True
    )
    assert heard(UpdateKind.RELEASED) == events.Released(RUN, 999_000, "", deleted=False)
    assert heard(UpdateKind.DRAINING) == events.Draining(RUN)
    unstarted = RUN._replace(started_at=996_000)
    assert heard(UpdateKind.REFUSED, note="no worker knows x") == events.Refused(
        unstarted, 999_000, "no worker knows x", deleted=False, jitter=0.25
    )
    assert heard(UpdateKind.EXPIRED, deleted=True) == events.Expired(3, 2)
    assert heard(UpdateKind.DEAD_LETTERED, deleted=True) == events.DeadLettered(3, 2)


def test_a_run_that_never_began_is_dated_by_its_receive() -> None:
    event = heard(UpdateKind.RELEASED, began_boot=None, ended_boot=None)
    assert event == events.Released(RUN._replace(started_at=996_000), 1_000_000, begun=False)


def test_a_failure_without_its_failure_is_no_event() -> None:
    with pytest.raises(MalformedMessage, match="failure: missing"):
        event_of(over_the_wire(an_update(UpdateKind.FAILED))._replace(failure=None), 0)


def test_the_bulk_of_a_report_is_its_payload() -> None:
    assert payload_of(over_the_wire(an_update(UpdateKind.STARTED))) is None
    completed = over_the_wire(an_update(UpdateKind.COMPLETED, log="x", log_ref=LOG, log_bytes=9))
    assert payload_of(completed) == Payload('{"words":7}', None, "x", LOG, 9)


@pytest.mark.parametrize("bulk", [{"result": "1"}, {"result_ref": RESULT}, {"log": "x"}, {"log_ref": LOG}])
def test_each_bulky_part_alone_is_a_payload(bulk: dict[str, Any]) -> None:
    update = over_the_wire(an_update(UpdateKind.STARTED))._replace(**bulk)
    assert payload_of(update) == Payload(**bulk)


# --- what is refused


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (7, "the body is no text but int"),
        ("[" * 1_000_000, "nested deeper than 64 levels"),
        ('{"v":1}', "a status message holds v and reports, nothing else"),
        ('{"v":1,"reports":[],"x":1}', "a status message holds v and reports, nothing else"),
        ('{"v":1,"reports":{}}', "reports: no list"),
        ('{"v":3,"reports":[]}', "version 3 is not known here"),
        ('{"v":1,"reports":[{"a":1,"a":1}]}', "a key stands twice in one object"),
        ('{"v":1,"reports":[NaN]}', "NaN is no JSON"),
    ],
)
def test_a_message_that_cannot_be_read_is_quarantined_whole(body: object, reason: str) -> None:
    updates, (found,), _ = decode_status_message(body)
    assert not updates
    assert found.reason.startswith(reason)
    assert found == quarantined("status report", body, found.reason)


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (None, "message: Input should be a valid dictionary"),
        ([], "message: Input should be a valid dictionary"),
        (reported(UpdateKind.STARTED, kind="exploded"), "kind: Input should be 'started'"),
        (reported(UpdateKind.STARTED, kind=[]), "kind: Input should be 'started'"),
        (reported(UpdateKind.STARTED, task_id="x"), "task_id: String should match pattern"),
        (reported(UpdateKind.STARTED, task_id=...), "task_id: Field required"),
        (reported(UpdateKind.STARTED, status_id=7), "status_id: Input should be a valid string"),
        (reported(UpdateKind.STARTED, n=0), "n: Input should be greater than or equal to 1"),
        (reported(UpdateKind.STARTED, r=1 << 20), "r: Input should be less than 1048576"),
        (reported(UpdateKind.STARTED, held=-1), "held: Input should be greater than or equal to 0"),
        (reported(UpdateKind.STARTED, worker="a\0"), "worker: String should match pattern"),
        (reported(UpdateKind.STARTED, worker="\udc80"), "worker: Input should be a valid string"),
        (reported(UpdateKind.STARTED, colour=1), "colour: Extra inputs are not permitted"),
        (reported(UpdateKind.STARTED, ended=1), "ended: a started report has none"),
        (reported(UpdateKind.STARTED, deleted=False), "deleted: a started report has none"),
        (reported(UpdateKind.COMPLETED, deleted=True), "deleted: a completed report has none"),
        (reported(UpdateKind.COMPLETED, result=...), "a completed report has either result or result_ref"),
        (reported(UpdateKind.COMPLETED, result_ref="k"), "a completed report has either result or result_ref"),
        (reported(UpdateKind.COMPLETED, result=7), "result: Input should be a valid string"),
        (reported(UpdateKind.COMPLETED, result="{"), "no JSON: Expecting property name"),
        (reported(UpdateKind.COMPLETED, result="Infinity"), "Infinity is no JSON"),
        (reported(UpdateKind.COMPLETED, result='"\xe9"'), "result: not ASCII"),
        (reported(UpdateKind.COMPLETED, result="[" * 65 + "]" * 65), "nested deeper than 64 levels"),
        (reported(UpdateKind.FAILED, failure=...), "failure: missing"),
        (reported(UpdateKind.FAILED, failure={}), "failure.kind: Field required"),
        (
            reported(UpdateKind.FAILED, failure={"kind": "exit", "type": "", "message": "", "x": 1}),
            "failure.x: Extra inputs are not permitted",
        ),
        (reported(UpdateKind.FAILED, unrecoverable=1), "unrecoverable: Input should be a valid boolean"),
        (reported(UpdateKind.FAILED, log="x" * 8_193), "log: String should have at most 8192 characters"),
        (reported(UpdateKind.PROGRESSED, fraction=1.01), "fraction: Input should be less than or equal to 1"),
        (reported(UpdateKind.PROGRESSED, fraction="0.5"), "fraction: Input should be a valid number"),
        ({"kind": "malformed"}, "source: Field required"),
    ],
)
def test_a_broken_report_is_quarantined_and_its_neighbours_are_heard(report: object, reason: str) -> None:
    good = reported(UpdateKind.STARTED)
    updates, malformed, _ = decode_status_message(body_of(good, report, good))
    assert len(updates) == 2
    (broken,) = malformed
    assert broken.reason.startswith(reason)
    assert broken.source == "status report"
    assert json.loads(broken.body) == report


@pytest.mark.parametrize("held", ["1e999", "[" * 100 + "]" * 100])
def test_a_report_that_cannot_be_written_again_is_kept_with_its_message(held: str) -> None:
    body = body_of(reported(UpdateKind.STARTED, held="HERE")).replace('"HERE"', held)
    updates, (broken,), _ = decode_status_message(body)
    assert not updates
    assert broken.body == body


# --- quarantine


def test_a_worker_passes_on_what_it_could_not_understand() -> None:
    found = quarantined("queue media", b"\x00\xff", "the body is no text but bytes")
    assert sent(encode_update(an_update(UpdateKind.STARTED), NOW), encode_malformed(found)).malformed == [found]


@given(malformed_messages)
def test_quarantined_messages_travel_whole(found: Malformed) -> None:
    assert sent(encode_malformed(found)).malformed == [found]


def test_the_quarantine_keeps_the_hash_of_all_and_the_first_16_kib() -> None:
    one, other = (quarantined("queue media", "x" * 20_000 + end, "no JSON") for end in "ab")
    assert one.body == other.body == "x" * 16_384
    assert one.digest != other.digest
    assert len(one.digest) == 64


def test_reports_keep_their_order() -> None:
    kinds = list(UpdateKind)
    updates = sent(*(encode_update(an_update(kind), NOW) for kind in kinds)).updates
    assert [update.kind for update in updates] == kinds


# --- where no wire lies between


@given(updates(), instants)
def test_what_is_told_directly_is_what_would_come_off_the_wire(update: Update, now: int) -> None:
    assert told_directly(update, now) == over_the_wire(update, now)


def test_what_is_told_directly_is_held_to_the_same_format() -> None:
    broken = an_update(UpdateKind.STARTED, run_id="x")
    with pytest.raises(MalformedMessage, match="run_id"):
        told_directly(broken, NOW)
    assert "run_id" in sent(encode_update(broken, NOW)).malformed[0].reason


def test_a_message_of_very_many_worthless_reports_is_kept_once() -> None:
    """Each by itself would cost a recorder minutes and gigabytes, for one message."""
    many = decode_status_message('{"v":1,"reports":[' + ",".join(["0"] * (REPORTS_LIMIT + 1)) + "]}")
    assert [damaged.reason for damaged in many.malformed] == [f"{REPORTS_LIMIT + 1} reports, over {REPORTS_LIMIT}"]
    unwritable = decode_status_message('{"v":1,"reports":[1e999,0,1e999]}')
    assert [damaged.body for damaged in unwritable.malformed] == ['{"v":1,"reports":[1e999,0,1e999]}', "0"]
