"""A commit of which nobody knows whether it happened: what was written is found again, and nobody is told less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from leasehold.adapters.database import submitting
from leasehold.adapters.database.connection import InDoubt, Sql, Transaction
from leasehold.core.errors import LedgerUnavailable
from leasehold.ports.ledger import Accepted, NewTask
from leasehold.testing.ledger_bench import Moves
from tests.database.postgres_bench import PostgresBench
from tests.servers.clusters import Cluster


@pytest.fixture
def bench(postgres_url: str) -> Iterator[PostgresBench]:
    bench = PostgresBench(postgres_url)
    yield bench
    bench.close()


def test_a_server_that_is_gone_for_good_does_not_make_the_doubt_forgotten(
    cluster: Cluster, bench: PostgresBench
) -> None:
    """Whoever reads only that nobody answers would submit once more, and have two tasks."""

    def work(tx: Transaction) -> None:
        del tx
        cluster.stop("immediate")

    try:
        with pytest.raises(InDoubt, match=r"nobody knows whether it happened.*Since then: .*nobody answers"):
            bench.database.transact(work, repeatable=True)
        with pytest.raises(LedgerUnavailable) as away:
            bench.database.transact(work, repeatable=True)
        assert not isinstance(away.value, InDoubt)
    finally:
        cluster.start()


def test_a_submit_that_is_committed_while_it_is_looked_for_is_accepted(
    bench: PostgresBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes visible between two looks: first its id is not there, then its key is."""
    new = Moves(bench).new(key="monday")
    assert bench.ledger.submit([new]) == [Accepted(new.task.id)]
    look, looks = submitting.there_already, iter([frozenset[str]()])

    def there_already(tx: Transaction, sql: Mapping[str, Sql], new: Sequence[NewTask]) -> frozenset[str]:
        found = look(tx, sql, new)
        return next(looks, found)

    monkeypatch.setattr(submitting, "there_already", there_already)

    def once_more(tx: Transaction) -> list[submitting.Answer]:
        tx.in_doubt = True
        return submitting.submit(tx, bench.database.sql("ledger"), [new])

    assert bench.database.transact(once_more, repeatable=True) == [Accepted(new.task.id)]
