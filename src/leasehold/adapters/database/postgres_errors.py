"""What PostgreSQL's errors mean to a person, and what to do about each."""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg

from leasehold.adapters.database.connection import Contended
from leasehold.core.errors import LeaseholdError, LedgerUnavailable, SchemaMismatch

READ_ONLY_HERE = (
    "that server can only be read: it is a standby. Name the writer's address; after a failover it will be found again."
)
NO_ADDRESS = "translate host name|Name or service not known|No address associated|failure in name|resolve host"
REFUSED: Mapping[str, str] = {
    "password|authentication failed": (
        "it refuses the password. Check user and password (in the address, in PGPASSWORD or in the password file)."
    ),
    "database .* does not exist": "there is no such database on that server. Create it, or correct its name.",
    "role .* does not exist|not permitted to log in": (
        "there is no such role, or it may not log in. Create it, or correct the user's name."
    ),
    "starting up|recovery mode|not yet accepting": "it is starting up; it will be tried again.",
    "shutting down": "it is shutting down; it will be tried again.",
    "too many clients|remaining connection slots|too many connections": (
        "it has no connection left. Raise max_connections, or start fewer processes."
    ),
    "read-only": READ_ONLY_HERE,
    "no pg_hba.conf entry": "it does not let this user in from this machine ({said}). Add a line to its pg_hba.conf.",
    "SSL|certificate|TLS": "no encrypted connection came about ({said}). Check sslmode and sslrootcert.",
    NO_ADDRESS: "its host has no address ({said}). Check the name.",
    "refused|No such file or directory": "nobody answers there. Start the server, or correct host and port.",
    "timeout|timed out|No route|unreachable": (
        "it cannot be reached ({said}). Check the network and the security groups between here and there."
    ),
}
"""What a server (or libpq) says when no connection comes about: libpq passes on no code."""

READ_ONLY = "25006"
CHANGED = ("0A000", "26000")
"""A prepared statement that no longer fits its tables, or is gone."""
STATES: Mapping[str, str] = {
    "53100": "its disk is full. Free some space there; nothing that was accepted is lost.",
    "53200": "it has no memory left ({said}).",
    "53300": "it has no connection left. Raise max_connections, or start fewer processes.",
    "53": "it has not enough of something ({said}).",
    "54": "a value is larger than PostgreSQL can store ({said}). Put it into object storage and pass its address.",
    "57014": "a statement took too long and was stopped ({said}). Look for what keeps the server busy.",
    "58": "its disk reported an error ({said}). Look into the server's log.",
    "XX": "it reported damage or a fault of its own ({said}). Look into the server's log.",
    READ_ONLY: READ_ONLY_HERE,
    **dict.fromkeys(CHANGED, "its schema was changed a moment ago ({said})."),
}
"""What to do, by the (beginning of the) code."""
CONTENDED = ("40001", "40P01", "55P03")
"""Serialisation failure, deadlock, lock timeout."""
TAKEN = "23505"
DENIED = "42501"
MISSING = ("42P01", "42703", "3F000")
"""A table, column or schema that is not there."""


FAREWELL = ("08", "57P", "25P03")
"""The connection's end, the server's shutdown or crash, a transaction that stood still for too long."""


class Lost(Contended):
    """The connection is gone, and with it the transaction: it may be tried again on another."""


class Taken(Contended):
    """A row with this key is there already: most likely the same work was done before, in doubt."""


def translate(error: psycopg.Error, url: str, *, lost: bool) -> LeaseholdError | None:
    """The error in our words; ``None`` when it is a mistake in the program. ``lost``: the connection is gone."""
    state, said = error.sqlstate or "", said_by(error)
    if state.startswith(CONTENDED):
        return Contended(f"ledger {url}: another transaction is in the way ({said}).")
    if state == TAKEN:
        return Taken(f"ledger {url}: a row is there already ({said}).")
    if state == READ_ONLY or state in CHANGED:
        return Lost(f"ledger {url}: {advice_for(state, said)}")
    if state == DENIED:
        return LedgerUnavailable(
            f"ledger {url}: this role lacks a grant ({said}). Let the owner of the tables give it; for a worker's "
            "role: leasehold init --worker-role NAME"
        )
    if state in MISSING:
        return SchemaMismatch(f"ledger {url}: {said}: it has another schema, or none. Run: leasehold init")
    if lost:
        return Lost(f"ledger {url}: the connection was lost ({said}).")
    advice = advice_for(state, said)
    return LedgerUnavailable(f"ledger {url}: {advice}") if advice else None


def says_farewell(error: psycopg.Error) -> bool:
    """Whether the connection ends with this error, or has ended: then the client says it, and knows no code."""
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate or "08").startswith(FAREWELL)


def advice_for(state: str, said: str) -> str:
    """What to do, by the code; empty where there is nothing to say."""
    return next((advice.format(said=said) for code, advice in STATES.items() if state.startswith(code)), "")


def refusal(error: psycopg.Error, url: str) -> LedgerUnavailable:
    """Why no connection came about."""
    said = said_by(error)
    for pattern, advice in REFUSED.items():
        if re.search(pattern, said):
            return LedgerUnavailable(f"ledger {url}: {advice.format(said=said)}")
    return LedgerUnavailable(f"ledger {url}: no connection comes about ({said}).")


def said_by(error: psycopg.Error) -> str:
    """The last line of what was said that says something, without the driver's introduction."""
    primary = error.diag.message_primary
    if primary:
        return primary
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if "failed: " in line), lines[-1] if lines else type(error).__name__)
    return said.rpartition("failed: ")[2].removeprefix("FATAL:").strip()
