"""The role as which a worker logs in to PostgreSQL: looked at, made where it is missing, never taken anything from."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from leasehold.adapters.database import roles
from leasehold.adapters.database.connection import Sql, Transaction
from leasehold.adapters.database.open import postgres
from leasehold.adapters.database.roles import Grant, quoted
from leasehold.adapters.database.version import SCHEMA_LOCK
from leasehold.core.errors import BadSettings, LedgerUnavailable, SchemaMismatch

if TYPE_CHECKING:
    from leasehold.adapters.database.postgres import PostgresDatabase

NAME = re.compile(r"(?!pg_)[A-Za-z_][A-Za-z0-9_.@-]{0,62}", re.ASCII)
NO_NAMES = frozenset({"public", "none"})
ON_TABLE = re.compile(r'(?P<privilege>[A-Z]+)(?: \(.*\))? ON (?P<table>"(?:[^"]|"")+")')
LISTED = 6
"""Grants that a sentence names; the rest is counted."""

US = Sql("SELECT rolname::text, rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user", ())
HERE = Sql(
    "SELECT current_database()::text, coalesce(current_schema()::text, 'public'), "
    "has_database_privilege($1::name, current_database(), 'CONNECT'), "
    "has_schema_privilege($1::name, coalesce(current_schema()::text, 'public'), 'USAGE')",
    ("role",),
)
OWNS = Sql(
    "SELECT FROM pg_catalog.pg_class JOIN pg_catalog.pg_roles ON pg_roles.oid = relowner "
    "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND rolname = $1::name LIMIT 1",
    ("role",),
)
MIGHT = ("SUPERUSER", "CREATEROLE", "CREATEDB")
MIGHTY = Sql("SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = $1::name", ("role",))
GROUPS = Sql(
    "SELECT above.rolname::text FROM pg_catalog.pg_auth_members "
    "JOIN pg_catalog.pg_roles AS above ON above.oid = roleid "
    "JOIN pg_catalog.pg_roles AS below ON below.oid = member WHERE below.rolname = $1::name ORDER BY 1",
    ("role",),
)
SIGN_IN = frozenset({"rds_iam"})
"""Groups that only say how a role logs in."""


class Excess(NamedTuple):
    """What a role may do and no worker needs to."""

    may: str
    mended: str
    """The SQL that takes it away."""


class Standing(NamedTuple):
    """How a role compares with what a worker needs."""

    role: str
    exists: bool
    missing: tuple[str, ...] = ()
    excess: tuple[Excess, ...] = ()
    creatable: bool = False
    """Whether the role that asks may make roles."""
    making: tuple[str, ...] = ()
    """The SQL that makes it as it should be."""


def wanted(*, claims: bool, queues: bool) -> tuple[Grant, ...]:
    """The grants of a worker; none where it has nothing to do with the database.

    ``claims``: it asks the ledger before each run, and reports to it. ``queues``: they are tables here.
    """
    if not claims and not queues:
        return ()
    return roles.worker_grants(ledger=claims, queues=queues)


def check_name(role: str) -> None:
    """Raises ``BadSettings`` where Leasehold makes no role of this name."""
    if not NAME.fullmatch(role) or role.lower() in NO_NAMES:
        raise BadSettings(
            f"worker role {role!r}: name it with letters, digits, '_', '-', '.' or '@', at most 63, beginning with a "
            "letter and not with 'pg_'"
        )


def look(url: str, grants: Sequence[Grant], role: str | None = None) -> Standing:
    """Compare a role (``None``: the one that asks) with what a worker needs.

    Raises ``SchemaMismatch`` where there are no tables to be granted anything on.
    """
    with opened(url) as database, database.read() as tx:
        if tx.rows(roles.SCHEMA) == [(None,)]:
            return Standing(role or str(tx.rows(US)[0][0]), exists=True, missing=("USAGE ON the schema",))
        if not {grant.table for grant in grants} <= set(roles.tables_of(tx)):
            raise SchemaMismatch(f"ledger {database.url}: it has another schema, or none. Run: leasehold init")
        return compared(tx, grants, role)


def make(url: str, grants: Sequence[Grant], role: str) -> None:
    """Make the role if it is missing, and give it what it lacks. Of several that do this at once, one does it."""

    def work(tx: Transaction) -> Standing:
        tx.rows(database.sql("meta")["alone"], {"lock": SCHEMA_LOCK})
        for statement in compared(tx, grants, role).making:
            tx.run(Sql(statement, ()))
        return compared(tx, grants, role)

    with opened(url) as database:
        left = database.transact(work, repeatable=True).missing
        if left:  # PostgreSQL only warns of what the grantor may not grant
            raise LedgerUnavailable(
                f"ledger {database.url}: role '{role}' lacks {listed(left)} still. Run this as the owner of the tables"
            )


@contextmanager
def opened(url: str) -> Generator[PostgresDatabase]:
    """The database, whatever its schema."""
    database = postgres()(url)
    try:
        yield database
    finally:
        database.close()


def compared(tx: Transaction, grants: Sequence[Grant], role: str | None) -> Standing:
    """How it stands, in a transaction."""
    ((us, creatable),) = tx.rows(US)
    name = role or str(us)
    found = roles.compare(tx, name, grants)
    ((base, schema, connects, uses),) = tx.rows(HERE, {"role": name if found.exists else "public"})
    making = [
        *(() if found.exists else (f"CREATE ROLE {quoted(name)} LOGIN",)),
        *(() if connects else (f"GRANT CONNECT ON DATABASE {quoted(base)} TO {quoted(name)}",)),
        *(() if uses else (f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(name)}",)),
        *(f"GRANT {roles.on(grant, schema)} TO {quoted(name)}" for grant in grants),
    ]
    if not found.exists:
        return Standing(name, exists=False, creatable=bool(creatable), making=tuple(making))
    missing = (*(() if connects else ("CONNECT ON the database",)), *found.missing)
    excess = tuple(taken(tx, name, grants, found.excess, schema))
    return Standing(name, exists=True, missing=missing, excess=excess, making=tuple(making) if missing else ())


def taken(tx: Transaction, role: str, grants: Sequence[Grant], excess: Sequence[str], schema: str) -> list[Excess]:
    """What is too much, with what takes it away."""
    if tx.rows(OWNS, {"role": role}):
        mended = "leasehold init --worker-role NAME"
        return [Excess("do everything, since it owns the ledger's tables: let workers log in as another role", mended)]
    might = [name for name, has in zip(MIGHT, tx.rows(MIGHTY, {"role": role})[0], strict=True) if has]
    if might:  # what else it may do is worth a look once it may not do everything
        return [Excess(f"do what {name} allows", f"ALTER ROLE {quoted(role)} NO{name};") for name in might]
    groups = [name for (name,) in tx.rows(GROUPS, {"role": role}) if name not in SIGN_IN] if excess else []
    return [
        *(Excess(f"do what {group} may", f"REVOKE {quoted(group)} FROM {quoted(role)};") for group in groups),
        *(Excess(each, mending(each, role, grants, schema)) for each in excess),
    ]


def mending(excess: str, role: str, grants: Sequence[Grant], schema: str) -> str:
    """SQL that takes one right away: of a whole table, since a grant on a table is not taken away by column."""
    matched = ON_TABLE.fullmatch(excess)
    if matched is None:
        return f"REVOKE CREATE ON SCHEMA {quoted(schema)} FROM {quoted(role)}, PUBLIC;"
    privilege, table = matched["privilege"], matched["table"]
    kept = [each for each in grants if (each.privilege, quoted(each.table)) == (privilege, table)]
    again = [f"GRANT {roles.on(each, schema)} TO {quoted(role)};" for each in kept]
    return " ".join((f"REVOKE {privilege} ON {quoted(schema)}.{table} FROM {quoted(role)}, PUBLIC;", *again))


def listed(grants: Sequence[str]) -> str:
    """Some of them by name, the rest by number."""
    more = len(grants) - LISTED
    return ", ".join(grants[:LISTED]) + (f" and {more} more" if more > 0 else "")


def require(url: str, shown: str, grants: Sequence[Grant]) -> None:
    """Raises ``LedgerUnavailable`` where the role that asks lacks one of them, and names it."""
    standing = look(url, grants)
    if standing.missing:
        raise LedgerUnavailable(
            f"ledger {shown}: {lacking(standing)}. Let the owner of the tables run: {command_for(standing.role)}"
        )


def lacking(standing: Standing) -> str:
    """What a role lacks, in words."""
    return f"role '{standing.role}' lacks {listed(standing.missing)}"


def command_for(role: str) -> str:
    """What gives it the rest."""
    return f"leasehold init --worker-role {role}"
