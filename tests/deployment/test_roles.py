"""The role as which workers of ``single-queue`` log in to PostgreSQL: made by ``init``, judged by ``doctor``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from leasehold.adapters.database import worker_role
from leasehold.adapters.database.roles import CLAIMS_AND_REPORTS, Grant, quoted
from tests.cli.conftest import Said
from tests.deployment.conftest import Command
from tests.docs.pages import text_of
from tests.servers.clusters import Cluster

SQL = re.compile(r"^```sql (?P<what>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
NAMES = (f"worker-{number}" for number in count(1))
"""Roles belong to a whole cluster, not to one database."""


class Place:
    """A ledger on PostgreSQL with the settings of ``single-queue``, and a name for a role that is not there yet."""

    def __init__(self, run: Command, cluster: Cluster, url: str) -> None:
        self._run = run
        self._cluster = cluster
        self.url = url
        self.role = next(NAMES)

    @property
    def database(self) -> str:
        return str(conninfo_to_dict(self.url)["dbname"])

    def init(self, *words: str) -> Said:
        return self._run("init", "--worker-role", self.role, *words, ledger=self.url, topology="single-queue")

    def doctor(self) -> Said:
        """What it says to the role itself, once that can log in."""
        self.owner(f"ALTER ROLE {quoted(self.role)} PASSWORD '{self._cluster.password}'")
        url = self._cluster.url(self.database, self.role)
        words = ("doctor", "--role", "worker", "--app", "jobs.py", "--json")
        return self._run(*words, ledger=url, topology="single-queue", store="here")

    def grants(self) -> list[tuple[str, str, str | None]]:
        """State, sentence and command of what the doctor says of them."""
        checks = self.doctor().json["checks"]
        return [(each["state"], each["sentence"], each["command"]) for each in checks if each["check"] == "grants"]

    def owner(self, *statements: str) -> None:
        """Somebody who owns the tables and may make roles, and is no superuser, as on RDS."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@pytest.fixture
def place(run: Command, cluster: Cluster, postgres_url: str) -> Iterator[Place]:
    place = Place(run, cluster, postgres_url)
    yield place
    if cluster.run(f"SELECT FROM pg_roles WHERE rolname = '{place.role}'"):
        cluster.run(f"DROP OWNED BY {quoted(place.role)}", place.database)
        cluster.run(f"DROP ROLE {quoted(place.role)}")


def marks(said: Said) -> list[str]:
    """What stands before each line that is no command."""
    return [line.split()[0] for line in said.out.splitlines() if not line.startswith(" ")]


def test_the_role_is_made_once_and_may_do_exactly_what_a_worker_needs(place: Place) -> None:
    first = place.init()
    assert (first.code, marks(first)) == (0, ["ok", "made", "made"])
    again = place.init()
    assert (again.code, marks(again)) == (0, ["ok", "ok", "ok"])
    assert place.grants() == [("ok", f"role '{place.role}' may do what a worker needs, and no more", None)]
    assert place.doctor().code == 0


def test_a_dry_run_shows_the_sql_and_makes_no_role(place: Place, cluster: Cluster) -> None:
    said = place.init("--dry-run")
    (line,) = [line.strip() for line in said.out.splitlines() if "CREATE ROLE" in line]
    assert cluster.run(f"SELECT FROM pg_roles WHERE rolname = '{place.role}'") == []
    assert cluster.password not in said.out + said.err
    place.owner(*line.split("; "))
    assert marks(place.init()) == ["ok", "made", "ok"]


def test_a_dry_run_before_there_are_tables_says_so(run: Command, empty_url: str) -> None:
    said = run("init", "--dry-run", "--worker-role", "later", ledger=empty_url, topology="single-queue")
    assert said.code == 0
    assert "role later: its grants are on the tables of schema" in said.out


def test_tables_and_role_are_made_at_once(run: Command, cluster: Cluster, empty_url: str) -> None:
    place = Place(run, cluster, empty_url)
    assert marks(place.init()) == ["made", "made", "made"]
    assert place.grants()[0][0] == "ok"
    cluster.run(f"DROP OWNED BY {quoted(place.role)}", place.database)
    cluster.run(f"DROP ROLE {quoted(place.role)}")


def test_what_a_role_lacks_is_named_by_the_doctor_and_given_by_init(place: Place) -> None:
    place.init()
    place.owner(f"REVOKE INSERT ON audit FROM {quoted(place.role)}")
    assert place.grants() == [
        (
            "wrong",
            f"role '{place.role}' lacks INSERT ON \"audit\". Let the owner of the tables run",
            f"leasehold init --worker-role {place.role}",
        )
    ]
    shown = place.init("--dry-run")
    assert f'role {place.role}: INSERT ON "audit"' in shown.out
    assert marks(place.init()) == ["ok", "ok", "made"]
    assert place.grants()[0][0] == "ok"


@pytest.mark.parametrize(
    ("statement", "may"),
    [
        ("GRANT SELECT ON secrets TO {role}", 'SELECT ON "secrets"'),
        ("GRANT DELETE ON audit TO PUBLIC", 'DELETE ON "audit"'),
        ("GRANT UPDATE ON batches TO {role}", 'UPDATE ("number", "name", "created_at") ON "batches"'),
        ("GRANT CREATE ON SCHEMA public TO {role}", "CREATE ON the schema"),
        ("ALTER ROLE {role} CREATEDB", "do what CREATEDB allows"),
    ],
)
def test_what_a_role_may_do_too_much_is_named_and_taken_away_by_the_sql_that_is_shown(
    place: Place, statement: str, may: str
) -> None:
    place.init()
    place.owner(statement.format(role=quoted(place.role)))
    (told,) = place.grants()
    assert told[0] == "wrong"
    assert may in told[1]
    said = place.init()
    assert (said.code, marks(said)[-1]) == (1, "differs")
    assert str(told[2]) in said.out
    place.owner(str(told[2]))
    assert place.grants() == [("ok", f"role '{place.role}' may do what a worker needs, and no more", None)]


