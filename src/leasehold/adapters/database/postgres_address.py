"""A PostgreSQL ledger's address: libpq's own, with what Leasehold asks of every connection."""

from __future__ import annotations

import re
from collections.abc import Mapping

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from leasehold.core.addresses import without_secrets
from leasehold.core.errors import BadSettings

SCHEMES = ("postgresql", "postgres")
UNLESS_GIVEN: dict[str, str | int] = {
    "application_name": "leasehold",
    "connect_timeout": 10,  # s
    "keepalives_idle": 30,  # s; a peer that vanished without a word is noticed after a minute
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms; the same for what was sent and not acknowledged
}
ALWAYS: dict[str, str] = {
    "target_session_attrs": "read-write",  # the writer alone: a standby would show yesterday's truth
    "client_encoding": "utf8",
}
PORTS = re.compile(r"[0-9,]*", re.ASCII)
"""One for each host, or none."""


def conninfo_of(url: str, unless_given: Mapping[str, str | int] = UNLESS_GIVEN) -> str:
    """What psycopg connects with; ``unless_given`` where the address says nothing. Raises ``BadSettings``."""
    try:
        given: dict[str, str | int | None] = dict(conninfo_to_dict(url))
    except (ProgrammingError, UnicodeError):  # what they say may hold the password
        raise BadSettings(
            f"ledger {without_secrets(url)!r}: libpq cannot read this address. It looks like "
            "postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full"
        ) from None
    if not PORTS.fullmatch(str(given.get("port") or "")):  # most likely it is half of a password: not to be shown
        raise BadSettings(
            f"ledger {without_secrets(url)!r}: its port is no number. In a password, write '/' as %2F, '?' as %3F and "
            "'@' as %40, or put the password into PGPASSWORD or a password file"
        )
    return make_conninfo("", **{**unless_given, **given, **ALWAYS})
