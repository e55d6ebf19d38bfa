"""JSON as the wire takes it: bounded in size and depth, without duplicate keys, NaN, or numbers beyond a float."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Annotated, NoReturn, TypeAlias, cast

from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from leasehold.core.errors import MalformedMessage
from leasehold.core.redaction import Redaction
from leasehold.core.reports import Malformed

VERSION = 1
"""Of both formats. A message of another version is refused whole."""
BODY_LIMIT = 1_048_576
"""Bytes of one message at most: what SQS takes."""
INLINE_LIMIT = 48 * 1024
"""Characters of JSON text that ride in a message; larger results go to the store."""
DEPTH_LIMIT = 64
"""How deep arguments and results may nest."""
QUARANTINE_LIMIT = 16 * 1024
REASON_LIMIT = 1024

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

# Text that every ledger can store: pydantic refuses lone surrogates, the pattern NUL. In Rust's regular expressions
# ^ and $ stand for the ends of the whole text.
TEXT_PATTERN = r"^[^\x00]*$"
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Capability = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, StringConstraints(pattern=TEXT_PATTERN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=TEXT_PATTERN)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=TEXT_PATTERN)]
Dispatch = Annotated[int, Field(ge=1, le=1 << 31)]
Receive = Annotated[int, Field(ge=1, lt=1 << 20)]  # what a fencing token has room for
Lease = Annotated[int, Field(ge=1, le=43_200_000)]
Duration = Annotated[int, Field(ge=0, le=1 << 40)]
Instant = Annotated[int, Field(ge=0, le=1 << 52)]

MAX_DURATION = 1 << 40
UNSEEN = Redaction()
"""What is not kept of a message in quarantine, where people look at it."""
STRICT = ConfigDict(extra="forbid", strict=True)


def _constant(name: str) -> NoReturn:
    raise MalformedMessage(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise MalformedMessage("a key stands twice in one object")
    return made


_decode: Callable[[str], Json] = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant).decode
compact: Callable[[object], str] = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
"""The JSON text of a value: ASCII, without spaces. Raises ``ValueError`` for infinities and NaN."""


def parse(body: object) -> dict[str, Json]:
    """The envelope that a message's body holds; raises ``MalformedMessage``. What lies in it is not yet checked."""
    if not isinstance(body, str):
        raise MalformedMessage(f"the body is no text but {type(body).__name__}")
    if not body.isascii():  # so characters are bytes
        raise MalformedMessage("the body is not ASCII")
    if len(body) > BODY_LIMIT:
        raise MalformedMessage(f"the body has {len(body)} bytes, over {BODY_LIMIT}")
    value = _parse(body)
    if not isinstance(value, dict):
        raise MalformedMessage("the body is no JSON object")
    version = value.get("v")
    if type(version) is not int or version != VERSION:
        said = type(version).__name__ if isinstance(version, dict | list) else repr(version)[:20]
        raise MalformedMessage(f"version {said} is not known here; this is version {VERSION}")
    return value


def strict_json(text: str) -> Json:
    """The value of a JSON text, at most 64 levels deep; raises ``MalformedMessage``."""
    value = _parse(text)
    # Brackets are an upper bound of the depth, at a fraction of the price of a walk.
    if text.count("[") + text.count("{") > DEPTH_LIMIT and too_deep(value):
        raise MalformedMessage(f"nested deeper than {DEPTH_LIMIT} levels")
    return value


def too_deep(value: object) -> bool:
    """Whether lists and objects nest deeper than ``DEPTH_LIMIT``."""
    level: list[object] = [value]
    for _ in range(DEPTH_LIMIT):
        level = [child for item in level for child in _children(item) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def ascii_json(text: str) -> str:
    """The same JSON in ASCII, which every queue and ledger takes unchanged."""
    return text if text.isascii() else compact(strict_json(text))


def cleaned(text: str) -> str:
    """The text with U+FFFD in place of what a ledger cannot store."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")


def reason_of(error: ValidationError) -> str:
    """Where a message breaks the format, and how: the first of pydantic's findings."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'message'}: {first['msg']}"


def quarantined(source: str, body: object, reason: str) -> Malformed:
    """What is kept of a message that could not be understood: the SHA-256 of all of it, and its first 16 KiB.

    What stands under keys like ``password`` there is covered.
    """
    text = body if isinstance(body, str) else repr(body)
    kept = UNSEEN.blurred(text[:QUARANTINE_LIMIT])[:QUARANTINE_LIMIT]
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Malformed(
        source=cleaned(source[:256]),
        digest=digest,
        body=cleaned(kept),
        reason=cleaned(reason[:REASON_LIMIT]),
    )


def _parse(text: str) -> Json:
    try:
        return _decode(text)
    except RecursionError:
        raise MalformedMessage(f"nested deeper than {DEPTH_LIMIT} levels") from None
    except ValueError as error:  # no JSON, or an integer of more digits than Python converts
        raise MalformedMessage(f"no JSON: {error}") from None


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()
