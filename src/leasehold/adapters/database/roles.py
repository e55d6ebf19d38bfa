"""Roles of PostgreSQL: what a worker and an orchestrator may do in the ledger's database, and no more.

Grants are data here: ``leasehold init`` makes them, ``--dry-run`` prints them, ``doctor`` compares. How a role logs in
(a password, a certificate, IAM) is the administrator's to say; nothing here holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.rows import CHANGING

WORKER, ORCHESTRATOR = "leasehold_worker", "leasehold_orchestrator"
"""What the roles are called where nobody says otherwise."""


class Grant(NamedTuple):
    """One right on one table; on some of its columns only, where they are named."""

    table: str
    privilege: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        columns = f" ({', '.join(map(quoted, self.columns))})" if self.columns else ""
        return f"{self.privilege}{columns} ON {quoted(self.table)}"


class Compared(NamedTuple):
    """What a role may do, held against what it needs."""

    exists: bool
    missing: tuple[str, ...] = ()
    """Grants that it lacks, as they would stand in SQL."""
    excess: tuple[str, ...] = ()
    """What it may do and does not need to."""


LEARNED = ("worker", "started_at", "lease_until", "ended_at", "outcome", "lost_at", "fraction", "note", "failure")
KEPT = ("log", "log_ref", "log_bytes", "result", "result_ref")

OPENS = (Grant("schema_version", "SELECT"),)
"""Whoever opens the database looks whether its schema is the one that he knows."""
CLAIMS_AND_REPORTS = (
    Grant("tasks", "SELECT"),
    Grant("tasks", "UPDATE", CHANGING),
    Grant("audit", "INSERT"),
    Grant("batches", "SELECT", ("name", "ended")),
    Grant("batches", "UPDATE", ("ended",)),
    Grant("counter_deltas", "INSERT"),
    Grant("error_groups", "SELECT", ("id", "last_at")),
    Grant("error_groups", "INSERT"),
    Grant("error_groups", "UPDATE", ("last_at",)),
    Grant("quarantine", "INSERT"),
    Grant("request_deltas", "INSERT"),
    Grant("results", "INSERT"),
    Grant("run_outputs", "SELECT"),
    Grant("run_outputs", "INSERT"),
    Grant("run_outputs", "UPDATE", KEPT),
    Grant("runs", "SELECT"),
    Grant("runs", "INSERT"),
    Grant("runs", "UPDATE", LEARNED),
    Grant("status_ids", "SELECT", ("task", "id")),
    Grant("status_ids", "INSERT"),
)
"""What ``Ledger.apply`` does: a worker in ``single-queue``. It reads no arguments, results or secrets, and deletes
nothing."""
MESSAGES = tuple(Grant("queue_messages", privilege) for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"))
"""What queues in this database need."""
ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def worker_grants(*, ledger: bool, queues: bool) -> tuple[Grant, ...]:
    """``ledger``: it claims and reports there (``single-queue``). ``queues``: they are in this database too.

    Whoever reports to the ledger sends no messages: it cannot forge one.
    """
    messages = [grant for grant in MESSAGES if queues and not (ledger and grant.privilege == "INSERT")]
    return (*OPENS, *(CLAIMS_AND_REPORTS if ledger else ()), *messages)


def orchestrator_grants(tables: Iterable[str]) -> tuple[Grant, ...]:
    """Every row of every table (``tables_of``), but not the tables themselves."""
    named = sorted(set(tables) - {"schema_version"})
    return (*OPENS, *(Grant(table, privilege) for table in named for privilege in ROWS))


def statements(role: str, grants: Sequence[Grant], schema: str, *, exists: bool) -> list[str]:
    """SQL that makes a role as it should be. It can log in, but has no password yet."""
    name, place = quoted(role), quoted(schema)
    made = [] if exists else [f"CREATE ROLE {name} LOGIN"]
    use = f"GRANT USAGE ON SCHEMA {place} TO {name}"
    return [*made, use, *(f"GRANT {on(grant, schema)} TO {name}" for grant in grants)]


def on(grant: Grant, schema: str) -> str:
    """A grant with its table's schema, so that it means the same whoever runs it."""
    return str(grant).replace(" ON ", f" ON {quoted(schema)}.", 1)


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


