"""Filters of arguments on a database: against a naive evaluation, beside submits under way, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Event
from typing import cast
from unittest.mock import patch

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.adapters.database import indexing, searching, submitting
from leasehold.adapters.database.connection import Row, Sql, Transaction
from leasehold.adapters.database.postgres_transaction import PostgresTransaction
from leasehold.adapters.database.retention import DatabaseRetention
from leasehold.core.events import Cancelled, Retried
from leasehold.core.filters import Choice, parse, term
from leasehold.core.finding import fitting
from leasehold.ports.ledger import NewTask, Operation, Stretch
from leasehold.ports.retention import Retention
from leasehold.testing.arguments_suite import fill, task
from leasehold.testing.arguments_suite import given as submitted
from leasehold.testing.filter_suite import find
from leasehold.testing.ledger_bench import Moves
from tests.database.postgres_bench import PostgresBench
from tests.database.sqlite_bench import SqliteBench

VALUES = ("1", "2", "a b", 'q"', "x" * 70)
SOME: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from(["episode", "language", "rank"]), st.sampled_from([*VALUES, 1, None, ["1"]])
)
WORDS = st.lists(
    st.builds(
        lambda minus, name, value: f"{minus}{term(name, value)}",
        st.sampled_from(["", "", "-"]),
        st.sampled_from(["args.episode", "args.language", "args.rank"]),
        st.sampled_from(VALUES),
    )
    | st.sampled_from(["name:transcribe", "name:convert", "-name:convert", "batch:november", "status:pending"]),
    max_size=4,
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteBench]:
    bench = SqliteBench(tmp_path_factory.mktemp("searching"))
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def moves(bench: SqliteBench) -> Moves:
    """A handler that declares some arguments, and one that does not."""
    moves = Moves(bench)
    for nth in range(90):
        arguments = {
            "episode": VALUES[nth % 5],
            "language": VALUES[nth // 5 % 3],
            **({"rank": VALUES[nth % 4]} if nth % 3 else {"rank": [nth]}),
        }
        name, find_ = ("transcribe", ("episode", "rank")) if nth % 2 else ("convert", ())
        new = moves.new(name=name, batch="november" if nth % 7 else None, arguments=json.dumps(arguments), find=find_)
        moves.submit(new)
    fill(moves)
    return moves


@given(WORDS, st.sampled_from([None, False]))
def test_what_is_found_is_what_one_finds_by_looking_at_each(moves: Moves, words: list[str], few: bool | None) -> None:
    """Whether or not the index is left for the rest of a filter, where that has fewer tasks."""
    filter_ = " ".join(words)
    asked = parse(filter_)
    every = moves.views.tasks(" ".join(word for word in words if "args." not in word), limit=1_000).rows
    expected = [view.task.id for view in every if fitting(view.arguments, asked.args)]
    with nullcontext() if few is None else patch.object(searching, "fewer", lambda *_: few):
        assert find_all(moves, filter_) == expected


def find_all(moves: Moves, filter_: str) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = moves.views.tasks(filter_, cursor=cursor, limit=20)
        found += [view.task.id for view in page.rows]
        cursor = page.cursor
        if cursor is None:
            assert moves.views.count(filter_) == len(found)
            return found


@given(SOME, st.sampled_from(VALUES))
def test_the_values_of_an_index_are_those_that_fit(arguments: Mapping[str, object], value: str) -> None:
    one = indexing.Indexed(5, "transcribe", "episode", 0, 0)
    text = json.dumps(arguments)
    rows = list(indexing.values(1, text, [one]))
    assert bool(rows and rows == list(indexing.values(1, json.dumps({"episode": value}), [one]))) is fitting(
        text, [("episode", Choice((value,)))]
    )


def statements_of(bench: SqliteBench, monkeypatch: pytest.MonkeyPatch, new: NewTask) -> int:
    """How many statements a submit runs."""
    return len(statements(monkeypatch, lambda: bench.ledger.submit([new])))


def statements(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], object], kind: type[Transaction] = Transaction
) -> list[str]:
    """The statements that are run in transactions of a kind."""
    counted: list[str] = []
    rows, run_many = kind.rows, kind.run_many

    def counting_rows(tx: Transaction, sql: Sql, given: Mapping[str, object] | None = None) -> list[Row]:
        counted.append(sql.text)
        return rows(tx, sql, given)

    def counting_run_many(tx: Transaction, sql: Sql, many: Sequence[Sequence[object]]) -> int:
        counted.extend([sql.text] if many else [])
        return run_many(tx, sql, many)

    with monkeypatch.context() as patched:
        patched.setattr(kind, "rows", counting_rows)
        patched.setattr(kind, "run_many", counting_run_many)
        work()
    return counted


def check_an_index_is_left(either: SqliteBench | PostgresBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One value may be that of all tasks: whatever else is asked for would be looked for among all of these."""
    moves = Moves(either)
    acme = [moves.new(arguments='{"tenant": "acme"}', find=("tenant",)) for _ in range(20)]
    small = [moves.new(arguments=f'{{"tenant": "{one}"}}', batch="small") for one in ("acme", "b", "acme")]
    late = [moves.new(arguments='{"tenant": "acme"}') for _ in range(20)]
    moves.submit(*acme, *small, *late)
    fill(moves)
    first, _, third = (each.task.id for each in small)
    moves.apply(third, Cancelled("ada"))
    book = either.database.sql("pages")
    walk, read = book["down argument"].text, book["arguments of"].text
    kind = Transaction if isinstance(either, SqliteBench) else PostgresTransaction

    def ran(filter_: str, *ids: str) -> tuple[bool, bool]:
        texts = statements(monkeypatch, lambda: find(moves, filter_), kind)
        assert find(moves, filter_) == list(ids)
        assert moves.views.bound(filter_) is None
        return walk in texts, read in texts

    assert ran("batch:small args.tenant:acme", third, first) == (False, True)
    assert ran("status:cancelled args.tenant:acme", third) == (False, True)
    assert ran("-status:pending args.tenant:acme,b", third) == (False, True)
    assert ran("status:failed args.tenant:acme") == (False, False)
    assert ran("args.tenant:b", small[1].task.id) == (True, False)
    assert ran("batch:small args.tenant:b", small[1].task.id) == (True, False)
    monkeypatch.setattr("leasehold.core.finding.LOOKED_AT", 2)
    assert ran("batch:small args.tenant:acme", third, first) == (True, False)
    assert ran("status:cancelled args.tenant:acme", third) == (False, True)


