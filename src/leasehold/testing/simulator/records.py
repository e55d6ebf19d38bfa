"""Long runs in pieces: what is done is written down, line by line, and never done again."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from leasehold.testing.simulator.simulation import simulate
from leasehold.testing.simulator.terms import Topology

PIECE = 500
"""Seeds per piece."""


class Piece(NamedTuple):
    """What came of the seeds from ``first`` up to, and without, ``end``."""

    first: int
    end: int
    steps: int
    strikes: int
    cpu_ms: int
    failures: Sequence[tuple[int, str]]
    """(seed, what is broken)."""


def piece(topology: Topology | None, bounds: tuple[int, int]) -> Piece:
    """Live through these seeds."""
    began = time.process_time()
    steps = strikes = 0
    failures: list[tuple[int, str]] = []
    for seed in range(*bounds):
        story = simulate(seed, topology=topology)
        steps += story.steps
        strikes += story.strikes
        if story.violation is not None:
            failures.append((seed, str(story.violation)[:500]))
    return Piece(*bounds, steps, strikes, int((time.process_time() - began) * 1_000), failures)


def pieces(first: int, end: int, size: int = PIECE) -> list[tuple[int, int]]:
    """The seeds in pieces that begin at multiples of ``size``."""
    starts = [first, *range(first - first % size + size, end, size)]
    return [(start, min(end, stop)) for start, stop in zip(starts, [*starts[1:], end], strict=True)]


def lived(bounds: Sequence[tuple[int, int]], topology: Topology | None = None, processes: int = 1) -> Iterator[Piece]:
    """Each piece as it is done."""
    work = partial(piece, topology)
    if processes == 1:
        yield from map(work, bounds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(work, bounds)


def done(record: Path) -> set[tuple[int, int]]:
    """The pieces that are on record."""
    if not record.exists():
        return set()
    lines = [json.loads(line) for line in record.read_text().splitlines() if line.strip()]
    return {(line["first"], line["end"]) for line in lines}


def written(record: Path, piece: Piece, commit: str) -> None:
    """Add one piece to the record."""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    line = {"first": piece.first, "end": piece.end, "seeds": piece.end - piece.first, "date": date, "commit": commit}
    line |= {"steps": piece.steps, "strikes": piece.strikes, "cpu_ms": piece.cpu_ms, "failures": piece.failures}
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.open("a") as file:
        file.write(json.dumps(line) + "\n")


def commit() -> str:
    """The commit of the source that runs, with ``+`` where it was changed since; ``unknown`` outside of a clone."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],  # noqa: S607 - whichever git is there
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--", "../../..") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
