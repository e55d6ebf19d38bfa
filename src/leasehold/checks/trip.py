"""One task through the real ledger and queues of a deployment, beside its fleet and unseen by it.

The task waits on the ledger's queue ``doctor``, which is paused for everybody: only the doctor's own dispatcher sends
it. On SQS it goes through a queue that exists for this one trip. Its reports go the way of all reports; whoever reads
them first, the doctor or an orchestrator of the fleet, records them.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from random import SystemRandom
from threading import Thread
from typing import TYPE_CHECKING

from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.adapters.sqs.queues import open_transport
from leasehold.adapters.sqs.setup import carry_out, plan, wanted
from leasehold.assemble import MOST_RECEIVES, Parts
from leasehold.checks.finding import OK, WARNING, WRONG, Said
from leasehold.core.errors import LeaseholdError, Unavailable
from leasehold.core.model import Status
from leasehold.core.units import SECOND, say_duration
from leasehold.flow.application import command_registry, command_spec
from leasehold.flow.client import Order
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.recorder import Recorder
from leasehold.flow.service import Stop
from leasehold.ports.views import Outcome
from leasehold.provision import CAPABILITY, SINGLE
from leasehold.settings import Settings, SqsPlace

if TYPE_CHECKING:
    from leasehold.adapters.sqs.transport import Transport
    from leasehold.flow.nodes import WorkerNode

DOCTOR = "doctor"
"""The handler of the task, and the ledger's queue on which it waits."""
PATIENCE = 60 * SECOND
LOOK = SECOND
"""How long one look for reports waits."""


def left_out() -> Iterator[Said]:
    """One role alone cannot walk the whole way."""
    yield Said(OK, "left out: the way of a task takes the rights of every role. Run leasehold doctor without --role")


def hopeless() -> Iterator[Said]:
    """What is wrong above would stop it."""
    yield Said(WARNING, "no task was sent: put right first what is wrong above")


def walk(settings: Settings) -> Iterator[Said]:
    """Send a task that runs the program ``true`` all the way, and take away what that needed."""
    place = settings.sqs
    if place is None:
        yield from walked(settings, DOCTOR)
        return
    transport = open_transport(place.region)
    name = f"{DOCTOR}-{os.urandom(4).hex()}"
    try:
        with own_queue(transport, place, name) as denied:
            yield from walked(settings, name) if denied is None else not_walked(denied)
    finally:
        transport.close()


def not_walked(denied: SqsFailure) -> Iterator[Said]:
    """The doctor may not have a queue."""
    yield Said(
        WARNING,
        "no task was sent: it needs a queue of its own for some seconds, and these AWS credentials may not make one "
        f"({denied}). Run leasehold doctor as whoever runs leasehold init",
    )


@contextmanager
def own_queue(transport: Transport, place: SqsPlace, name: str) -> Generator[SqsFailure | None]:
    """A task queue that nobody else knows, deleted at the end; what is yielded is why there is none."""
    queue = next(each for each in wanted(place.prefix, [name], fifo=place.fifo) if each.dead_letters is not None)
    denied = None
    try:
        for step in plan(transport, [queue]):
            carry_out(transport, step)
    except SqsFailure as error:
        if not error.denied:
            raise
        denied = error
    try:
        yield denied
    finally:
        if denied is None:
            with suppress(Unavailable):
                transport.ask(queue.name, "DeleteQueue", lambda client, url: client.delete_queue(QueueUrl=url))


def walked(settings: Settings, name: str) -> Iterator[Said]:
    """The trip itself; ``name``: the task queue as it is called on SQS."""
    spec = command_spec(DOCTOR, "true")
    parts = Parts(
        replace(settings, app=spec, worker_slots=1, worker_queues=(name,), long_poll=min(settings.long_poll, LOOK))
    )
    try:
        began = parts.clock.boot()
        ended = through(parts, name)
        took = say_duration(parts.clock.boot() - began)
    finally:
        parts.close()
    if ended is None:
        told = f"a task was not done within {say_duration(PATIENCE)}, and was cancelled"
        yield Said(WRONG, f"{told}. Look at the messages above, and at leasehold tasks ls name:{DOCTOR}")
    elif ended.status is not Status.COMPLETED:
        yield Said(WRONG, f"a task that runs the program 'true' {ended.status}: {ended.reason}")
    else:
        yield Said(OK, f"a task went through ledger, queue, worker and back in {took}; it stays in the ledger")


def through(parts: Parts, name: str) -> Outcome | None:
    """Submit, dispatch, run, record; how the task ended, or ``None`` after ``PATIENCE``."""
    handler = command_registry(str(parts.settings.app).partition(":")[2]).get(DOCTOR)
    parts.client.pause(DOCTOR, paused=True, by="leasehold doctor")
    task_id = parts.client.submit(Order(DOCTOR, "{}", handler.policy, DOCTOR)).task_id
    try:
        with serving(parts.worker(parts.called(DOCTOR))) as stop:
            dispatcher(parts, name).fill(DOCTOR)
            ended = awaited(parts, task_id, stop)
    except LeaseholdError:
        parts.client.cancel([task_id], by="leasehold doctor")
        raise
    if ended is None:
        parts.client.cancel([task_id], by="leasehold doctor")
    return ended


def awaited(parts: Parts, task_id: str, stop: Stop) -> Outcome | None:
    """Record what is reported until the task has an outcome, the worker ends, or patience does."""
    key = parts.settings.capability_key or parts.ledger.secret(CAPABILITY)
    single = parts.settings.topology == SINGLE
    recorder = None if single else Recorder(parts.queues.status(), parts.ledger, parts.bell, parts.random, key=key)
    deadline = parts.clock.boot() + PATIENCE
    while parts.clock.boot() < deadline and not stop.asked:
        if recorder is None:
            parts.bell.wait("ended", LOOK)
        else:
            recorder.step(LOOK)
        if outcomes := parts.client.outcomes([task_id]):
            return outcomes[0]
    return None


def dispatcher(parts: Parts, name: str) -> Dispatcher:
    """Sends what is due on the ledger's queue ``doctor`` to the queue called ``name``."""
    return Dispatcher(
        parts.ledger,
        lambda _: parts.queues.tasks(name),
        parts.clock,
        key=parts.settings.capability_key or parts.ledger.secret(CAPABILITY),
        validity=parts.settings.validity,
        largest_window=1,
        most_receives=MOST_RECEIVES,
        claims_before_run=parts.settings.topology == SINGLE,
        sign=parts.sign,
    )


@contextmanager
def serving(node: WorkerNode) -> Generator[Stop]:
    """A worker in a thread of its own, drained at the end; the stop says too if it ended by itself."""
    stop, trouble = Stop(), list[Exception]()

    def serve() -> None:
        try:
            node.serve(stop, SystemRandom())
        except Exception as error:  # noqa: BLE001 - whatever ended it, whoever waits for its work must know
            trouble.append(error)
            stop.ask(f"the worker ended: {error}")

    thread = Thread(target=serve, name="leasehold-doctor", daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop.ask("the trip is over")
        thread.join(PATIENCE / SECOND)
    if trouble:
        raise LeaseholdError(f"the worker of the trip ended: {trouble[0]}")
