"""Durations and sizes, as people write them and as they like to read them."""

from __future__ import annotations

import re

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

KIB = 1_024
MIB = 1_024 * KIB
GIB = 1_024 * MIB

CEILING = 10_000
"""Up to so many are counted one by one, wherever no counter knows how many there are; beyond it stands ``10,000+``."""

FEW = 10
"""Below this many, one decimal is worth reading."""

_MS = {"ms": 1, "s": SECOND, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY}
_BYTES = {"": 1, "b": 1, "kb": 1_000, "mb": 10**6, "gb": 10**9, "kib": KIB, "mib": MIB, "gib": GIB}
_NUMBER = r"\d+(?:\.\d+)?"
_PART = re.compile(rf"({_NUMBER})\s*(ms|s|min|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern}\s*)+")
_SIZE = re.compile(rf"({_NUMBER})\s*([kmg]?i?b|)", re.IGNORECASE)


def milliseconds(value: str | float) -> int:
    """The duration in whole ms: ``"30m"``, ``"1h 30m"``, ``"1.5s"``, ``"250ms"``; a bare number is seconds.

    Raises ``ValueError`` for what is no duration, negative ones included.
    """
    if not isinstance(value, str):
        return _counted(value)
    text = value.strip().lower()
    if re.fullmatch(_NUMBER, text):
        return _counted(float(text))
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{value!r} is no duration; write it like 90s, 30m or 1h30m")
    return _whole(sum(float(number) * _MS[unit] for number, unit in _PART.findall(text)))


def _counted(seconds: float) -> int:
    if not seconds >= 0:
        raise ValueError(f"{seconds!r} is no duration; it takes seconds from 0 up")
    return _whole(seconds * SECOND)


def _whole(ms: float) -> int:
    if ms == float("inf"):
        raise ValueError("what has no end is no duration")
    return round(ms)


def byte_count(value: str | int) -> int:
    """The size in bytes: ``"64MiB"``, ``"1.5 GB"``, ``"4096"``. Raises ``ValueError`` for what is no size."""
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is no size; write it like 48KiB or 64MiB")
    return round(float(match[1]) * _BYTES[match[2].lower()])


def say_duration(ms: int) -> str:
    """``250 ms``, ``2.5 s``, ``42 s``, ``3 min 20 s``, ``2 h 5 min``, ``4 d 3 h``: two units at most."""
    if ms < SECOND:
        return f"{ms} ms"
    if ms < FEW * SECOND:
        return f"{ms // 100 / 10:g} s"
    if ms < HOUR:
        return _two(ms, MINUTE, "min", SECOND, "s")
    if ms < DAY:
        return _two(ms, HOUR, "h", MINUTE, "min")
    return _two(ms, DAY, "d", HOUR, "h")


def brief(ms: int) -> str:
    """The same for narrow places: ``250ms``, ``2.5s``, ``42s``, ``3m20s``, ``2h05m``, ``4d03h``."""
    if ms < FEW * SECOND:
        return say_duration(ms).replace(" ", "")
    for large, name, small, unit in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "m"), (MINUTE, "m", SECOND, "s")):
        if ms >= large:
            whole, rest = divmod(ms // small, large // small)
            return f"{whole}{name}{rest:02}{unit}" if rest else f"{whole}{name}"
    return f"{ms // SECOND}s"


def _two(ms: int, large: int, large_name: str, small: int, small_name: str) -> str:
    whole, rest = divmod(ms // small, large // small)
    parts = [f"{whole} {large_name}"] if whole else []
    parts += [f"{rest} {small_name}"] if rest else []
    return " ".join(parts)


def say_count(number: int, ceiling: int | None = None) -> str:
    """``1,234``; ``10,000+`` where counting stopped beyond ``ceiling``."""
    return f"{ceiling:,}+" if ceiling is not None and number > ceiling else f"{number:,}"


def say_bytes(size: int) -> str:
    """``512 B``, ``48 KiB``, ``1.5 MiB``: in powers of 1,024, one decimal below 10."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            count = size / unit
            return f"{count:.0f} {name}" if count >= FEW or size % unit == 0 else f"{count:.1f} {name}"
    return f"{size} B"
