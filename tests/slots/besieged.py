"""A worker's slots under attack, as a process of its own: ``python -m tests.slots.besieged '{...}'``.

It starts each attack with a lease, says when that ends, and goes on with the next one when a slot is free again.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from pathlib import Path
from typing import NamedTuple

from leasehold.adapters.slots.boot import boot
from leasehold.adapters.slots.pool import SlotPool
from leasehold.ports.slots import Began, Job, Raised, Returned, Stopped

ATTACKS = str(Path(__file__).with_name("attacks.py"))


class Plan(NamedTuple):
    """What to do. All times in ms."""

    attacks: list[str]
    slots: int
    work: int
    """From the start of a run to its deadline."""
    grace: int
    margin: int
    """From the deadline to the end of the lease."""
    journal: str


def say(*words: object) -> None:
    """To whoever watches."""
    print(json.dumps(words), flush=True)


class Besieged:
    """The slots, and what is still to come."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.coming = deque(enumerate(plan.attacks))
        self.running: dict[str, tuple[int, str]] = {}
        self.pool = SlotPool(ATTACKS, plan.slots, env=os.environ, grace=plan.grace, adopt=True)
        self.pool.kinds()

    def start(self) -> None:
        """Start one attack."""
        number, name = self.coming.popleft()
        deadline = boot() + self.plan.work
        task = f"{number}-{name}"
        self.running[task] = number, name
        say("run", task, deadline, deadline + self.plan.margin)
        arguments = json.dumps({"journal": self.plan.journal})
        self.pool.start([Job(task, task, name, arguments, 1, 1, deadline, deadline)])

    def serve(self) -> None:
        """Until every attack has ended."""
        while self.coming or self.running:
            ready = sum(slot.idle for slot in self.pool._slots)
            for _ in range(min(ready, len(self.coming))):
                self.start()
            for event in self.pool.events(100):
                if isinstance(event, Began):
                    say("began", event.run_id)
                elif isinstance(event, Returned | Raised | Stopped):
                    self.end(event)
        self.pool.close()

    def end(self, event: Returned | Raised | Stopped) -> None:
        """One is over; what never began is tried again."""
        attack = self.running.pop(event.run_id)
        if isinstance(event, Stopped) and not event.begun:
            self.coming.append(attack)
            return
        say("end", event.run_id, event.failure.type if isinstance(event, Raised) else type(event).__name__)


if __name__ == "__main__":
    Besieged(Plan(**json.loads(sys.argv[1]))).serve()
    say("done")
