"""What a handler's lease should be, by how long its runs take.

The two errors do not cost the same. A run that outlives its lease is stopped: an attempt and all of its time are lost,
and the next run will be no shorter. A lease that is too long costs only after a machine has died in silence, when its
task waits for the end of it. So the advice is generous: twice the 99th percentile, and a quarter more than the longest
run seen, whichever is more, and the margin that a worker keeps back; rounded up to a duration that people write. Where
runs were stopped at the end of their lease, nobody knows how long they would have taken: then it is at least twice
that lease. The tasks of a bundle run one after the other under one lease, so it is at least three times what all of
them usually take.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from leasehold.core.units import HOUR, MINUTE, SECOND, say_duration

ENOUGH = 20
"""Completed runs below which nothing is advised, unless runs were stopped."""
OF_P99, OF_LONGEST, OF_STOPPED, OF_BUNDLE = 2.0, 1.25, 2, 3
GENEROUS = 4
"""How many times the advice a lease may be before it is called longer than needed."""
LONGEST_LEASE = 43_195 * SECOND
"""The longest that SQS hides a message (with 5 s for the requests themselves)."""

_LADDER = (
    *(each * SECOND for each in (1, 2, 3, 5, 8, 10, 15, 20, 30, 45)),
    *(each * MINUTE for each in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40, 45, 50)),
    *(each * HOUR for each in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)),
)


class Verdict(StrEnum):
    """How a lease fits."""

    FITS = "fits"
    SHORT = "too short"
    LONG = "longer than needed"
    UNKNOWN = "too few runs"


class Measured(NamedTuple):
    """What is on record of a handler's runs. Durations are ms."""

    durations: Sequence[int]
    """Of runs that succeeded, in any order."""
    lease: int
    """The lease of its newest task."""
    stopped: int = 0
    """Runs that were stopped because their lease was over."""
    lost: int = 0
    """Runs that were never heard of again."""
    time_lost: int = 0
    """How long those two kinds ran together."""
    bundle: int = 1
    """Up to how many of its tasks share a message, and the lease of that."""


class Advice(NamedTuple):
    """What to say of a handler's lease. Percentiles are ``None`` where no run succeeded."""

    p50: int | None
    p95: int | None
    p99: int | None
    longest: int | None
    lease: int | None
    """The lease that is advised; ``None`` where that cannot be said."""
    verdict: Verdict
    sentence: str


def advise(measured: Measured, margin: int, least: int) -> Advice:
    """Look at one handler. ``margin``: what a worker keeps back of a lease; ``least``: the shortest that it takes."""
    durations = sorted(measured.durations)
    p50, p95, p99 = (percentile(durations, share) for share in (50, 95, 99))
    longest = durations[-1] if durations else None
    if len(durations) < ENOUGH and not measured.stopped:
        told = f"{len(durations)} runs have succeeded; {ENOUGH} are needed to say more"
        return Advice(p50, p95, p99, longest, None, Verdict.UNKNOWN, told)
    needed = max(OF_P99 * (p99 or 0), OF_LONGEST * (longest or 0))
    if measured.bundle > 1:
        needed = max(needed, OF_BUNDLE * measured.bundle * (p50 or 0))
    needed += margin
    if measured.stopped:
        needed = max(needed, OF_STOPPED * measured.lease)
    lease = rounded(max(needed, least))
    verdict, sentence = judged(measured, lease)
    return Advice(p50, p95, p99, longest, lease, verdict, sentence)


def judged(measured: Measured, lease: int) -> tuple[Verdict, str]:
    """How the lease that is set compares with the one that is advised."""
    now, better = say_duration(measured.lease), say_duration(lease)
    if measured.stopped:
        if measured.lease >= LONGEST_LEASE:
            told = f"{measured.stopped} runs did not end within the longest lease there is: cut the work into pieces"
        else:
            told = f"{measured.stopped} runs were stopped at the end of their lease of {now}: set {better} or more"
        return Verdict.SHORT, told
    if measured.lease < lease:
        return Verdict.SHORT, f"no run was stopped yet, but {now} leaves little room: set {better}"
    if measured.lease > GENEROUS * lease:
        return Verdict.LONG, f"after a silent death its tasks wait for the end of {now}: {better} would do"
    return Verdict.FITS, f"{now} fits"


def percentile(ordered: Sequence[int], share: int) -> int | None:
    """The smallest value that at least ``share`` percent of them do not exceed."""
    return ordered[-(-len(ordered) * share // 100) - 1] if ordered else None


def rounded(ms: float) -> int:
    """Up to a duration that people write, and not beyond the longest lease."""
    return min((int(step) for step in _LADDER if step >= ms), default=LONGEST_LEASE)
