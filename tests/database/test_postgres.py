"""PostgreSQL as a ledger's database: opening it, transactions, and what is said when it cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from leasehold.adapters.database.connection import Contended, Sql, Transaction
from leasehold.adapters.database.open import connect, create_schema, open_database
from leasehold.adapters.database.postgres import PostgresDatabase
from leasehold.adapters.database.postgres_errors import translate
from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.core.errors import BadSettings, LedgerUnavailable, SchemaMismatch
from leasehold.testing.ledger_bench import Moves
from leasehold.testing.postgres import PostgresServer, free_port
from tests.database.postgres_bench import PostgresBench
from tests.servers.clusters import Cluster
from tests.servers.test_clusters import with_tls

NUMBER = Sql("SELECT 7 / $1::BIGINT", ("by",))


@pytest.fixture
def bench(postgres_url: str) -> Iterator[PostgresBench]:
    bench = PostgresBench(postgres_url)
    yield bench
    bench.close()


def said(url: str, cluster: Cluster) -> str:
    """What a person reads who opens a ledger there; never the password."""
    with pytest.raises(LedgerUnavailable) as told:
        open_database(url)
    assert cluster.password not in str(told.value)
    return str(told.value)


# -- opening ---------------------------------------------------------------------------------------------------------


def test_a_schema_is_made_once_and_only_when_asked_for(empty_url: str) -> None:
    with pytest.raises(SchemaMismatch, match=r"no tables of Leasehold's\. Run: leasehold init"):
        open_database(empty_url)
    assert create_schema(empty_url) == (None, SCHEMA_VERSION)
    assert create_schema(empty_url) == (SCHEMA_VERSION, SCHEMA_VERSION)
    with closing(open_database(empty_url)) as database, database.read() as tx:
        assert tx.rows(database.sql("meta")["version"]) == [(SCHEMA_VERSION,)]


def test_of_several_that_make_the_schema_at_once_one_does(empty_url: str) -> None:
    program = (
        "import sys; from leasehold.adapters.database.open import create_schema; print(create_schema(sys.argv[1])[0])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, empty_url]
    children = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = sorted(child.communicate(timeout=60)[0].strip() for child in children)
    assert told == [SCHEMA_VERSION, SCHEMA_VERSION, "None"]


@pytest.mark.parametrize(
    ("version", "advice"), [("9999", "made by a newer Leasehold"), ("0000", "Run: leasehold migrate")]
)
def test_a_schema_of_another_version_is_left_alone(postgres_url: str, version: str, advice: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE schema_version SET version_num = %s", (version,))
    for opening in (open_database, create_schema):
        with pytest.raises(SchemaMismatch, match=advice):
            opening(postgres_url)


def test_a_database_of_another_encoding_is_refused(cluster: Cluster) -> None:
    cluster.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' OWNER leasehold")
    with pytest.raises(BadSettings, match="has the encoding LATIN1; make one with: CREATE DATABASE"):
        create_schema(cluster.url("latin"))
    cluster.drop("latin")


def test_opening_a_ledger_imports_no_sqlalchemy(postgres_url: str) -> None:
    program = (
        "import sys; from leasehold.adapters.database.open import open_database;"
        "from leasehold.adapters.database.views import DatabaseViews;"
        "DatabaseViews(open_database(sys.argv[1])).tasks('status:failed');"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program, postgres_url], check=True, env=environment)


def test_without_its_driver_it_is_said_what_to_install() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None; from leasehold.adapters.database.open import open_database;"
        "open_database('postgresql://nobody@nowhere/nothing')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert "BadSettings: a ledger on PostgreSQL needs its driver, psycopg. Run: pip install 'leasehold[postgres]'" in (
        run.stderr
    )


# -- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:sesame@db/jobs", "postgresql://ada@db/jobs"),
        ("postgres://ada@db:5433/jobs?sslmode=verify-full", "postgres://ada@db:5433/jobs?sslmode=verify-full"),
        ("postgresql://db/jobs?user=ada&password=sesame", "postgresql://db/jobs?user=ada"),
        ("postgresql://ada:ses@me@db/jobs", "postgresql://ada@db/jobs"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert connect(url).url == shown


@pytest.mark.parametrize("url", ["postgresql://ada:ses%zzme@db/jobs", "postgresql://ada:sesame@db/jobs?nonsense=1"])
def test_an_address_that_libpq_cannot_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadSettings, match=r"libpq cannot read this address\. It looks like postgresql://") as told:
        connect(url)
    assert "ses" not in str(told.value)


def test_a_password_may_come_by_libpqs_own_means(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    password = conninfo_to_dict(postgres_url)["password"]
    monkeypatch.setenv("PGPASSWORD", str(password))
    open_database(postgres_url.replace(f":{password}@", "@")).close()


# -- what cannot be used ---------------------------------------------------------------------------------------------


def test_what_is_wrong_with_an_address_is_told(cluster: Cluster, postgres_url: str) -> None:
    assert "it refuses the password. Check user" in said(
        postgres_url.replace(f":{cluster.password}@", ":wrong@"), cluster
    )
    assert "there is no such database on that server" in said(cluster.url("nowhere"), cluster)
    nobody = postgres_url.replace(f":{cluster.port}/", f":{free_port()}/")
    assert "nobody answers there. Start the server" in said(nobody, cluster)
    assert "its host has no address" in said(postgres_url.replace("127.0.0.1", "no.such.host.invalid"), cluster)


def test_a_role_without_a_grant_is_told_which(cluster: Cluster, postgres_url: str) -> None:
    name = cluster.role("reader")
    database = postgres_url.rpartition("/")[2]
    url = cluster.url(database, name)
    assert "this role lacks a grant (permission denied for table schema_version)" in said(url, cluster)
    cluster.run("DROP ROLE reader")


def test_a_role_without_connections_left_is_told(cluster: Cluster, postgres_url: str) -> None:
    cluster.role("busy", "LOGIN CONNECTION LIMIT 1")
    url = cluster.url("postgres", "busy")
    with psycopg.connect(url):
        assert "it has no connection left" in said(url, cluster)
    cluster.run("DROP ROLE busy")


def test_a_table_that_is_missing_is_another_schema(bench: PostgresBench) -> None:
    with psycopg.connect(bench.address) as connection:
        connection.execute("DROP TABLE bodies")
    with pytest.raises(SchemaMismatch, match=r'relation "bodies" does not exist.*Run: leasehold init'):
        Moves(bench).given()


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (psycopg.errors.DiskFull, "its disk is full. Free some space there; nothing that was accepted is lost"),
        (psycopg.errors.OutOfMemory, "it has no memory left"),
        (psycopg.errors.QueryCanceled, "a statement took too long and was stopped"),
        (psycopg.errors.ReadOnlySqlTransaction, "it is a standby. Name the writer's address"),
        (psycopg.errors.IoError, "its disk reported an error"),
        (psycopg.errors.DataCorrupted, "it reported damage"),
        (psycopg.errors.SerializationFailure, "another transaction is in the way"),
        (psycopg.errors.InsufficientPrivilege, "this role lacks a grant"),
        (psycopg.errors.ProgramLimitExceeded, "a value is larger than PostgreSQL can store"),
    ],
)
def test_each_error_has_its_advice(error: type[psycopg.Error], advice: str) -> None:
    told = translate(error("so it said"), "postgresql://db/jobs", lost=False)
    assert told is not None
    assert str(told).startswith("ledger postgresql://db/jobs: ")
    assert advice in str(told)


def test_a_mistake_in_the_program_is_not_dressed_up(bench: PostgresBench) -> None:
    with pytest.raises(psycopg.errors.SyntaxError), bench.database.write() as tx:
        tx.rows(Sql("SELEC nothing", ()))
    with pytest.raises(psycopg.errors.DivisionByZero), bench.database.read() as tx:
        tx.rows(NUMBER, {"by": 0})
    assert len(Moves(bench).given()) == 1


def test_a_statement_that_takes_too_long_is_stopped(bench: PostgresBench) -> None:
    slow = Sql(
        "SELECT set_config('statement_timeout', '10', true); SELECT count(*) FROM generate_series(1, 1000000000)", ()
    )
    with pytest.raises(LedgerUnavailable, match="took too long"), bench.database.write() as tx:
        tx.rows(slow)


def test_a_server_that_accepts_no_connection_without_tls_is_told_and_used_with_it() -> None:
    with PostgresServer(with_tls(), tls=True) as server:
        with pytest.raises(LedgerUnavailable, match=r"does not let this user in from this machine .*no encryption"):
            open_database(server.url(sslmode="disable"))
        with pytest.raises(LedgerUnavailable, match="no encrypted connection came about"):
            open_database(server.url(sslmode="verify-full", sslrootcert=str(server.folder / "server.key")))
        url = server.url(server.create("jobs"), sslmode="verify-full", sslrootcert=str(server.authority))
        assert create_schema(url) == (None, SCHEMA_VERSION)


# -- transactions ----------------------------------------------------------------------------------------------------


def test_an_exception_rolls_back_and_no_hook_runs(bench: PostgresBench) -> None:
    database, chores, seen = bench.database, bench.database.sql("chores"), list[str]()
    with suppress(KeyboardInterrupt), database.write() as tx:
        tx.run(chores["add secret"], {"name": "a", "value": b"b"})
        tx.after_commit(lambda: seen.append("never"))
        raise KeyboardInterrupt
    with database.write() as tx:
        assert tx.rows(chores["secret"], {"name": "a"}) == []
        tx.after_commit(lambda: seen.append("once"))
        assert seen == []
    assert seen == ["once"]


def test_a_reader_sees_one_snapshot_and_writes_nothing(bench: PostgresBench) -> None:
    chores = bench.database.sql("chores")
    with bench.database.read() as tx:
        assert tx.rows(chores["secret"], {"name": "a"}) == []
        with bench.database.write() as other:
            other.run(chores["add secret"], {"name": "a", "value": b"\x00\\b"})
        assert tx.rows(chores["secret"], {"name": "a"}) == []
    with bench.database.read() as tx:
        assert tx.rows(chores["secret"], {"name": "a"}) == [(b"\x00\\b",)]
    with pytest.raises(LedgerUnavailable, match="can only be read"), bench.database.read() as tx:
        tx.run(chores["add secret"], {"name": "c", "value": b"d"})


def test_now_is_the_databases_clock(postgres_url: str) -> None:
    with closing(PostgresDatabase(postgres_url)) as database, psycopg.connect(postgres_url) as other:
        clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        (before,) = other.execute(clock).fetchone() or (0,)
        with database.write() as tx:
            first, second = tx.now, database.now()
        (after,) = other.execute(clock).fetchone() or (0,)
        assert before - 1 <= first <= second <= after + 1


def test_a_commit_survives_the_loss_of_power_whatever_the_databases_default(postgres_url: str) -> None:
    setting = Sql("SELECT current_setting('synchronous_commit'), current_setting('lock_timeout')", ())
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    with closing(PostgresDatabase(postgres_url)) as database, database.read() as tx:
        assert tx.rows(setting) == [("on", "10s")]


def test_a_closed_database_opens_again(bench: PostgresBench) -> None:
    moves = Moves(bench)
    moves.given()
    bench.database.close()
    assert bench.database._pool.idle == []
    assert len(moves.given()) == 1


def test_a_transaction_that_another_was_in_the_way_of_is_tried_again_as_a_whole(bench: PostgresBench) -> None:
    chores, tries = bench.database.sql("chores"), list[int]()

    def work(tx: Transaction) -> str:
        tx.run(chores["add secret"], {"name": str(len(tries)), "value": b"x"})
        tries.append(len(tries))
        if len(tries) < 3:
            raise Contended("in the way")
        return "done"

    assert bench.database.transact(work) == "done"
    with bench.database.read() as tx:
        assert [len(tx.rows(chores["secret"], {"name": str(nth)})) for nth in range(3)] == [0, 0, 1]


def test_of_many_keys_it_is_told_which_were_free(bench: PostgresBench) -> None:
    one, two, three = (1, "a", 0), (1, "b", 0), (2, "a", 0)
    add = bench.database.sql("ledger")["add status id"]
    with bench.database.write() as tx:
        assert tx.new_of(add, []) == []
        assert tx.new_of(add, [one, two]) == [True, True]
        assert tx.new_of(add, [two, three, one]) == [False, True, False]
        assert tx.new_of(add, [two, three]) == [False, False]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_shares_nothing_with_its_parent(bench: PostgresBench) -> None:
    moves, chores = Moves(bench), bench.database.sql("chores")
    moves.given()
    with bench.database.read() as tx:
        assert tx.rows(chores["secret"], {"name": "child"}) == []
        pid = os.fork()
        if pid == 0:
            with bench.database.write() as other:
                other.run(chores["add secret"], {"name": "child", "value": b"was here"})
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert tx.rows(chores["secret"], {"name": "child"}) == []
    with bench.database.read() as tx:
        assert tx.rows(chores["secret"], {"name": "child"}) == [(b"was here",)]
    moves.assert_accounted_for()


# -- odd values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [1, 250], ids=["by arrays", "by COPY"])
def test_odd_texts_come_back_as_they_were(bench: PostgresBench, tasks: int) -> None:
    moves = Moves(bench)
    odd = ['{"a": "\\\\ \\" \\n \t , {} NULL"}', "NULL", "\\N", "", "a\tb\nc\rd\\", "äöü 語 🙂", "None", '"']
    new = [moves.new(key=f"{nth}\\\"'\t{{}}", arguments=odd[nth % len(odd)]) for nth in range(tasks)]
    moves.submit(*new)
    for each in new[: len(odd)]:
        view = moves.view(each.task.id)
        assert (view.arguments, view.key) == (each.arguments, each.key)
    moves.assert_accounted_for()


def test_what_postgresql_cannot_keep_is_replaced_and_not_lost(bench: PostgresBench) -> None:
    """It keeps no NUL in a text; a log or an error may hold one."""
    moves = Moves(bench)
    new = moves.new(arguments='"a\0b"')
    moves.submit(new)
    assert moves.view(new.task.id).arguments == '"a\ufffdb"'
