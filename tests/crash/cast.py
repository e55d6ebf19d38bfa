"""Who takes part: a client, an orchestrator, a worker. Each is a process that takes the steps it is told to."""

from __future__ import annotations

import json
import os
import socket
import traceback
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple, Protocol

from leasehold.adapters.database.open import ensure_schema
from leasehold.assemble import Parts
from leasehold.backends import Queues
from leasehold.core.errors import Unavailable
from leasehold.core.model import Policy, Status
from leasehold.flow.client import Client, Order, Refused
from leasehold.flow.errands import at_once
from leasehold.ports.slots import Slots
from leasehold.ports.views import TaskView
from tests.crash.board import Board, Journal
from tests.crash.plays import LARGE, PlayedSlots, label
from tests.crash.watch import Watch, WatchedBell

BATCH = "harbour"
QUAY = "quay"
"""The queue whose message its queue buries."""
SLOTS = 9
LEASE = 20_000
HOUR = 3_600_000
PATIENCE = 1_000
"""ms that a worker which leaves gives to its runs."""
TOGETHER = 3
"""Tasks in one bundle."""
POLICY = Policy(LEASE, attempts=3, losses=5, backoff_base=1_000, backoff_cap=1_000)
ORDERS = (
    Order("plain", '{"x":1}', POLICY),
    Order("flaky", '{"x":2}', POLICY),
    Order("doomed", '{"x":3}', POLICY._replace(attempts=2)),
    Order("retried", '{"x":4}', POLICY),
    Order("long", '{"x":5}', POLICY),
    Order("dropped", '{"x":6}', POLICY, delay=HOUR),
    Order("buried", '{"x":7}', POLICY, queue=QUAY),
    *(Order("together", f'{{"x":{number}}}', POLICY._replace(bundle=TOGETHER)) for number in range(1, TOGETHER + 1)),
    Order("saver", '{"x":"' + "a" * LARGE + '"}', POLICY),
)
"""One completes; one fails once; one fails for good; one is retried by hand; one is cancelled while it runs; one is
cancelled by a bulk operation; one's message ends on the dead-letter queue; three share a message, and the second of
them fails once; the last one has checkpoints and large values."""


class Said(NamedTuple):
    """What a turn came to."""

    did: int
    resting: bool
    """Whether this process has nothing left to do but wait."""
    error: str = ""


class Actor(Protocol):
    def turn(self, steps: Sequence[str]) -> Said:
        """Take these steps."""
        ...


class Scenery(Protocol):
    """Where a history plays: the outside of its processes."""

    board: Board
    journal: Journal
    watch: Watch

    def parts(self, random: Random) -> CrashParts: ...


class CrashParts(Parts):
    """The real assembly over watched adapters, with handlers that are played; store calls are made at once."""

    watch: Watch
    journal: Journal

    def _slots(self) -> Slots:
        return self.played

    def _need_grants(self) -> None:
        """Everybody logs in as the owner."""

    def equip(self, watch: Watch, journal: Journal, queues: Queues | None) -> None:
        """Put on what is watched."""
        self.watch = watch
        self.bell = WatchedBell(watch)
        self.executor = at_once
        self.played = PlayedSlots(SLOTS, self.clock, journal)
        if queues is not None:
            self.queues = queues


