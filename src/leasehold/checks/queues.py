"""Queues on SQS: are they there, as they should be, and may this role do what it needs to, and no more?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from leasehold.adapters.sqs.names import FIFO, dead_letter_queue, status_queue, task_queue
from leasehold.adapters.sqs.probe import DUTIES, PROBES, Answer, Duty, Probed, probe
from leasehold.adapters.sqs.setup import found_in, wanted_events
from leasehold.checks.finding import OK, WARNING, WRONG, Role, Said
from leasehold.checks.surroundings import SKEW
from leasehold.core.units import SECOND, say_duration
from leasehold.flow.registry import Handler
from leasehold.provision import SINGLE, State, Step, steps_of, wanted_queues
from leasehold.settings import EventsPlace, Settings, SqsPlace

if TYPE_CHECKING:
    from leasehold.adapters.sqs.transport import Transport

TASKS, STATUS, DEAD, EVENTS = "tasks", "status", "dead", "events"
WHO = re.compile(r": (\S+) may not do sqs:")
STATES = {State.OK: OK, State.MISSING: WRONG, State.DRIFTED: WARNING, State.UNKNOWN: WARNING}


class Named(NamedTuple):
    """A queue, and what it is for."""

    name: str
    kind: str


def used_by(role: Role | None, place: SqsPlace, settings: Settings) -> list[Named]:
    """The queues that a role has to do with."""
    found = [Named(task_queue(place.prefix, name, fifo=place.fifo), TASKS) for name in settings.worker_queues]
    if settings.topology != SINGLE:
        found.append(Named(status_queue(place.prefix), STATUS))
    if role in {Role.ORCHESTRATOR, None}:
        found.append(Named(dead_letter_queue(place.prefix, fifo=place.fifo), DEAD))
    return found


def events_heard(transport: Transport, role: Role | None, place: EventsPlace) -> Iterator[Said]:
    """The queue of the platform's events is there, and orchestrators may read it."""
    found = [*steps_of(transport, wanted_events(place.name))]
    for step in found:
        if step.state is State.MISSING:
            told = f"{step.subject} does not exist, or these AWS credentials may not see it: no machine is recalled"
            yield Said(WRONG, told, "leasehold init")
        else:
            yield Said(STATES[step.state], f"{step.subject}: {step.sentence}", step.command)
    if not any(step.state is State.MISSING for step in found):
        duty = DUTIES[Role.ORCHESTRATOR.value, EVENTS]
        yield from judged(role, Named(place.name, EVENTS), duty, probe(transport, place.name, duty.needs))


# ---------------------------------------------------------------------------------------------------------- attributes


def queues_stand(transport: Transport, role: Role | None, place: SqsPlace, settings: Settings) -> Iterator[Said]:
    """Each queue is there, with the attributes that it should have."""
    names = {queue.name for queue in used_by(role, place, settings)}
    for queue in wanted_queues(settings):
        if queue.name in names:
            yield from (said_of(step, place) for step in steps_of(transport, queue))


def said_of(step: Step, place: SqsPlace) -> Said:
    """What init would say, as the doctor says it."""
    if step.state is State.MISSING:
        _, tasks, name = step.subject.removesuffix(FIFO if place.fifo else "").partition(f"{place.prefix}-tasks-")
        command = f"leasehold init --queues {name}" if tasks else "leasehold init"
        return Said(WRONG, f"{step.subject} does not exist, or these AWS credentials may not see it", command)
    return Said(STATES[step.state], f"{step.subject}: {step.sentence}", step.command)


def no_dead_letters(transport: Transport, place: SqsPlace) -> Iterator[Said]:
    """Nothing waits among the dead letters."""
    name = dead_letter_queue(place.prefix, fifo=place.fifo)
    count = int(found_in(transport, name).get("ApproximateNumberOfMessages", 0))
    if count:
        yield Said(
            WARNING,
            f"{name} holds about {count:,} message{' that was' if count == 1 else 's that were'} received too often: "
            "an orchestrator records them and closes their dispatches. Start one; leasehold why TASK says more",
        )
    else:
        yield Said(OK, f"{name} is empty")


def hides_long_enough(
    transport: Transport, place: SqsPlace, settings: Settings, handlers: Sequence[Handler]
) -> Iterator[Said]:
    """The visibility of queues that are served. Workers name theirs with each receive: it matters only to others."""
    longest: dict[str, Handler] = {}
    for handler in sorted(handlers, key=lambda handler: handler.policy.lease):
        longest[handler.queue] = handler
    for queue in sorted(longest.keys() & set(settings.worker_queues)):
        handler, name = longest[queue], task_queue(place.prefix, queue, fifo=place.fifo)
        hidden = int(found_in(transport, name).get("VisibilityTimeout", 0)) * SECOND
        if hidden < handler.policy.lease:
            yield Said(
                WARNING,
                f"queue {name} hides a message for {say_duration(hidden)}, but handler '{handler.name}' holds a lease "
                f"of {say_duration(handler.policy.lease)}. Workers say at each receive how long they need, so this "
                "matters only to whoever receives by other means: the console, aws sqs, a Lambda function",
            )


