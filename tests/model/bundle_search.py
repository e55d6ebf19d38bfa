"""Goes everywhere in a world of two tasks in one bundle, and tells the shortest story of what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from tests.model.bundles import NAMES, SAYS, Bundled, Pair, State
from tests.model.rows import described


@dataclass
class Found:
    states: int = 0
    broken: str = ""
    story: list[str] = field(default_factory=list[str])
    seen: set[str] = field(default_factory=set[str])


def search(world: Bundled) -> Found:
    """Go everywhere, breadth first; the shortest story of what is broken, if anything is."""
    pair = Pair(world)
    order, came = [pair.first], {pair.first: (pair.first, "")}
    fair: dict[State, list[State]] = {}
    wanted = world.breaks
    at = 0
    while at < len(order):
        state = order[at]
        fair[state] = []
        for says, after, breaks, cost in pair.steps(state):
            broken = breaks or pair.broken(after)
            if after not in came:
                came[after] = state, says
                order.append(after)
            if broken and (not wanted or broken == wanted):
                return Found(len(order), broken, [*story(pair, came, state), says, SAYS.get(broken, broken)])
            if not cost:
                fair[state].append(after)
        at += 1
    lost = stuck(pair, order, fair)
    if lost is not None:
        return Found(len(order), "L1", [*story(pair, came, lost), SAYS["L1"]])
    return Found(len(order), seen=pair.rows.seen)


def stuck(pair: Pair, order: list[State], fair: dict[State, list[State]]) -> State | None:
    """A state from which no fair way leads to rest."""
    good = {state for state in order if pair.at_rest(state)}
    changing = True
    while changing:
        changing = False
        for state in reversed(order):
            if state not in good and any(after in good for after in fair[state]):
                good.add(state)
                changing = True
    return next((state for state in order if state not in good), None)


def story(pair: Pair, came: dict[State, tuple[State, str]], last: State) -> list[str]:
    """How that came about."""
    way = [last]
    while way[-1] != pair.first:
        way.append(came[way[-1]][0])
    lines: list[str] = []
    for before, after in pairwise(reversed(way)):
        lines.append(came[after][1])
        moved_on = [task for task in (0, 1) if before.rows[task] != after.rows[task]]
        lines += [f"    {NAMES[task]}: {described(pair.rows[after.rows[task]])}" for task in moved_on]
    return lines
