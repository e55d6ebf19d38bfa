"""All chance of a simulation: where a move's randomness comes from, and which faults strike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


class Strike(NamedTuple):
    """A fault that strikes: at which chance of its move (counted from 1), which, how many moves a pause has, and ms."""

    at: int
    fault: str
    moves: int = 0
    ms: int = 0


class Move(NamedTuple):
    """One move of a schedule. It means the same whatever is left out before it: ``who`` and ``arg`` are taken modulo.

    ``salt`` seeds all that happens by chance in it, other than faults.
    """

    what: str
    who: int
    arg: int
    salt: int
    faults: tuple[Strike, ...] = ()


class Chance(Random):
    """A quick source of randomness that can be set to any state at any time (splitmix64)."""

    state = 0

    def set(self, salt: int) -> None:
        """Begin anew from this salt."""
        self.state = salt

    def next(self) -> int:
        """64 bits."""
        self.state = state = (self.state + GOLDEN) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        return state ^ (state >> 31)

    def random(self) -> float:
        """In [0, 1)."""
        return (self.next() >> 11) / (1 << 53)

    def getrandbits(self, k: int, /) -> int:
        """``k`` bits."""
        bits = self.next()
        for _ in range((k - 1) // 64):
            bits = bits << 64 | self.next()
        return bits & ((1 << k) - 1)


class Dice:
    """Where faults come from while a schedule is made up: each chance strikes at the rate of its fault."""

    def __init__(self, random: Random, rates: Mapping[str, float], pauses: Sequence[int]) -> None:
        self._random = random
        self._rates = rates
        self._pauses = pauses

    def strikes(self, at: int, fault: str) -> Strike | None:
        """Whether this chance strikes."""
        rate = self._rates.get(fault)
        if rate is None or self._random.random() >= rate:
            return None
        if fault not in PAUSES:
            return Strike(at, fault)
        return Strike(at, fault, self._random.randrange(12), self._random.choice(self._pauses))


PAUSES = frozenset({"pause before", "pause after", "freeze before", "freeze after"})
"""Faults during which others move: a slow request or reply, a machine that stands still."""


class Play:
    """The faults of one move that is being played."""

    def __init__(self, move: Move, dice: Dice | None) -> None:
        self.move = move
        self.struck: list[Strike] = []
        self._dice = dice
        self._planned = {strike.at: strike for strike in move.faults}
        self._chances = 0

    def strikes(self, fault: str) -> Strike | None:
        """One chance for this fault."""
        self._chances += 1
        if self._dice is not None:
            strike = self._dice.strikes(self._chances, fault)
        else:
            strike = self._planned.get(self._chances)
            if strike is not None and strike.fault != fault:
                return None
        if strike is not None:
            self.struck.append(strike)
        return strike


class Fates:
    """Which faults strike, and how often each has. Quiet once all trouble is over."""

    def __init__(self, chance: Chance, dice: Dice | None) -> None:
        self.chance = chance
        self.counted: Counter[str] = Counter()
        self.quiet = False
        self.play: Play | None = None
        self.dice = dice

    def strikes(self, fault: str) -> Strike | None:
        """One chance for this fault: the strike, if it does."""
        if self.quiet or self.play is None:
            return None
        strike = self.play.strikes(fault)
        if strike is not None:
            self.counted[fault] += 1
        return strike
