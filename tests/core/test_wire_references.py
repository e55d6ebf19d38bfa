"""No message may point at anything in the store but its own task's and its own run's objects."""

import pytest

from leasehold.core.errors import MalformedMessage
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import (
    WireTask,
    decode_status_message,
    decode_task_message,
    encode_task_message,
    encode_update,
    pack,
)
from tests.core.wire_examples import CAPABILITY, HOSTILE, LOG, RESULT, TASK_ID, a_task_message, an_update


@pytest.mark.parametrize("reference", [*HOSTILE, RESULT, LOG])
def test_a_task_message_that_points_elsewhere_is_refused(reference: str) -> None:
    body = encode_task_message(a_task_message(WireTask(TASK_ID, 1, CAPABILITY, None, reference)))
    with pytest.raises(MalformedMessage, match="args_ref: not where the arguments of this task are kept"):
        decode_task_message(body)


@pytest.mark.parametrize("reference", [*HOSTILE, LOG])
def test_a_result_that_is_said_to_be_elsewhere_is_refused(reference: str) -> None:
    body = pack([encode_update(an_update(UpdateKind.COMPLETED, result=None, result_ref=reference), 5_000)])[0].body
    updates, (found,), _ = decode_status_message(body)
    assert not updates
    assert found.reason == "result_ref: not where the result of this run is kept"


@pytest.mark.parametrize("reference", [*HOSTILE, RESULT])
def test_a_log_that_is_said_to_be_elsewhere_is_refused(reference: str) -> None:
    body = pack([encode_update(an_update(UpdateKind.FAILED, log="x", log_ref=reference), 5_000)])[0].body
    updates, (found,), _ = decode_status_message(body)
    assert not updates
    assert found.reason == "log_ref: not where the log of this run is kept"


def test_its_own_result_and_log_are_taken() -> None:
    said = an_update(UpdateKind.COMPLETED, result=None, result_ref=RESULT, log_ref=LOG)
    (heard,), malformed, _ = decode_status_message(pack([encode_update(said, 5_000)])[0].body)
    assert not malformed
    assert (heard.result_ref, heard.log_ref) == (RESULT, LOG)