def test_an_index_is_left_where_the_rest_of_a_filter_has_fewer_tasks(
    sqlite_bench: SqliteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_an_index_is_left(sqlite_bench, monkeypatch)


def test_submits_pay_for_an_index_only_where_there_is_one(
    sqlite_bench: SqliteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = Moves(sqlite_bench)
    without = statements_of(sqlite_bench, monkeypatch, task(moves, {"episode": "1"}, ()))
    assert without == 7
    moves.submit(task(moves, {"episode": "1"}, ("episode",)))
    assert statements_of(sqlite_bench, monkeypatch, task(moves, {"episode": "1"}, ("episode",))) == without + 2
    assert statements_of(sqlite_bench, monkeypatch, moves.new(name="convert")) == without + 1


@pytest.fixture
def sqlite_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteBench]:
    bench = SqliteBench(tmp_path_factory.mktemp("ledger"))
    yield bench
    bench.close()


def test_forgotten_tasks_leave_nothing_in_the_index(sqlite_bench: SqliteBench) -> None:
    moves = Moves(sqlite_bench)
    first, _ = submitted(moves, ("episode",), {"episode": "1"}, {"episode": "1"})
    moves.dispatch()
    moves.complete(first)
    retention: Retention = DatabaseRetention(sqlite_bench.database)
    assert retention.forget([moves.task(first)], trails=True, archived=False) == [first]
    with sqlite_bench.database.read() as tx:
        assert tx.rows(Sql("SELECT count(*) FROM argument_values", ())) == [(1,)]


def test_a_declaration_that_is_taken_back_counts_for_nothing(sqlite_bench: SqliteBench) -> None:
    moves = Moves(sqlite_bench)
    database = sqlite_bench.database
    ledger = {**database.sql("ledger"), **database.sql("pages")}

    def submit_and_fail() -> None:
        with database.write() as tx:
            submitting.submit(tx, ledger, [task(moves, {"episode": "1"}, ("episode",))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        submit_and_fail()
    submitted(moves, (), {"episode": "1"})
    with database.read() as tx:
        assert indexing.indexed(tx, ledger) == []
    (task_id,) = submitted(moves, ("episode",), {"episode": "2"})
    fill(moves)
    assert find(moves, "args.episode:2") == [task_id]


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[PostgresBench]:
    bench = PostgresBench(postgres_url)
    yield bench
    bench.close()


def test_an_operation_walks_an_index_in_bounded_statements(
    sqlite_bench: SqliteBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many tasks have the value and have ended: a statement without a bound could be given up by a database."""
    moves = Moves(sqlite_bench)
    ids = submitted(moves, ("tenant",), *({"tenant": "acme"} for _ in range(20)))
    fill(moves)
    moves.apply(ids[3], Cancelled("ada"))
    moves.apply(ids[17], Cancelled("ada"))
    monkeypatch.setattr(searching, "fewer", lambda *_: False)
    walk = sqlite_bench.database.sql("pages")["up argument"].text
    walked: list[tuple[int, int]] = []
    rows = Transaction.rows

    def noting(tx: Transaction, sql: Sql, given: Mapping[str, object] | None = None) -> list[Row]:
        if sql.text == walk:
            walked.append((cast("int", (given or {})["above"]), cast("int", (given or {})["below"])))
        return rows(tx, sql, given)

    monkeypatch.setattr(Transaction, "rows", noting)
    moves.ledger.start_operation(Operation("o", "retry", "args.tenant:acme", ids[-1], "ada", "", created_at=1))
    done: list[str] = []
    while (operation := moves.ledger.next_operation()) is not None:
        stretch = moves.ledger.covered(operation, 10, 4)
        moves.ledger.advance_operation(operation, stretch, Retried("ada"))
        done += stretch.task_ids
    assert done == [ids[3], ids[17]]
    assert walked == [(0, 5), (4, 9), (8, 13), (12, 17), (16, 21)]


@pytest.mark.parametrize(
    ("filter_", "cursor", "why"),
    [
        ("args.tenant:acme", 9, "an index has it all"),
        ("args.tenant:acme args.rank:1", 2, "arguments are read, which is more work"),
        ("id:{0},{11}", 11, "these tasks are found without looking through others"),
        ("id:{0},{11} args.rank:1", 11, "and the arguments of few are read"),
        ("group:0123456789", 11, "nothing has such a group"),
    ],
)
def test_how_far_an_operation_looks_at_once(
    sqlite_bench: SqliteBench, monkeypatch: pytest.MonkeyPatch, filter_: str, cursor: int, why: str
) -> None:
    moves = Moves(sqlite_bench)
    ids = submitted(moves, ("tenant",), *({"tenant": "acme"} for _ in range(12)))
    fill(moves)
    for task_id in ids:
        moves.apply(task_id, Cancelled("ada"))
    monkeypatch.setattr("leasehold.core.finding.LOOKED_AT", 3)
    monkeypatch.setattr(searching, "fewer", lambda *_: False)
    operation = Operation("o", "cancel", filter_.format(*ids), ids[-1], "ada", "", created_at=1)
    moves.ledger.start_operation(operation)
    assert moves.ledger.covered(operation, 10, 10) == Stretch([], ids[cursor], last=cursor == len(ids) - 1), why


def test_an_index_is_left_on_postgresql_too(postgres: PostgresBench, monkeypatch: pytest.MonkeyPatch) -> None:
    check_an_index_is_left(postgres, monkeypatch)


def test_a_submit_that_began_before_a_declaration_is_indexed_after_its_end(postgres: PostgresBench) -> None:
    """The index is not called whole before: until then the task would be missing in it."""
    moves = Moves(postgres)
    submitted(moves, (), {})  # or they would wait for each other at the new queue
    with psycopg.connect(postgres.address) as connection:
        early = task(moves, {"episode": "1"}, ())
        postgres.ledger.submit([early], connection)
        (late,) = submitted(moves, ("episode",), {"episode": "1"})
        assert moves.ledger.index(10) == 0
        assert find(moves, "args.episode:1") == [late]
        connection.commit()
    fill(moves)
    with postgres.database.read() as tx:
        assert [each.whole for each in indexing.indexed(tx, postgres.database.sql("pages"))] == [True]
    assert find(moves, "args.episode:1") == [late, early.task.id]


def test_a_task_that_is_forgotten_while_it_is_indexed_leaves_nothing(
    postgres: PostgresBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second leaves it alone."""
    moves = Moves(postgres)
    first, _ = submitted(moves, (), {"episode": "1"}, {"episode": "1"})
    moves.dispatch()
    moves.complete(first)
    submitted(moves, ("episode",), {"episode": "1"})
    assert moves.ledger.index(10) == 1
    held, go_on = Event(), Event()
    values = indexing.values

    def slowly(number: int, arguments: str | None, found: Sequence[indexing.Indexed]) -> Iterator[tuple[int, int, str]]:
        held.set()
        assert go_on.wait(60)
        return values(number, arguments, found)

    monkeypatch.setattr(indexing, "values", slowly)
    retention: Retention = DatabaseRetention(postgres.database)
    with ThreadPoolExecutor(1) as pool:
        filling = pool.submit(moves.ledger.index, 10)
        assert held.wait(60)
        assert retention.forget([moves.task(first)], trails=True, archived=False) == []
        go_on.set()
        assert filling.result() == 3
    assert retention.forget([moves.task(first)], trails=True, archived=False) == [first]
    with postgres.database.read() as tx:
        assert tx.rows(Sql("SELECT count(*) FROM argument_values", ())) == [(2,)]
