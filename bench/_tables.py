"""Every benchmark prints a table for people and one line of JSON for machines."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Mapping, Sequence


def spread(values: Sequence[float], digits: int = 0) -> str:
    """``median (lowest to highest)``."""
    middle = statistics.median(values)
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def show(title: str, rows: Sequence[Mapping[str, object]], figures: Mapping[str, object]) -> None:
    """Print both."""
    columns = list(rows[0]) if rows else []
    widths = [max(len(str(each)) for each in (column, *(row[column] for row in rows))) for column in columns]
    print(f"\n{title}")
    for line in (columns, ["-" * width for width in widths], *([row[c] for c in columns] for row in rows)):
        print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)))
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    print(json.dumps({"bench": title, **figures, **machine}))
