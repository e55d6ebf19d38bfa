"""A PostgreSQL ledger's address: libpq's own, with what Leasehold asks of every connection."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from leasehold.core.errors import BadSettings

SCHEMES = ("postgresql", "postgres")
SECRETS = ("password", "sslpassword", "oauth_client_secret")
"""Parameters that no message shows."""
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


def conninfo_of(url: str) -> str:
    """What psycopg connects with. Raises ``BadSettings``."""
    try:
        given: dict[str, str | int | None] = dict(conninfo_to_dict(url))
    except (ProgrammingError, UnicodeError):  # what they say may hold the password
        raise BadSettings(
            f"ledger {shown(url)!r}: libpq cannot read this address. It looks like "
            "postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full"
        ) from None
    return make_conninfo("", **{**UNLESS_GIVEN, **given, **ALWAYS})


def shown(url: str) -> str:
    """The address without its secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition(':')[0]}://..."
    user, at, host = parts.netloc.rpartition("@")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in SECRETS]
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=urlencode(query, safe="/")))
