"""Whatever happens in whichever order: every run ends once, with an end that fits what it was."""

import random
from collections import Counter

import pytest

from leasehold.adapters.slots.pool import Recycling
from leasehold.core.model import FailureKind
from leasehold.ports.slots import Began, Raised, Returned, SlotEvent, Stopped
from tests.slots.bench import Value
from tests.slots.conftest import Make

GOOD = ("noop", "add", "pid", "count", "speak_raw", "add_async")
LITTER = "leave_children"
BAD = ("fail", "leave_at_once", "die_by", "leave_by")
ARGUMENTS: dict[str, dict[str, Value]] = {
    "add": {"a": 1},
    "add_async": {"a": 1},
    "speak_raw": {"text": "x"},
    "fail": {"message": "no good"},
    "leave_at_once": {"code": 3},
    "die_by": {"number": 9},
    "leave_by": {"code": 3},
}


def fits(name: str, end: SlotEvent, stopped: set[str]) -> bool:
    """Whether a run of this handler may end like this."""
    if end.run_id in stopped and isinstance(end, Stopped):
        return True
    if name in {*GOOD, LITTER}:
        return isinstance(end, Returned)
    return isinstance(end, Raised) and end.failure.kind in {
        FailureKind.EXCEPTION,
        FailureKind.EXIT,
        FailureKind.SIGNAL,
    }


@pytest.mark.parametrize("seed", range(4))
def test_every_run_ends_once(make: Make, seed: int) -> None:
    chance = random.Random(seed)
    bench = make(3, recycling=Recycling(runs=40))
    for _ in range(30):
        bench.run("noop")
    names = chance.choices([*GOOD * 8, *BAD, LITTER], k=250)
    jobs = [bench.job(name, task=f"task {n}", **ARGUMENTS.get(name, {})) for n, name in enumerate(names)]
    stopped: set[str] = set()
    waiting = list(jobs)
    while waiting or len(ended := [e for job in jobs for e in bench.ends(job.run_id)]) < len(jobs):
        some = chance.randint(1, 30)
        if waiting:
            bench.pool.start(waiting[:some])
            del waiting[:some]
        if chance.random() < 0.1:
            victims = {job.run_id for job in chance.sample(jobs, 10)} - {job.run_id for job in waiting}
            stopped |= victims
            bench.pool.stop(sorted(victims), "drain")
        bench.turn()
    kinds = dict(zip((job.run_id for job in jobs), names, strict=True))
    assert [end for end in ended if not fits(kinds[end.run_id], end, stopped)] == []
    assert Counter(end.run_id for end in ended) == Counter(kinds.keys())
    began = Counter(event.run_id for event in bench.seen if isinstance(event, Began))
    unbegun = {end.run_id for end in ended if isinstance(end, Stopped) and not end.begun}
    assert kinds.keys() - began.keys() <= unbegun
