"""Addresses as people may see them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from leasehold.core.errors import BadSettings

SECRETS = ("password", "sslpassword", "oauth_client_secret")
"""Parameters of libpq's that no message shows."""


def without_secrets(url: str) -> str:
    """The address of a server without its passwords. Where it is not clear what is one, only the scheme is left.

    It is not clear where a password holds a ``/``, ``?`` or ``#`` that was not written as ``%2F``, ``%3F`` or ``%23``:
    then what follows looks like a path, up to the ``@`` that ends the password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://..."
    if "@" in rest[len(parts.netloc) :]:
        return f"{scheme}://..."
    user, at, host = parts.netloc.rpartition("@")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in SECRETS]
    netloc = f"{user.partition(':')[0]}{at}{host}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query, safe="/"), fragment=""))


def not_by_api(url: str) -> BadSettings:
    """What needs the database itself was given the address of an API."""
    return BadSettings(
        f"LEASEHOLD_LEDGER is the address of an API ({without_secrets(url)}), and this needs the database itself: give "
        "sqlite:///FILE or postgresql://USER@HOST/NAME, or do it where the database is"
    )
