"""What a lease still allows: the only place with lease arithmetic. All instants here are ``boot`` milliseconds."""

from __future__ import annotations

from typing import NamedTuple

CLOCK_STEP = 1_000
"""ms: a queue may tell its time in whole seconds only (the HTTP Date header does), so it may be this much later."""

STALE_POLL = 0.2
"""Share of a lease that a long poll may eat before the lease is counted anew (R1)."""

USEFUL = 0.25
"""Share of a lease that must be left for a run to be worth starting (R2)."""

SHORT_WAIT = 0.1
"""Share of a lease that a prefetched message may wait for a free slot (R2)."""

SOON = 5_000
"""ms that it should wait at most, however long its lease: what it waits here, it might run elsewhere. Enough for a full
receive of whatever is so short that receives cost anything beside it."""


class Ahead(NamedTuple):
    """What may be fetched beyond the free slots: less where a receive costs next to nothing (R2)."""

    messages: int
    """At most so many."""
    within: int = SOON
    """ms within which the last of them should begin; ``SOON`` at most."""


DRIFT = 1_000
"""A machine's clock may lose one part in so many against the queue's.

Twice what the kernel lets NTP turn a clock's rate by (MAXFREQ, 500 ppm: adjtimex(2)), so that the queue's may run as
much too fast. chrony may slew faster for a while, but then loses no more than it was ahead: the margin takes that.
"""


class Hold(NamedTuple):
    """How long a message is ours: hidden from ``since``, for ``span`` ms. The queue cannot have begun earlier (R1)."""

    since: int
    span: int

    @property
    def ends(self) -> int:
        """When the queue may show the message to another."""
        return self.since + self.span

    @property
    def surely(self) -> int:
        """Until when the queue certainly hides it, though this machine's clock be slow."""
        return self.ends - -(-self.span // DRIFT)  # rounded up

    def deadline(self, margin: int) -> int:
        """When the run must end: the margin covers killing, reaping and reporting it, and no part of it the drift.

        A margin is the same for every lease, and what a slow clock loses grows with the lease: 43 s in 12 h.
        """
        return self.surely - margin

    def useful_until(self, lease: int, margin: int) -> int:
        """The last instant at which enough is left to start a run that was promised ``lease`` ms (R2)."""
        return self.deadline(margin) - int(USEFUL * (lease - margin))

    def hopeless(self, lease: int, margin: int) -> bool:
        """Whether not even a run that starts at once would be useful (R2)."""
        return self.useful_until(lease, margin) <= self.since

    def patience(self) -> int:
        """How long (ms) its message may wait here for its arguments before it is better off elsewhere (R2)."""
        return int(SHORT_WAIT * self.span)

    def turn(self) -> int:
        """How long (ms) it may wait here for a free slot: twice what was expected when it was fetched (R2)."""
        return min(self.patience(), 2 * SOON)


def held(request_began: int, visibility: int) -> Hold:
    """A message from a receive request that began then: the queue hid it at some instant after that."""
    return Hold(request_began, visibility)


def wants_anchor(hold: Hold, lease: int, now: int) -> bool:
    """Whether to set the visibility once before the run: another lease, or the poll ate too much of it."""
    return hold.span != lease or now - hold.since > STALE_POLL * lease


def anchored(hold: Hold, lease: int, request_began: int, *, confirmed: bool) -> Hold:
    """The hold after one change of visibility whose request began then. Unknown result: the earlier end counts."""
    fresh = Hold(request_began, lease)
    return fresh if confirmed or fresh.ends < hold.ends else hold


def valid_until(not_after: int, server_time: int, request_began: int) -> int:
    """The last instant at which a dispatch may be started (R6).

    By the queue's clock, as its reply told it, plus what that may lag, plus the time since *that request began*: never
    later than the truth, whatever this machine's clock says.
    """
    return request_began + not_after - server_time - CLOCK_STEP


def soon(lease: int, within: int = SOON) -> int:
    """Within how many ms what is fetched ahead has to be able to begin."""
    return min(int(SHORT_WAIT * lease), within)


def prefetch(slots: int, longest: int | None, lease: int, limit: Ahead) -> int:
    """How many messages beyond the free slots may be received (R2).

    ``longest``: the measured duration (ms, a high estimate) of the slowest handler seen lately; ``None``: not measured,
    so nothing is fetched ahead. What is fetched must be able to start within ``SHORT_WAIT`` of the lease, and within
    what ``limit`` says.
    """
    if longest is None:
        return 0
    return min(limit.messages, slots * soon(lease, limit.within) // max(longest, 1))
