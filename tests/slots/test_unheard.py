"""A run that began is never taken for one that did not, also where its child could not be heard any more."""

from __future__ import annotations

import pytest

from leasehold.adapters.slots.frames import BEGAN, HEADER, MARK, RETURNED, encode
from leasehold.ports.slots import NEIGHBOUR, SIBLING, Began, Job, Returned, Stopped
from tests.slots.bench import Bench, Held, Value
from tests.slots.conftest import Make

NUMBERS = range(1, 1_000)
"""Of runs, that of the one which speaks among them."""
SPOILED = {
    "garbage": {"text": "nonsense" * 8},
    "a lie": {"text": encode([(BEGAN, "one", 1)]).decode("latin-1")},
    "a result that is not there": {
        "text": encode([(RETURNED, nth, 1, 1, b"c999", b"", 0) for nth in NUMBERS]).decode("latin-1")
    },
    "another file in place of the pipe": {"replace": True},
}


def in_one_child(bench: Bench, held: Held, **spoiled: Value) -> list[Job]:
    """Three runs of one child, not yet listened to: the first has spoiled the pipe, the second has begun since."""
    bench.knows_as_short("spoil_pipe")
    jobs = [
        bench.job("spoil_pipe", **spoiled),
        bench.job("spoil_pipe", fifo=held.path),
        bench.job("spoil_pipe"),
    ]
    bench.pool.start(jobs)
    held.wait_until_held()
    return jobs


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_what_began_after_the_pipe_was_spoiled_ends_with_its_child_and_is_not_begun_again(
    make: Make, held: Held, spoiled: dict[str, Value]
) -> None:
    bench = make()
    first, second, third = in_one_child(bench, held, **spoiled)
    bench.end(first.run_id)
    (end,) = bench.ends(second.run_id)
    assert isinstance(end, Stopped)
    assert (end.begun, end.cause) == (True, NEIGHBOUR)
    assert isinstance(bench.began(second.run_id), Began)
    assert isinstance(bench.end(third.run_id), Returned)  # it surely had not begun


def test_what_began_behind_a_frame_that_never_ends_is_not_given_back(make: Make, held: Held) -> None:
    bench = make()
    header = HEADER.pack(MARK, 1 << 20).decode("latin-1")
    first, second, third = in_one_child(bench, held, text=header)
    while not bench.pool._line:  # until the third is taken back, for the others are no short runs any more
        bench.turn()
    (slot,) = bench.pool._slots
    assert slot.alarm == first.deadline_boot  # until then nothing more is to be done
    bench.pool.stop([second.run_id], "enough")
    end = bench.end(second.run_id)
    assert (end.begun, end.cause) == (True, "enough")
    assert bench.end(first.run_id).cause == SIBLING
    assert isinstance(bench.end(third.run_id), Returned)


def test_what_is_taken_back_while_nobody_knows_whether_it_began_never_begins_again(make: Make, held: Held) -> None:
    bench = make()
    header = HEADER.pack(MARK, 1 << 20).decode("latin-1")
    first, second, third = in_one_child(bench, held, text=header)
    bench.pool.take_back([second.run_id, third.run_id], "not wanted")
    end = bench.end(third.run_id)
    assert (end.begun, end.cause) == (False, "not wanted")
    assert bench.ends(second.run_id) == []  # it has begun, and goes on
    bench.pool.stop([first.run_id], "enough")
    end = bench.end(second.run_id)
    assert (end.begun, end.cause) == (True, SIBLING)
