"""Goes everywhere in one world, breadth first, holds all of it to the invariants, and tells the shortest story."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import perf_counter

from tests.model.parts import Configuration
from tests.model.rows import described
from tests.model.world import State, World

PATIENCE = 200
"""Steps within which a fair world must bring a task to its end."""

TOLD = 16
"""Steps of a world without end that its story tells."""

SAYS = {
    "S6": "a success was acknowledged to its worker, and is neither recorded nor on its way",
    "S8": "the message is deleted, and its success was not acknowledged",
    "S9": "a run is charged as lost whose machine never went away",
    "S10": "a child is alive after its lease",
    "S11": "two runs of the task are alive at once",
    "S13": "a run starts after the outcome",
    "L1": "from here on the task never comes to its end with its queues empty, though nothing goes wrong any more",
}


@dataclass
class Found:
    """What a search found."""

    configuration: Configuration
    states: int = 0
    steps: int = 0
    seconds: float = 0.0
    depth: int = 0
    broken: str = ""
    story: list[str] = field(default_factory=list[str])
    seen: set[str] = field(default_factory=set[str])

    def __str__(self) -> str:
        rate = self.states / self.seconds if self.seconds else 0
        return (
            f"{self.configuration.name}: {self.states:,} states, {self.steps:,} steps, depth {self.depth}, "
            f"{self.seconds:.1f} s, {rate:,.0f} states/s"
        )


class Search:
    """The states of one world in the order in which they were met, each with the one that it was met from."""

    def __init__(self, configuration: Configuration) -> None:
        self.world = World(configuration)
        self._wanted = configuration.breaks
        self._numbers: dict[State, int] = {self.world.first: 0}
        self._order = [self.world.first]
        self._parents = array("i", [-1])
        self._fair = array("i")
        """For each state in turn, where its steps without a fault lead."""
        self._starts = array("i", [0])
        self.found = Found(configuration)

    def run(self) -> Found:
        """Look everywhere, or until something is broken."""
        began = perf_counter()
        with no_collection():
            last, broken = self._explore()
            if not broken:
                last, broken = self._ends()
        found = self.found
        found.seconds = perf_counter() - began
        found.states, found.seen = len(self._order), self.world.rows.seen
        found.depth = len(self._way_to(len(self._order) - 1)) - 1
        if broken:
            found.broken, found.story = broken, self._story(last, broken)
        return found

    def _explore(self) -> tuple[State, str]:
        """(where it happened, what is broken): the last state of the story, with its way there."""
        numbers, order, parents, fair = self._numbers, self._order, self._parents, self._fair
        successors, at = self.world.successors, 0
        while at < len(order):
            state = order[at]
            faults, steps = state[5], successors(state)
            self.found.steps += len(steps)
            for after, _, breaks in steps:
                number = numbers.get(after)
                if number is None:
                    number = numbers[after] = len(order)
                    order.append(after)
                    parents.append(at)
                    if broken := self._broken(after):
                        return after, broken
                if breaks and self._counts(breaks):
                    parents[number] = at
                    return after, breaks
                if after[5] == faults:
                    fair.append(number)
            self._starts.append(len(fair))
            at += 1
        return self.world.first, ""

    def _broken(self, state: State) -> str:
        return next((each for each in self.world.broken(state) if self._counts(each)), "")

    def _counts(self, broken: str) -> bool:
        """A world that lacks a rule is there to show one thing."""
        return not self._wanted or broken == self._wanted

    # ------------------------------------------------------------ liveness

    def _ends(self) -> tuple[State, str]:
        """L1: from every state on, without further faults, the task comes to its end."""
        if self._wanted not in ("", "L1"):
            return self.world.first, ""
        good = self._backwards()
        beyond = Beyond(self.world)
        for number, state in enumerate(self._order):
            if not good[number] and not beyond.ends(state):
                return state, "L1"
        return self.world.first, ""

    def _backwards(self) -> bytearray:
        """Which states can reach the end inside what was explored."""
        good = bytearray(map(self.world.at_rest, self._order))
        changed = True
        while changed:
            changed = False
            for number in range(len(good) - 1, -1, -1):
                if not good[number]:
                    for there in self._fair[self._starts[number] : self._starts[number + 1]]:
                        if good[there]:
                            good[number] = changed = True
                            break
        return good

    # ------------------------------------------------------------ stories

    def _way_to(self, number: int) -> list[State]:
        way: list[State] = []
        while number >= 0:
            way.append(self._order[number])
            number = self._parents[number]
        return way[::-1]

    def _story(self, last: State, broken: str) -> list[str]:
        way = self._way_to(self._numbers[last])
        lines, known = list[str](), ""
        for line, (before, after) in enumerate(pairwise(way), 1):
            says = next(said for to, said, _ in self.world.successors(before) if to == after)
            ledger = described(self.world.rows[after[0]])
            lines.append(f"{line:>3}. {says}" + (f"\n       ledger: {ledger}" if ledger != known else ""))
            known = ledger
        if broken == "L1":
            lines.append("     and then, without a fault: " + "; ".join(Beyond(self.world).way(last)[:TOLD]) + " ...")
        return [*lines, f"     {broken} is broken: {SAYS.get(broken, 'a law of the ledger')}"]


class Beyond:
    """Where the bounds of a world end its steps: the same world without them, in which nothing goes wrong any more."""

    def __init__(self, world: World) -> None:
        wide = replace(world.configuration, dispatches=30, receives=60, faults={})
        self._from = world
        self._world = World(wide)
        self._good: set[State] = set()

    def ends(self, state: State) -> bool:
        """Whether it comes to its end when each time the first thing that can happen does."""
        here, way = self._moved(state), list[State]()
        for _ in range(PATIENCE):
            if here in self._good or self._world.at_rest(here):
                self._good.update(way)
                return True
            way.append(here)
            steps = self._world.successors(here)
            if not steps:
                return False
            here = steps[0][0]
        return False

    def way(self, state: State) -> list[str]:
        """What happens from there on, in words."""
        here, said = self._moved(state), list[str]()
        for _ in range(PATIENCE):
            steps = self._world.successors(here)
            if not steps:
                break
            here, says, _ = steps[0]
            said.append(says)
        return said

    def _moved(self, state: State) -> State:
        row, sends, messages, hands, reports, _ = state
        old, new = self._from, self._world
        return (
            new.rows.number(old.rows[row]),
            new.sends(old.sends.values[sends]),
            new.messages(old.messages.values[messages]),
            new.hands(old.hands.values[hands]),
            new.reports(old.reports.values[reports]),
            new.first[5],
        )


@contextmanager
def no_collection() -> Iterator[None]:
    """Millions of tuples that nobody throws away: to look through them for garbage costs more than to make them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
