"""Which failures have one cause: messages without what differs from case to case."""

from __future__ import annotations

import hashlib
import re

from leasehold.core.model import Failure

LONGEST = 500
"""Characters of a message that are compared."""
GROUP_ID = 10
"""Characters of a group's id."""

_VARYING = re.compile(
    r"""
      (?P<uuid>  \b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b )
    | (?P<url>   \b[a-z][a-z0-9+.-]*://[^\s'"<>)\]]+ )
    | (?P<text>  (?<!\w)'[^'\n]*'(?!\w) | "[^"\n]*" | `[^`\n]*` )
    | (?P<path>  (?<![\w/])(?:[A-Za-z]:)?(?:[\\/][\w.@+~%=-]+){2,}[\\/]? | (?<![\w/])~?/[\w.@+~%=-]+ )
    | (?P<hex>   \b0x[0-9a-f]+\b | \b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b )
    | (?P<named> \b(?:utf|latin|cp|iso|base|sha|md|u?int|float|ipv|http|python|py|mp|h|x|s|ec|k)\d+(?!\w) )
    | (?P<n>     \d+(?:[.,:_-]\d+)* )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def normalised(message: str) -> str:
    """The message with ``<n>``, ``<hex>``, ``<uuid>``, ``<url>``, ``<path>``, ``<text>`` for what varies.

    Digits in words vary too (``page12``), but not in the names of things (``utf8``, ``sha256``). One line, cut to
    ``LONGEST`` characters. Normalising twice changes nothing more.
    """
    return _VARYING.sub(varying, " ".join(message[: 4 * LONGEST].split()))[:LONGEST]


def varying(match: re.Match[str]) -> str:
    """What stands in the place of a part that varies."""
    return match[0] if match.lastgroup == "named" else f"<{match.lastgroup}>"


def error_group(name: str, failure: Failure) -> str:
    """The id of the group: a hash over handler, error type, normalised message and top frame."""
    parts = (name, failure.type, normalised(failure.message), failure.frame)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:GROUP_ID]
