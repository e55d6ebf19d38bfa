"""From a long schedule that breaks a law to a short one that breaks the same: whatever is not needed is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from leasehold.testing.simulator.chance import PAUSES, Move, Strike
from leasehold.testing.simulator.machines import Roles
from leasehold.testing.simulator.simulation import REAL, Story, simulate

TRIES = 4_000
"""Schedules tried at most."""


def shrunk(story: Story, *, roles: Roles = REAL, tries: int = TRIES) -> Story:
    """A shorter story of the same seed that breaks the same law; the same story where nothing can be left out."""
    return Shrinker(story, roles, tries).shrink()


class Shrinker:
    """Delta debugging: chunks of moves first, then single moves, faults, and what others do during pauses."""

    def __init__(self, story: Story, roles: Roles, tries: int) -> None:
        self.best = story
        self._roles = roles
        self._left = tries

    def shrink(self) -> Story:
        """Until nothing more can be left out, or the tries are spent."""
        if self.best.violation is None:
            return self.best
        before = -1
        while before != (before := size(self.best.schedule)) and self._left > 0:
            self._without_chunks()
            self._each(without_faults)
            self._each(with_shorter_pauses)
        return self.best

    def _without_chunks(self) -> None:
        chunk = max(1, len(self.best.schedule) // 2)
        while self._left > 0:
            start = len(self.best.schedule) - chunk
            while start > -chunk and self._left > 0:
                at = max(0, start)
                moves = self.best.schedule
                self._try([*moves[:at], *moves[at + chunk :]])
                start -= chunk
            if chunk == 1:
                return
            chunk //= 2

    def _each(self, simpler: Callable[[Move], Iterator[Move]]) -> None:
        at = 0
        while at < len(self.best.schedule) and self._left > 0:
            for move in simpler(self.best.schedule[at]):
                moves = self.best.schedule
                if self._try([*moves[:at], move, *moves[at + 1 :]]):
                    break
            else:
                at += 1

    def _try(self, schedule: Sequence[Move]) -> bool:
        """Whether this schedule breaks the same law, and is simpler; then it is the best so far."""
        self._left -= 1
        best = self.best
        story = simulate(best.seed, topology=best.asked, roles=self._roles, schedule=schedule)
        if story.violation is None or best.violation is None or story.violation.law != best.violation.law:
            return False
        if size(story.schedule) >= size(best.schedule):
            return False
        self.best = story
        return True


def size(schedule: Sequence[Move]) -> int:
    """How much there is to read: moves, faults, and the length of pauses."""
    return sum(
        100 * (1 + len(move.faults)) + sum(strike.moves + (strike.ms > 0) for strike in move.faults)
        for move in schedule
    )


def without_faults(move: Move) -> Iterator[Move]:
    """The move without its faults, and with one fewer."""
    if len(move.faults) > 1:
        yield move._replace(faults=())
    for strike in move.faults:
        yield move._replace(faults=tuple(other for other in move.faults if other is not strike))


def with_shorter_pauses(move: Move) -> Iterator[Move]:
    """The move with one pause that is simpler."""
    for strike in move.faults:
        if strike.fault in PAUSES:
            for simpler in shorter(strike):
                yield move._replace(faults=tuple(simpler if other is strike else other for other in move.faults))


def shorter(strike: Strike) -> Iterator[Strike]:
    """During which nobody moves, or fewer do, or no time passes."""
    if strike.ms:
        yield strike._replace(ms=0)
    for moves in sorted({0, strike.moves // 2, strike.moves - 1}):
        if 0 <= moves < strike.moves:
            yield strike._replace(moves=moves)
