"""Ids that sort by the instant they were made: UUID version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import re
from typing import NamedTuple

RANDOMNESS = 10
"""Bytes of randomness that one id takes."""

_TICKS = 1 << 12
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_ANY = "00000000-0000-7000-8000-000000000000"
_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Tick(NamedTuple):
    """A millisecond and a count within it. Ids made at rising ticks sort in the order they were made."""

    at: int
    nth: int = 0


def following(last: Tick, now: int) -> Tick:
    """The tick for the next id of one maker: now if time has moved on, else the next count.

    Never falls, also when the clock does; a millisecond that is used up borrows from the next one
    (RFC 9562, section 6.2, method 1).
    """
    if now > last.at:
        return Tick(now)
    if last.nth + 1 < _TICKS:
        return Tick(last.at, last.nth + 1)
    return Tick(last.at + 1)


def ordered_id(tick: Tick, randomness: bytes) -> str:
    """The UUIDv7 of ``tick``: its count in rand_a, 62 of the ``RANDOMNESS`` bytes' bits in rand_b."""
    return _text(tick.at, tick.nth, int.from_bytes(randomness))


def new_id(now: int, randomness: bytes) -> str:
    """A UUIDv7 of the instant ``now`` (ms since the epoch) with 74 bits of randomness; unordered within its ms."""
    random = int.from_bytes(randomness)
    return _text(now, random >> 62, random)


def is_id(text: str) -> bool:
    """Whether ``text`` is a UUID in its canonical form: lower case, with hyphens."""
    return _CANONICAL.fullmatch(text) is not None


def may_end(part: str) -> bool:
    """Whether some id ends so, and is longer: each digit and each hyphen stands where ids have one."""
    return len(part) < len(_ANY) and is_id(_ANY[: len(_ANY) - len(part)] + part)


def _text(at: int, rand_a: int, rand_b: int) -> str:
    high = (at & 0xFFFF_FFFF_FFFF) << 80 | _VERSION | (rand_a & 0xFFF) << 64
    text = f"{high | _VARIANT | rand_b & 0x3FFF_FFFF_FFFF_FFFF:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