# --------------------------------------------------------------------------------------------------------- permissions


def permitted(transport: Transport, role: Role | None, place: SqsPlace, settings: Settings) -> Iterator[Said]:
    """Each action that the role needs is allowed; to a worker, no other one is."""
    for queue in used_by(role, place, settings):
        duty = duty_of(role, queue.kind)
        actions = duty.needs if duty.may is None else PROBES.keys()
        yield from judged(role, queue, duty, probe(transport, queue.name, actions))


def duty_of(role: Role | None, kind: str) -> Duty:
    """What is to be allowed: to a role, or to whoever plays all of them."""
    if role is not None:
        return DUTIES[role.value, kind]
    return Duty(frozenset(action for (_, of), duty in DUTIES.items() if of == kind for action in duty.needs), None)


def judged(role: Role | None, queue: Named, duty: Duty, probed: Sequence[Probed]) -> Iterator[Said]:
    """What was found on one queue."""
    by = {answer: [each for each in probed if each.answer is answer] for answer in Answer}
    missing = [each for each in by[Answer.DENIED] if each.action in duty.needs]
    extra = [] if duty.may is None else [e for e in by[Answer.ALLOWED] if e.action not in duty.needs | duty.may]
    if missing:
        yield Said(
            WRONG,
            f"queue {queue.name}: {principal(missing)} may not do {actions(missing)}. Allow it in the policy of "
            "that role",
        )
    if extra:
        yield Said(
            WRONG,
            f"queue {queue.name}: these AWS credentials may also do {actions(extra)}, which no {role} needs: take it "
            "out of the role's policy, so that whoever breaks into one cannot do it either",
        )
    if by[Answer.UNKNOWN]:
        yield Said(WARNING, f"{by[Answer.UNKNOWN][0].says} ({actions(by[Answer.UNKNOWN])} could not be tried)")
    if not missing and not extra and not by[Answer.UNKNOWN]:
        yield Said(OK, f"queue {queue.name}: {actions(each for each in probed if each.action in duty.needs)}")


def actions(probed: Iterator[Probed] | Sequence[Probed]) -> str:
    """As IAM writes them."""
    return ", ".join(f"sqs:{each.action}" for each in probed)


def principal(denied: Sequence[Probed]) -> str:
    """Who was denied it, as SQS says."""
    found = WHO.search(denied[0].says)
    return found[1] if found else "whoever has these AWS credentials"


# --------------------------------------------------------------------------------------------------------------- clock


def clocks_agree(
    transport: Transport,
    place: SqsPlace,
    settings: Settings,
    now: Callable[[], int],
    ledger_now: Callable[[], int] | None,
) -> Iterator[Said]:
    """The queue's clock, by which a message's validity is judged, and the ledger's, by which it is given."""
    name = task_queue(place.prefix, settings.worker_queues[0], fifo=place.fifo)
    instant = date_of(transport, name)
    apart = abs(instant + SECOND // 2 - now())
    if apart > SKEW:
        yield Said(
            WARNING,
            f"this machine's clock and SQS's differ by {say_duration(apart)}: SQS refuses requests once it is some "
            "minutes. Let the machine follow a time server (chrony, systemd-timesyncd)",
        )
    else:
        yield Said(OK, "this machine's clock agrees with SQS's")
    if ledger_now is not None:
        yield from validity_holds(abs(date_of(transport, name) + SECOND // 2 - ledger_now()), settings)


def validity_holds(apart: int, settings: Settings) -> Iterator[Said]:
    """A message is valid for as long as the ledger's clock gave it, by the queue's clock."""
    if apart <= SKEW:
        return
    state = WRONG if apart >= settings.validity else WARNING
    yield Said(
        state,
        f"the ledger's clock and SQS's differ by {say_duration(apart)}: a message is valid for "
        f"{say_duration(settings.validity)} by both. Let the database's machine follow a time server",
    )


def date_of(transport: Transport, queue: str) -> int:
    """What SQS takes the time to be, in whole seconds rounded down; ms since the epoch."""
    reply = transport.ask(
        queue,
        "GetQueueAttributes",
        lambda client, url: client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]),
    )
    return int(parsedate_to_datetime(reply["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()) * SECOND
