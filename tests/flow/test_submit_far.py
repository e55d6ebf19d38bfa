"""Submitting a stream to a ledger in another process: one chunk is written while the next is prepared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.core.errors import LedgerUnavailable
from leasehold.flow.client import Order, Refused, Submission
from leasehold.flow.ledger_client import LedgerClient
from leasehold.ports.ledger import Accepted, Existing, KeyConflict, NewTask
from tests.flow.orchestra import POLICY, Orchestra


def an_order(priority: int = 0) -> Order:
    return Order("work", '{"x":1}', POLICY, priority=priority)


class Far(DatabaseLedger):
    """As a ledger in another process; it fails at a task of priority 9."""

    @property
    def elsewhere(self) -> bool:
        return True

    def submit(
        self, tasks: Sequence[NewTask], connection: object | None = None
    ) -> list[Accepted | Existing | KeyConflict]:
        if any(new.task.priority == 9 for new in tasks):
            raise LedgerUnavailable("failing over")
        return super().submit(tasks, connection)


@pytest.fixture
def far(orchestra: Orchestra) -> LedgerClient:
    return LedgerClient(
        Far(orchestra.database),
        orchestra.views,
        orchestra.store,
        orchestra.bell,
        orchestra.clock,
        ids=orchestra.ids,
        payload_limit=200_000,
    )


def test_while_one_chunk_is_written_far_away_the_next_is_read(orchestra: Orchestra, far: LedgerClient) -> None:
    read: list[int] = []

    def stream() -> Iterator[tuple[int, Order]]:
        for number in range(5):
            read.append(number)
            yield number, an_order()

    answers = far.submit_many(stream(), chunk=2)
    rows = [next(answers)[0][0]]
    assert read == [0, 1, 2, 3]
    rows += [number for (number, _), _ in answers]
    assert rows == [0, 1, 2, 3, 4]
    assert sum(count.tasks for count in orchestra.views.counts()) == 5


def test_what_was_read_before_a_stream_broke_is_written_and_said(orchestra: Orchestra, far: LedgerClient) -> None:
    def stream() -> Iterator[tuple[int, Order]]:
        yield from ((number, an_order()) for number in range(4))
        raise ValueError("row 5 is damaged")

    said: list[Submission] = []
    with pytest.raises(ValueError, match="row 5"):
        said.extend(answer for _, answer in far.submit_many(stream(), chunk=2))
    assert [orchestra.state(each.task_id) for each in said if not isinstance(each, Refused)] == ["pending/due"] * 4


def test_after_a_chunk_that_could_not_be_written_none_is(orchestra: Orchestra, far: LedgerClient) -> None:
    rows = [(number, an_order(priority=9 if number == 4 else 0)) for number in range(8)]
    said: list[Submission] = []
    with pytest.raises(LedgerUnavailable):
        said.extend(answer for _, answer in far.submit_many(rows, chunk=2))
    assert len(said) == 4
    assert sum(count.tasks for count in orchestra.views.counts()) == 4
