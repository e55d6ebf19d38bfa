"""What will go wrong and when, and what is to be done meanwhile: all of it follows from one seed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from random import Random
from typing import NamedTuple


class Stream(NamedTuple):
    """One kind of blow that falls again and again. All in seconds."""

    kind: str
    every: tuple[float, float]
    lasts: tuple[float, float] = (0.0, 0.0)
    """How long until it is mended; a kill is mended by a new process."""


class Blow(NamedTuple):
    """One thing that goes wrong."""

    at: float
    """s since the start."""
    kind: str
    lasts: float
    dice: int
    """Decides whom it hits, among those that are there by then."""


class Job(NamedTuple):
    """One task to be submitted."""

    number: int
    kind: str
    seconds: float


STREAMS = (
    Stream("worker-kill", (8, 20), (0.2, 3)),
    Stream("slot-kill", (4, 10)),
    Stream("guard-kill", (10, 25)),
    Stream("orchestrator-kill", (8, 25), (0.2, 3)),
    Stream("database-crash", (5, 20), (0.1, 3)),
    Stream("queue-restart", (25, 60), (0.1, 4)),
    Stream("queue-purge", (60, 150), (0.1, 2)),
    Stream("queue-misbehaves", (30, 80), (5, 10)),
    Stream("worker-drain", (25, 60), (0.2, 2)),
    Stream("worker-pause", (40, 90), (9, 13)),
    Stream("node-pause", (40, 90), (9, 13)),
    Stream("orchestrator-pause", (40, 90), (11, 15)),
    Stream("store-full", (30, 70), (2, 6)),
    Stream("scratch-full", (30, 70), (2, 6)),
    Stream("link-cut", (12, 30), (0.2, 4)),
    Stream("link-blackhole", (30, 70), (3, 12)),
    Stream("link-slow", (25, 60), (4, 10)),
)
"""Every kind of blow. A pause of a worker is longer than a lease, that of an orchestrator longer than a validity."""
KINDS = tuple(stream.kind for stream in STREAMS)
MIX = {
    "plain": 60,
    "long": 12,
    "flaky": 8,
    "checkpoints": 10,
    "large": 4,
    "crash": 3,
    "hang": 1,
    "doomed": 2,
}
"""What tasks there are, in parts of 100."""
SECONDS = {"plain": (0.05, 1.0), "long": (2.0, 4.0), "checkpoints": (1.0, 3.0)}
"""How long they work; what is not named: as ``plain``."""


def blows(seed: int, seconds: float, only: Collection[str] = KINDS) -> list[Blow]:
    """Everything that goes wrong within so many seconds, in its order."""
    found = [
        blow
        for stream in STREAMS
        if stream.kind in only
        for blow in falling(stream, Random(f"{seed}/{stream.kind}"), seconds)
    ]
    return sorted(found)


def falling(stream: Stream, random: Random, seconds: float) -> Iterator[Blow]:
    """One stream: begun anywhere in its first pause, or in the first two thirds of a short soak."""
    at = random.uniform(1.0, min(stream.every[1], seconds * 2 / 3))
    while at < seconds:
        lasts = random.uniform(*stream.lasts)
        yield Blow(at, stream.kind, lasts, random.getrandbits(30))
        at += lasts + random.uniform(*stream.every)


def jobs(seed: int, count: int) -> list[Job]:
    """So many tasks, of every kind."""
    random = Random(f"{seed}/jobs")
    kinds = random.choices([*MIX], weights=[*MIX.values()], k=count)
    return [
        Job(number, kind, round(random.uniform(*SECONDS.get(kind, SECONDS["plain"])), 3))
        for number, kind in enumerate(kinds)
    ]
