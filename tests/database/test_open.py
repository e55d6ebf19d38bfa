"""Opening a database, and what it says when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from leasehold.adapters.database.connection import Contended, Sql, Transaction
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import connect, open_database
from leasehold.adapters.database.sqlite import SqliteDatabase
from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.core.errors import BadSettings, LedgerUnavailable, SchemaMismatch
from leasehold.testing.clock import ManualClock
from leasehold.testing.ledger_bench import Moves
from tests.database.sqlite_bench import SqliteBench


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SqliteBench]:
    bench = SqliteBench(tmp_path)
    yield bench
    bench.close()


def opened(path: Path, query: str = "", *, patience: int = 10) -> SqliteDatabase:
    database = open_database(f"sqlite:///{path}{query}", clock=ManualClock(), patience=patience)
    assert isinstance(database, SqliteDatabase)
    return database


# -- opening ---------------------------------------------------------------------------------------------------------


def test_a_fresh_file_gets_the_newest_schema(path: Path) -> None:
    with closing(opened(path)) as database, database.read() as tx:
        assert tx.rows(database.sql("meta")["version"]) == [(SCHEMA_VERSION,)]
    with closing(opened(path)) as again, again.read() as tx:
        assert len(tx.rows(again.sql("meta")["exists"])) == 1


def test_opening_a_ledger_imports_no_sqlalchemy() -> None:
    """It takes most of a second; every command and every child process would wait for it."""
    program = (
        "import sys, tempfile; from leasehold.adapters.database.open import open_database;"
        "from leasehold.adapters.database.ledger import DatabaseLedger;"
        "from leasehold.adapters.database.views import DatabaseViews;"
        "database = open_database(f'sqlite:///{tempfile.mkdtemp()}/jobs.db');"
        "DatabaseLedger(database); DatabaseViews(database).tasks('status:failed');"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": "src"})


def test_two_that_open_a_fresh_file_at_once_both_get_it(path: Path) -> None:
    program = (
        f"from leasehold.adapters.database.open import open_database; open_database('sqlite:///{path}');"
        "print('opened', flush=True)"
    )
    command = [sys.executable, "-c", program]
    env = {**os.environ, "PYTHONPATH": "src"}
    children = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE) for _ in range(4)]
    assert [child.communicate(timeout=60)[0] for child in children] == [b"opened\n"] * 4


def test_a_relative_path_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_database("sqlite:///jobs.db")) as database:
        assert database.url == f"sqlite:///{tmp_path}/jobs.db"


@pytest.mark.parametrize("name", ["with space.db", "100%.db", "what?.db", "a#b.db", "äöü.db", "it's.db"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    with closing(SqliteDatabase(str(tmp_path / name))) as database, database.write() as tx:
        tx.rows(database.sql("meta")["exists"])
    assert (tmp_path / name).exists()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://host/db", "jobs.db", "sqlite://host/jobs.db"]
)
def test_an_address_that_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match="sqlite:///"):
        connect(url)


# -- other schemas ---------------------------------------------------------------------------------------------------


def written_by(path: Path, version: str | None) -> None:
    opened(path).close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DELETE FROM schema_version")
        if version is not None:
            other.execute("INSERT INTO schema_version VALUES (?)", (version,))


def test_a_ledger_of_a_newer_leasehold_is_left_alone(path: Path) -> None:
    written_by(path, "9999")
    with pytest.raises(SchemaMismatch, match=r"9999, made by a newer Leasehold.*Update Leasehold"):
        opened(path)


@pytest.mark.parametrize("version", ["0000", None])
def test_a_ledger_of_an_older_leasehold_has_to_be_migrated(path: Path, version: str | None) -> None:
    written_by(path, version)
    with pytest.raises(SchemaMismatch, match="Run: leasehold migrate"):
        opened(path)


# -- what cannot be used ---------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("a song of ice and fire\n" * 100)
    with pytest.raises(LedgerUnavailable, match=r"jobs\.db: the file is no SQLite database"):
        opened(path)
    assert path.read_text().startswith("a song")


def test_a_damaged_file_is_told_with_its_remedy(path: Path) -> None:
    with closing(opened(path)) as database:
        Moves(SqliteBench.around(database)).given(300)
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = os.urandom(len(damaged) - 4096)
    path.write_bytes(damaged)
    with pytest.raises(LedgerUnavailable, match=r"the file is damaged.*\.recover"):
        Moves(SqliteBench.around(opened(path))).given(1)


def test_a_folder_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="Check that its folder exists"):
        opened(tmp_path / "nowhere" / "jobs.db")


def test_a_ledger_that_may_only_be_read_is_shown_and_not_written(path: Path) -> None:
    opened(path).close()
    with closing(opened(path, "?mode=ro")) as database:
        moves = Moves(SqliteBench.around(database))
        assert moves.views.counts() == []
        with pytest.raises(LedgerUnavailable, match=r"can be read but not written\. Give this user write access"):
            moves.given()


def test_a_full_disk_loses_nothing_that_was_accepted(bench: SqliteBench) -> None:
    moves = Moves(bench)
    before = moves.given(50)
    limited(bench.database, 10)
    with pytest.raises(LedgerUnavailable, match=r"the disk .* is full\. Free some space; nothing that was accepted"):
        fill(moves)
    kept = sum(cell.tasks for cell in moves.views.counts())
    assert kept % 100 == 50
    moves.assert_accounted_for()
    limited(bench.database, 1_000_000)
    moves.complete(moves.dispatch(limit=1)[0].task.id)
    assert moves.state(before[0]) == "completed"


def fill(moves: Moves) -> None:
    for _ in range(1_000):
        moves.given(100)


def limited(database: SqliteDatabase, pages: int) -> None:
    """Let the file grow by so many pages, as a disk with little space does."""
    writer = database._pool.writer
    assert writer is not None
    ((now,),) = writer.execute("PRAGMA page_count").fetchall()
    writer.execute(f"PRAGMA max_page_count = {now + pages}")


def test_a_file_that_another_program_keeps_locked_is_told(path: Path) -> None:
    with closing(opened(path)) as database:
        moves = Moves(SqliteBench.around(database))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerUnavailable, match="another program keeps it locked"):
                moves.given()
            assert moves.views.counts() == []  # readers do not wait
        assert len(moves.given()) == 1  # and it goes on by itself


def test_a_writer_that_hangs_is_told_with_how_to_find_it(path: Path) -> None:
    with closing(opened(path)) as hanging, closing(opened(path)) as waiting, hanging.write():
        with pytest.raises(LedgerUnavailable, match=r"another process holds the writer lock .*-lock.*fuser"):
            Moves(SqliteBench.around(waiting)).given()
        with pytest.raises(LedgerUnavailable, match="another thread has been writing"):
            Moves(SqliteBench.around(hanging)).given()


def test_a_table_that_is_missing_is_another_schema(path: Path) -> None:
    with closing(opened(path)) as database:
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE bodies")
        with pytest.raises(SchemaMismatch, match=r"no such table.*leasehold migrate"):
            Moves(SqliteBench.around(database)).given()


def test_a_mistake_in_the_program_is_not_dressed_up(path: Path) -> None:
    mistaken = Sql("SELEC nothing", ())
    with closing(opened(path)) as database, pytest.raises(sqlite3.OperationalError), database.write() as tx:
        tx.rows(mistaken)


# -- transactions ----------------------------------------------------------------------------------------------------


def test_an_exception_rolls_back(bench: SqliteBench) -> None:
    database, chores = bench.database, bench.database.sql("chores")
    with suppress(KeyboardInterrupt), database.write() as tx:
        tx.run(chores["add secret"], {"name": "a", "value": b"b"})
        raise KeyboardInterrupt
    with database.read() as tx:
        assert tx.rows(chores["secret"], {"name": "a"}) == []


def test_hooks_run_after_the_commit_and_not_after_a_rollback(bench: SqliteBench) -> None:
    seen: list[str] = []
    with bench.database.write() as tx:
        tx.after_commit(lambda: seen.append("first"))
        assert seen == []
    with suppress(KeyError), bench.database.write() as tx:
        tx.after_commit(lambda: seen.append("never"))
        raise KeyError
    assert seen == ["first"]


def test_a_reader_sees_one_snapshot(bench: SqliteBench) -> None:
    chores = bench.database.sql("chores")
    with bench.database.read() as tx:
        assert tx.rows(chores["secret"], {"name": "a"}) == []
        with bench.database.write() as other:
            other.run(chores["add secret"], {"name": "a", "value": b"b"})
        assert tx.rows(chores["secret"], {"name": "a"}) == []
    with bench.database.read() as tx:
        assert tx.rows(chores["secret"], {"name": "a"}) == [(b"b",)]


def test_a_closed_database_opens_again(bench: SqliteBench) -> None:
    moves = Moves(bench)
    moves.given()
    bench.database.close()
    assert len(moves.given()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_shares_nothing_with_its_parent(bench: SqliteBench) -> None:
    """SQLite forbids it: a child that used, or closed, its parent's connection would damage the file."""
    moves = Moves(bench)
    moves.given()
    with bench.database.read() as tx:
        assert tx.rows(bench.database.sql("chores")["secret"], {"name": "child"}) == []
        pid = os.fork()
        if pid == 0:
            with bench.database.write() as other:
                other.run(bench.database.sql("chores")["add secret"], {"name": "child", "value": b"was here"})
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    with bench.database.read() as tx:
        assert tx.rows(bench.database.sql("chores")["secret"], {"name": "child"}) == [(b"was here",)]
    moves.given()
    moves.assert_accounted_for()


