"""A deployment on PostgreSQL: what ``init`` makes there, and what ``doctor`` says of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from leasehold.adapters.clock import SystemClock
from leasehold.backends import Backends
from leasehold.provision import State, provide
from leasehold.settings import read_settings
from tests.deployment.conftest import Command
from tests.servers.clusters import Cluster


@pytest.fixture
def password(cluster: Cluster) -> str:
    """What no output may show."""
    return cluster.password


def test_the_tables_and_the_key_are_made_once(run: Command, empty_url: str, password: str) -> None:
    said = run("init", ledger=empty_url)
    assert (said.code, [line.split()[0] for line in said.out.splitlines()]) == (0, ["made", "made"])
    again = run("init", ledger=empty_url)
    assert (again.code, [line.split()[0] for line in again.out.splitlines()]) == (0, ["ok", "ok"])
    assert password not in said.out + said.err + again.out + again.err


def test_a_dry_run_makes_no_table(run: Command, empty_url: str) -> None:
    assert run("init", "--dry-run", ledger=empty_url).out.startswith("missing  ledger postgresql://leasehold@")
    assert "no tables of Leasehold's. Run: leasehold init" in run("tasks", "ls", ledger=empty_url).err


def test_two_at_once_do_no_harm(empty_url: str, tmp_path: Path) -> None:
    settings = read_settings(environ={"LEASEHOLD_LEDGER": empty_url}, folder=tmp_path)

    def init(seed: int) -> set[State]:
        backends = Backends(settings, SystemClock(), Random(seed))
        try:
            return {step.state for step in provide(backends)}
        finally:
            backends.close()

    with ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(init, range(4))) <= {State.OK, State.MADE}


def test_the_doctor_finds_a_ledger_in_order(run: Command, postgres_url: str, password: str) -> None:
    said = run("doctor", "--json", "--no-trip", ledger=postgres_url, store="here")
    assert {check["check"] for check in said.json["checks"] if check["state"] == "ok"} >= {
        "settings",
        "ledger",
        "clock",
    }
    assert (said.code, password in said.out) == (0, False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"user": "nobody"}, "password"),
        ({"database": "nowhere"}, "there is no such database on that server"),
        ({"port": "1"}, "nobody answers there"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_one_sentence(
    run: Command, cluster: Cluster, change: dict[str, str], sentence: str
) -> None:
    url = cluster.url(change.get("database", "postgres"), change.get("user", "leasehold"))
    url = url.replace(f":{cluster.port}", f":{change.get('port', cluster.port)}")
    for command in (("init",), ("doctor", "--no-trip"), ("tasks", "ls"), ("orchestrator",)):
        said = run(*command, ledger=url)
        told = said.out + said.err
        assert (said.code, sentence in told, cluster.password in told) == (
            1 if command[0] == "doctor" else 3,
            True,
            False,
        )
