"""What a deployment stands on: schema, key, queues, a worker's role. Each is looked at, and made where it is missing.

Nothing that is there is ever changed: what differs from what Leasehold needs is shown, with the command that mends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from leasehold.adapters.database import worker_role
from leasehold.adapters.database.open import connect, create_schema, schema_version
from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.adapters.sqs.names import status_queue
from leasehold.adapters.sqs.queues import open_transport
from leasehold.adapters.sqs.setup import BACKSTOP, Act, carry_out, plan, wanted, wanted_events
from leasehold.backends import Backends, worker_grants
from leasehold.core.errors import BadSettings, SchemaMismatch, Unavailable
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


def provide(backends: Backends, *, role: str | None = None, dry_run: bool = False) -> Iterator[Step]:
    """Look at each thing in turn and make what is missing; ``dry_run``: only look.

    ``role``: as which role of PostgreSQL workers log in; ``None``: roles are left alone. What cannot be looked at
    becomes a step that says why, and the others are looked at all the same.
    """
    steps = looks(backends)
    if role is not None:
        check_worker_role(backends.settings, role)
        steps[f"role {role}"] = lambda: role_steps(backends.settings, role)
    for subject, look in steps.items():
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
    events = backends.settings.events_place
    if events is not None:
        found["events"] = lambda: each_step(events.region, [wanted_events(events.name)])
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


# ---------------------------------------------------------------------------------------------------------------- role


def check_worker_role(settings: Settings, role: str) -> None:
    """Raises ``BadSettings`` where workers need no role, or none can be called so."""
    if settings.ledger_path is not None:
        raise BadSettings(
            f"--worker-role is for a ledger on PostgreSQL, and this one is a file ({settings.ledger_path}). Leave it "
            "out, or set ledger to postgresql://USER@HOST/NAME"
        )
    if not worker_grants(settings):
        raise BadSettings(
            "--worker-role: in two-queue on SQS workers need no role, since they never talk to the ledger. Leave it "
            "out, or set topology to single-queue"
        )
    worker_role.check_name(role)


def role_steps(settings: Settings, role: str) -> Iterator[Step]:
    """The role as which workers log in, and its grants."""
    found, subject, grants = schema_found(settings), f"role {role}", worker_grants(settings)
    if found != SCHEMA_VERSION:
        state = State.MISSING if found is None else State.UNKNOWN
        yield Step(subject, state, f"its grants are on the tables of schema {SCHEMA_VERSION}, which are not there yet")
        return
    standing = worker_role.look(settings.ledger, grants, role)
    sql = " ".join(f"{each};" for each in standing.making)
    make = partial(worker_role.make, settings.ledger, grants, role)
    if not standing.exists and not standing.creatable:
        told = "is missing, and this ledger's user may not make roles. Let an administrator make it, then repeat this"
        yield Step(subject, State.DRIFTED, told, f"{standing.making[0]};")
    elif not standing.exists:
        yield Step(subject, State.MISSING, "may log in, has no password, does what a worker needs", sql, make)
    elif standing.missing:
        yield Step(subject, State.MISSING, worker_role.listed(standing.missing), sql, make)
    else:
        yield Step(subject, State.OK, "may do what a worker needs")
    for each in standing.excess:
        yield Step(subject, State.DRIFTED, f"may also {each.may}, which no worker needs", each.mended)


# -------------------------------------------------------------------------------------------------------------- queues


def queue_steps(settings: Settings) -> Iterator[Step]:
    """Dead-letter queue, task queues and, in ``two-queue``, the status queue, on SQS."""
    if settings.sqs is not None:
        yield from each_step(settings.sqs.region, wanted_queues(settings))


def each_step(region: str | None, queues: Iterable[Wanted]) -> Iterator[Step]:
    """What there is to do for each of these queues."""
    transport = open_transport(region)
    try:
        for queue in queues:
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