def test_closing_a_ledger_closes_its_connections(bench: SqliteBench) -> None:
    DatabaseLedger(bench.database).close()
    assert bench.database._pool.writer is None
    assert bench.database._pool.readers == []


def test_a_transaction_that_another_writer_was_in_the_way_of_is_tried_again_as_a_whole(bench: SqliteBench) -> None:
    chores = bench.database.sql("chores")
    tries: list[int] = []

    def work(tx: Transaction) -> str:
        tx.run(chores["add secret"], {"name": str(len(tries)), "value": b"x"})
        tries.append(len(tries))
        if len(tries) < 3:
            raise Contended("in the way")
        return "done"

    assert bench.database.transact(work) == "done"
    with bench.database.read() as tx:
        assert [tx.rows(chores["secret"], {"name": str(nth)}) for nth in range(3)] == [[], [], [(b"x",)]]


def test_a_transaction_is_not_tried_for_ever(bench: SqliteBench) -> None:
    tries: list[int] = []

    def work(tx: Transaction) -> None:
        tries.append(tx.now)
        raise Contended("in the way")

    with pytest.raises(Contended):
        bench.database.transact(work)
    assert len(tries) == 3


def test_a_reader_that_fails_leaves_its_connection_to_the_next(bench: SqliteBench) -> None:
    with suppress(KeyError), bench.database.read() as tx:
        tx.rows(bench.database.sql("meta")["exists"])
        raise KeyError
    (idle,) = bench.database._pool.readers
    with bench.database.read():
        assert bench.database._pool.readers == []
    assert bench.database._pool.readers == [idle]


def test_many_readers_at_once_have_a_connection_each(bench: SqliteBench) -> None:
    with bench.database.read() as one, bench.database.read() as other:
        assert one.rows(bench.database.sql("meta")["exists"]) == other.rows(bench.database.sql("meta")["exists"])
    assert len(bench.database._pool.readers) == 2


def test_of_many_keys_it_is_told_which_were_free(bench: SqliteBench) -> None:
    one, two, three = (1, "a", 0), (1, "b", 0), (2, "a", 0)
    add = bench.database.sql("ledger")["add status id"]
    with bench.database.write() as tx:
        assert tx.new_of(add, []) == []
        assert tx.new_of(add, [one, two]) == [True, True]
        assert tx.new_of(add, [two, three, one]) == [False, True, False]
        assert tx.new_of(add, [two, three]) == [False, False]