# -- what there is -----------------------------------------------------------------------------------------------------

SCHEMA = Sql("SELECT current_schema()", ())
TABLES = Sql(
    "SELECT relname FROM pg_catalog.pg_class "
    "WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') ORDER BY relname",
    (),
)
ROLE = Sql("SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = $1", ("role",))
MAY = Sql(
    "SELECT relname, attname, right_ FROM pg_catalog.pg_class "
    "JOIN pg_catalog.pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped "
    "CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS asked (right_) "
    "WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') "
    "AND has_column_privilege($1::name, pg_class.oid, attnum, right_) "
    "UNION ALL SELECT relname, '', right_ FROM pg_catalog.pg_class "
    "CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS asked (right_) "
    "WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') "
    "AND has_table_privilege($1::name, pg_class.oid, right_)",
    ("role",),
)
"""Everything that a role may do, whoever granted it: by column where there are rights on columns."""
COLUMNS = Sql(
    "SELECT relname, attname FROM pg_catalog.pg_class "
    "JOIN pg_catalog.pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped "
    "WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') ORDER BY attnum",
    (),
)
BESIDE = Sql(
    "SELECT has_schema_privilege($1::name, current_schema()::regnamespace::oid, 'USAGE'), "
    "has_schema_privilege($1::name, current_schema()::regnamespace::oid, 'CREATE')",
    ("role",),
)
BY_COLUMN = frozenset({"SELECT", "INSERT", "UPDATE", "REFERENCES"})
Right = tuple[str, str, str]
"""Table, column ('' for the whole), privilege."""


def schema_of(tx: Transaction) -> str:
    """The schema that the ledger's tables are in."""
    return str(tx.rows(SCHEMA)[0][0])


def tables_of(tx: Transaction) -> list[str]:
    """The tables of the ledger."""
    return [str(name) for (name,) in tx.rows(TABLES)]


def compare(tx: Transaction, role: str, grants: Sequence[Grant]) -> Compared:
    """What the role lacks, and what it may do beyond these grants. Needs no rights of its own."""
    given = {"role": role}
    found = tx.rows(ROLE, given)
    if not found:
        return Compared(exists=False)
    if found[0][0]:
        return Compared(exists=True, excess=("it is a superuser, or may make databases or roles",))
    columns: dict[str, list[str]] = {}
    for table, column in tx.rows(COLUMNS):
        columns.setdefault(table, []).append(column)
    needed = {right for grant in grants for right in rights(grant, columns)}
    may = {(str(table), str(column), str(privilege)) for table, column, privilege in tx.rows(MAY, given)}
    ((uses, makes),) = tx.rows(BESIDE, given)
    missing = (*(() if uses else ("USAGE ON the schema",)), *shown(needed - may, columns))
    excess = (*(("CREATE ON the schema",) if makes else ()), *shown(may - needed, columns))
    return Compared(exists=True, missing=missing, excess=excess)


def rights(grant: Grant, columns: Mapping[str, Sequence[str]]) -> list[Right]:
    """A grant, right by right."""
    if grant.privilege not in BY_COLUMN:
        return [(grant.table, "", grant.privilege)]
    return [(grant.table, column, grant.privilege) for column in grant.columns or columns.get(grant.table, ())]


def shown(found: Iterable[Right], columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Rights as grants; columns are named where they are not all of the table's."""
    grants: list[str] = []
    for (table, privilege), group in groupby(sorted(found, key=by_table), key=by_table):
        named = tuple(sorted((column for _, column, _ in group if column), key=columns[table].index))
        grants.append(str(Grant(table, privilege, () if len(named) == len(columns[table]) else named)))
    return grants


def by_table(right: Right) -> tuple[str, str]:
    """Table and privilege."""
    return right[0], right[2]
