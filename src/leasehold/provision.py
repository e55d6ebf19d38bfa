"""What a deployment stands on: schema, key, queues. Each is looked at, and made where it is missing.

Nothing that is there is ever changed: what differs from what Leasehold needs is shown, with the command that mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from leasehold.adapters.database.open import connect, create_schema, schema_version
from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.adapters.sqs.names import status_queue
from leasehold.adapters.sqs.queues import open_transport
from leasehold.adapters.sqs.setup import BACKSTOP, Act, carry_out, plan, wanted
from leasehold.backends import Backends
from leasehold.core.errors import SchemaMismatch, Unavailable
from leasehold.core.units import SECOND, say_duration
from leasehold.settings import Settings

if TYPE_CHECKING:
    from leasehold.adapters.sqs.setup import Wanted
    from leasehold.adapters.sqs.transport import Transport

CAPABILITY = "capability"
"""The secret whose name this is signs every dispatch."""
KEY, KEPT = "capability key", "kept in the ledger"
SINGLE = "single-queue"


class State(StrEnum):
    """How something is."""

    OK = "ok"
    MISSING = "missing"
    MADE = "made"
    DRIFTED = "drifted"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a deployment needs."""

    subject: str
    state: State
    sentence: str
    command: str | None = None
    """What makes or mends it, as somebody would type it."""
    act: Callable[[], object] | None = None
    """Makes what is missing."""

    def shown(self) -> Mapping[str, object]:
        """Its fields, as JSON has them."""
        return {name: value for name, value in asdict(replace(self, act=None)).items() if name != "act"}


Look = Callable[[], Iterator[Step]]


def provide(backends: Backends, *, dry_run: bool = False) -> Iterator[Step]:
    """Look at each thing in turn and make what is missing; ``dry_run``: only look.

    What cannot be looked at becomes a step that says why, and the others are looked at all the same.
    """
    for subject, look in looks(backends).items():
        try:
            for step in look():
                yield step if dry_run else carried_out(step)
        except (Unavailable, SchemaMismatch) as error:
            yield Step(subject, State.UNKNOWN, str(error))


def carried_out(step: Step) -> Step:
    """What is missing is made."""
    if step.state is not State.MISSING or step.act is None:
        return step
    step.act()
    return replace(step, state=State.MADE)


def looks(backends: Backends) -> dict[str, Look]:
    """What there is to look at, by what it is called."""
    found: dict[str, Look] = {"ledger": lambda: ledger_steps(backends)}
    if backends.settings.sqs is not None:
        found["queues"] = lambda: queue_steps(backends.settings)
    return found


# -------------------------------------------------------------------------------------------------------------- ledger


def ledger_steps(backends: Backends) -> Iterator[Step]:
    """Schema and capability key."""
    yield schema_step(backends.settings)
    found = schema_found(backends.settings)  # a step is carried out before the next one is asked for
    if found == SCHEMA_VERSION:
        yield key_step(backends)
    elif found is None:
        yield Step(KEY, State.MISSING, KEPT)


def schema_step(settings: Settings) -> Step:
    """The tables."""
    found = schema_found(settings)
    subject = f"ledger {settings.ledger_path or settings.ledger_shown}"
    if found is None:
        told = f"schema {SCHEMA_VERSION}"
        return Step(subject, State.MISSING, told, act=lambda: create_schema(settings.ledger))
    if found == SCHEMA_VERSION:
        return Step(subject, State.OK, f"schema {found}")
    if found > SCHEMA_VERSION:
        told = f"schema {found}, made by a newer Leasehold; this one knows {SCHEMA_VERSION}"
        return Step(subject, State.DRIFTED, told, "pip install --upgrade leasehold")
    return Step(subject, State.DRIFTED, f"schema {found}; this Leasehold needs {SCHEMA_VERSION}", "leasehold migrate")


def schema_found(settings: Settings) -> str | None:
    """The version of the schema; ``None`` where there is none. Makes no file."""
    path = settings.ledger_path
    if path is not None and not path.exists():
        return None
    database = connect(settings.ledger)
    try:
        with database.read() as tx:
            return schema_version(database, tx)
    finally:
        database.close()


def key_step(backends: Backends) -> Step:
    """The key that proves to a recorder that a report belongs to its dispatch."""
    if backends.settings.capability_key is not None:
        return Step(KEY, State.OK, "given by the setting 'capability_key'")
    database = backends.database
    with database.read() as tx:
        known = tx.rows(database.sql("chores")["secret"], {"name": CAPABILITY})
    if known:
        return Step(KEY, State.OK, KEPT)
    return Step(KEY, State.MISSING, KEPT, act=lambda: backends.ledger.secret(CAPABILITY))


# -------------------------------------------------------------------------------------------------------------- queues


def queue_steps(settings: Settings) -> Iterator[Step]:
    """Dead-letter queue, task queues and, in ``two-queue``, the status queue, on SQS."""
    place = settings.sqs
    if place is None:
        return
    transport = open_transport(place.region)
    try:
        for queue in wanted_queues(settings):
            yield from steps_of(transport, queue)
    finally:
        transport.close()


def wanted_queues(settings: Settings) -> list[Wanted]:
    """Every queue of these settings, the dead-letter queue first."""
    place = settings.sqs
    if place is None:
        return []
    every = wanted(place.prefix, settings.worker_queues, fifo=place.fifo)
    unused = {status_queue(place.prefix)} if settings.topology == SINGLE else set[str]()
    return [queue for queue in every if queue.name not in unused]


def steps_of(transport: Transport, queue: Wanted) -> Iterator[Step]:
    """One queue: whether it is there, and each attribute that differs. A queue that cannot be asked is one step."""
    subject = f"queue {queue.name}"
    try:
        for planned in plan(transport, [queue]):
            if planned.act is Act.CREATE:
                make = partial(carry_out, transport, planned)
                yield Step(subject, State.MISSING, described(queue), planned.command, make)
            elif planned.act is Act.SET:
                yield Step(subject, State.DRIFTED, without(queue, planned.says), planned.command)
            else:
                yield Step(subject, State.OK, without(queue, planned.says))
    except SqsFailure as error:
        if not error.denied:  # what is wrong is wrong with every queue: one sentence is enough
            raise
        yield Step(subject, State.UNKNOWN, without(queue, str(error)))


def described(queue: Wanted) -> str:
    """What a queue of Leasehold is like, shortly."""
    kept, hidden = (int(queue.attributes[name]) * SECOND for name in ("MessageRetentionPeriod", "VisibilityTimeout"))
    dead = f", moves them to {queue.dead_letters} after {BACKSTOP} receives" if queue.dead_letters is not None else ""
    return f"encrypted, keeps messages {say_duration(kept)}, hides them {say_duration(hidden)}{dead}"


def without(queue: Wanted, sentence: str) -> str:
    """The sentence without the name that stands before it already."""
    return sentence.removeprefix(f"queue '{queue.name}': ").removeprefix(f"queue '{queue.name}' is ")