def test_what_comes_from_another_role_is_taken_away_with_it(place: Place, cluster: Cluster) -> None:
    place.init()
    group = f"{place.role}-group"
    place.owner(
        f"CREATE ROLE {quoted(group)}",
        f"GRANT SELECT ON secrets TO {quoted(group)}",
        f"GRANT {quoted(group)} TO {quoted(place.role)}",
    )
    told = place.grants()
    assert f"may also do what {group} may" in told[0][1]
    place.owner(str(told[0][2]))
    assert place.grants()[0][0] == "ok"
    cluster.run(f"DROP OWNED BY {quoted(group)}", place.database)
    cluster.run(f"DROP ROLE {quoted(group)}")


def test_whoever_owns_the_tables_is_no_worker(run: Command, postgres_url: str) -> None:
    said = run("doctor", "--role", "worker", "--json", ledger=postgres_url, topology="single-queue", store="here")
    (told,) = [check["sentence"] for check in said.json["checks"] if check["check"] == "grants"]
    assert "it owns the ledger's tables: let workers log in as another role" in told


def test_whoever_may_make_no_roles_is_told_what_an_administrator_has_to_run(
    run: Command, cluster: Cluster, place: Place
) -> None:
    owner = cluster.role(f"{place.role}-owner")
    database = cluster.empty()
    cluster.run(f"ALTER DATABASE {quoted(database)} OWNER TO {quoted(owner)}")
    url = cluster.url(database, owner)
    words = ("init", "--worker-role", place.role)
    said = run(*words, ledger=url, topology="single-queue")
    assert (said.code, marks(said)) == (1, ["made", "made", "differs"])
    assert f"CREATE ROLE {quoted(place.role)} LOGIN;" in said.out
    cluster.run(f"CREATE ROLE {quoted(place.role)} LOGIN")
    assert marks(run(*words, ledger=url, topology="single-queue")) == ["ok", "ok", "made"]
    cluster.drop(database)
    cluster.run(f"DROP ROLE {quoted(owner)}")


def test_a_database_into_which_not_everybody_may_come_lets_the_role_in(place: Place) -> None:
    place.owner(
        f"REVOKE CONNECT ON DATABASE {quoted(place.database)} FROM PUBLIC", "REVOKE USAGE ON SCHEMA public FROM PUBLIC"
    )
    assert place.init().code == 0
    assert place.grants()[0][0] == "ok"
    place.owner(f"REVOKE USAGE ON SCHEMA public FROM {quoted(place.role)}")
    assert "lacks USAGE ON the schema" in place.grants()[0][1]


def test_two_at_once_do_no_harm(place: Place) -> None:
    grants = worker_role.wanted(claims=True, queues=True)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: worker_role.make(place.url, grants, place.role), range(4)))
    assert worker_role.look(place.url, grants, place.role).missing == ()


@pytest.mark.parametrize("role", ["", "pg_worker", "public", "a b", "x" * 64, "1st", 'a"b'])
def test_a_name_that_no_role_can_have_is_one_sentence(run: Command, postgres_url: str, role: str) -> None:
    said = run("init", "--worker-role", role, ledger=postgres_url, topology="single-queue")
    assert said.code == 2
    assert "worker role" in said.err


def test_where_workers_need_no_role_none_is_made(run: Command, tmp_path: Path, postgres_url: str) -> None:
    said = run("init", "--worker-role", "w", ledger=str(tmp_path / "jobs.db"))
    assert (said.code, "--worker-role is for a ledger on PostgreSQL" in said.err) == (2, True)
    said = run("init", "--worker-role", "w", ledger=postgres_url, queues="sqs://eu-central-1/acme")
    assert (said.code, "in two-queue on SQS workers need no role" in said.err) == (2, True)
    assert not (tmp_path / "jobs.db").exists()


@pytest.mark.parametrize(
    ("claims", "queues", "tables"),
    [
        (True, False, {"schema_version", *(grant.table for grant in CLAIMS_AND_REPORTS)}),
        (False, True, {"schema_version", "queue_messages"}),
        (False, False, set()),
    ],
)
def test_a_worker_is_granted_what_its_topology_needs(claims: bool, queues: bool, tables: set[str]) -> None:
    assert {grant.table for grant in worker_role.wanted(claims=claims, queues=queues)} == tables


def test_a_worker_that_reports_to_the_ledger_cannot_forge_a_message() -> None:
    assert Grant("queue_messages", "INSERT") not in worker_role.wanted(claims=True, queues=True)
    assert Grant("queue_messages", "INSERT") in worker_role.wanted(claims=False, queues=True)


def test_the_pages_grants_are_those_of_the_code() -> None:
    found = {block["what"]: " ".join(block["text"].split()) for block in SQL.finditer(text_of("docs/deployment.md"))}
    grants = worker_role.wanted(claims=True, queues=False)
    more = [grant for grant in worker_role.wanted(claims=True, queues=True) if grant not in grants]
    assert found == {"grants": shown(grants), "messages": shown(more)}


def shown(grants: Sequence[Grant]) -> str:
    """As the page writes them."""
    return " ".join(f"GRANT {grant} TO jobs_worker;".replace('"', "") for grant in grants)