class ClientActor:
    """A person's script: it may be started again at any time, and does what is still to be done."""

    def __init__(self, parts: CrashParts, journal: Journal) -> None:
        self._client: Client = parts.client
        self._served = parts.settings.worker_queues
        self._journal = journal
        self._submitted = False

    def turn(self, steps: Sequence[str]) -> Said:
        del steps
        if not self._submitted:
            self._submit()
            return Said(1, resting=False)
        found = {view.key or "": view for view in self._client.views.tasks(f"batch:{BATCH}").rows}
        did = self._cancel(found["long"]) + self._drop(found["dropped"]) + self._retry(found["retried"])
        return Said(did, resting=not did and all(view.task.terminal for view in found.values()))

    def _submit(self) -> None:
        orders = [order._replace(batch=BATCH, key=label(order.name, order.arguments)) for order in ORDERS]
        if QUAY not in self._served:  # nothing is buried here
            orders = [order._replace(queue="default") for order in orders]
        answers = [answer for _, answer in self._client.submit_many((None, order) for order in orders[:-1])]
        answers.append(self._client.submit(orders[-1]))
        for order, answer in zip(orders, answers, strict=True):
            assert not isinstance(answer, Refused)
            self._journal.note("accepted", name=order.key, task=answer.task_id)
        self._submitted = True

    def _cancel(self, long: TaskView) -> int:
        if long.task.status is not Status.IN_PROGRESS:
            return 0
        self._client.cancel([long.task.id], by="a person")
        return 1

    def _drop(self, dropped: TaskView) -> int:
        if dropped.task.terminal or any(not each.finished for each in self._client.views.operations()):
            return 0
        self._client.operate("cancel", f"batch:{BATCH} name:dropped", by="a person")
        return 1

    def _retry(self, retried: TaskView) -> int:
        if retried.task.status is not Status.FAILED:
            return 0
        self._journal.note("retry asked", task=retried.task.id)
        self._client.retry([retried.task.id], by="a person")
        return 1


class Steps:
    """Takes the named steps one after the other; what is unavailable is tried again in the next turn."""

    def __init__(self, watch: Watch, steps: dict[str, Callable[[], int]], resting: Callable[[], bool]) -> None:
        self._watch = watch
        self._steps = steps
        self._resting = resting

    def turn(self, steps: Sequence[str]) -> Said:
        return Said(sum(self._take(name) for name in steps if name in self._steps), self._resting())

    def _take(self, name: str) -> int:
        self._watch.role = name
        try:
            return self._steps[name]()
        except Unavailable:
            return 0


def orchestrator(parts: CrashParts) -> Steps:
    whole = parts.orchestrator()
    roles = {"dispatcher": whole._dispatcher, "sweeper": whole._sweeper, "scheduler": whole._scheduler}
    steps = {name: role.step for name, role in roles.items()}
    return Steps(parts.watch, {**steps, **{name: reader.step for name, reader in whole._readers.items()}}, lambda: True)


def worker(parts: CrashParts, name: str) -> Steps:
    node = parts.worker(name)

    def drain() -> int:
        node._worker.begin_drain("its machine is wanted back", PATIENCE)
        return 1

    intakes = {f"intake {number}": intake.step for number, intake in enumerate(node._intakes)}
    steps = {**intakes, "worker": node._worker.step, "reporter": node._reporter.step, "drain": drain}
    steps["claims"] = node._gates[0].step if node._gates else lambda: 0
    return Steps(parts.watch, steps, lambda: node._worker.drained)


def actor(scenery: Scenery, role: str, name: str, seed: str) -> Actor:
    """One of them, as it comes up."""
    scenery.watch.actor, scenery.watch.role = name, "start"
    parts = scenery.parts(Random(f"{seed} {name}"))
    ensure_schema(parts.database)
    if role == "client":
        made: Actor = ClientActor(parts, scenery.journal)
        scenery.watch.role = "client"
        return made
    return orchestrator(parts) if role == "orchestrator" else worker(parts, name)


def live(scenery: Scenery, role: str, name: str, seed: str, line: socket.socket) -> None:
    """A process's whole life: a turn for each line that it is sent. It never returns."""
    try:
        with line.makefile("rw") as talk:
            try:
                player = actor(scenery, role, name, seed)
                for order in talk:
                    talk.write(json.dumps(player.turn(json.loads(order))) + "\n")
                    talk.flush()
            except Exception:  # noqa: BLE001 - whatever it is, the history fails with it
                talk.write(json.dumps(Said(0, resting=False, error=traceback.format_exc())) + "\n")
                talk.flush()
    finally:
        os._exit(0)
