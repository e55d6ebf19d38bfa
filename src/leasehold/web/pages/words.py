"""How pages say instants, durations and sizes: filters of the templates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import starmap
from typing import Any

from leasehold.core.filters import term
from leasehold.core.units import DAY, SECOND, say_bytes, say_count, say_duration
from leasehold.flow.explain import say_age

SHOWN = 8_192
"""Characters of a value that a page shows; the API has all of it."""


def at(ms: int) -> datetime:
    """An instant in UTC."""
    return datetime.fromtimestamp(ms / SECOND, UTC)


def iso(ms: int) -> str:
    """``2026-11-02T14:03:07Z``: what the script reads."""
    return f"{at(ms):%Y-%m-%dT%H:%M:%SZ}"


def utc(ms: int) -> str:
    """``2026-11-02 14:03:07 UTC``."""
    return f"{at(ms):%Y-%m-%d %H:%M:%S} UTC"


def utc_clock(ms: int, now: int) -> str:
    """``14:03:07``, with the date when it is not within half a day; the script says it in the viewer's zone."""
    return f"{at(ms):%H:%M:%S}" if abs(ms - now) < DAY // 2 else f"{at(ms):%Y-%m-%d %H:%M:%S}"


def age(ms: int, now: int) -> str:
    """``9 s ago``: in whole seconds, as the script says it, which takes over from here."""
    gap = ms // SECOND * SECOND - now
    return say_age(gap - int(math.fmod(gap, SECOND)), 0)


def tasks(number: int) -> str:
    """``1 task``, ``1,234 tasks``."""
    return f"{number:,} {'task' if number == 1 else 'tasks'}"


def percent(fraction: float) -> str:
    """``42 %``; never 100 % before the end. Rounded first, for 0.29 * 100 is a little less than 29."""
    return "100 %" if fraction >= 1 else f"{min(99, int(round(fraction * 100, 6)))} %"


def filtered(states: Mapping[str, Any]) -> str:
    """``status:failed batch:november``: a filter of several words."""
    return " ".join(starmap(term, states.items()))


def beginning(text: str) -> str:
    """As much of a value as a page shows."""
    return text[:SHOWN]


def outline(text: str, most: int = 64) -> str:
    """A key or arguments in one line. What tells paths apart stands at their end, so their beginning is left out."""
    if len(text) <= most:
        return text
    return f"{text[: most - 1]}…" if text.startswith(("{", "[")) else f"…{text[1 - most :]}"


FILTERS: Mapping[str, Callable[..., str]] = {
    "iso": iso,
    "utc": utc,
    "utc_clock": utc_clock,
    "age": age,
    "duration": say_duration,
    "bytes": say_bytes,
    "counted": say_count,
    "tasks": tasks,
    "percent": percent,
    "beginning": beginning,
    "outline": outline,
}
