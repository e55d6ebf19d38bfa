"""References to the store: whose object it is, and whether it is still what was put there."""

import pytest

from leasehold.core.references import (
    arguments_reference,
    digest,
    fits,
    is_arguments,
    is_log,
    is_result,
    log_reference,
    result_reference,
)
from tests.core.wire_examples import HOSTILE, OTHER, RUN_ID, TASK_ID


def test_a_reference_says_whose_it_is_and_ends_with_the_hash_of_the_value() -> None:
    assert arguments_reference(TASK_ID, b"{}") == f"arguments/{TASK_ID}/{digest(b'{}')}"
    assert result_reference(TASK_ID, RUN_ID, b"7") == f"results/{TASK_ID}/{RUN_ID}-{digest(b'7')}"
    assert log_reference(TASK_ID, RUN_ID, b"x") == f"logs/{TASK_ID}/{RUN_ID}-{digest(b'x')}"


def test_it_fits_the_value_that_was_put_and_no_other() -> None:
    for ref in (arguments_reference(TASK_ID, b"7"), result_reference(TASK_ID, RUN_ID, b"7")):
        assert fits(ref, b"7")
        assert not fits(ref, b"8")
        assert not fits(ref, b"")


def test_it_is_taken_for_its_own_task_and_run_only() -> None:
    assert is_arguments(arguments_reference(TASK_ID, b"{}"), TASK_ID)
    assert not is_arguments(arguments_reference(TASK_ID, b"{}"), OTHER)
    assert is_result(result_reference(TASK_ID, RUN_ID, b"7"), TASK_ID, RUN_ID)
    assert not is_result(result_reference(TASK_ID, RUN_ID, b"7"), TASK_ID, OTHER)
    assert is_log(log_reference(TASK_ID, RUN_ID, b"7"), TASK_ID, RUN_ID)
    assert not is_log(result_reference(TASK_ID, RUN_ID, b"7"), TASK_ID, RUN_ID)


@pytest.mark.parametrize("reference", HOSTILE)
def test_what_points_anywhere_else_is_none(reference: str) -> None:
    assert not is_arguments(reference, TASK_ID)
    assert not is_result(reference, TASK_ID, RUN_ID)
    assert not is_log(reference, TASK_ID, RUN_ID)
