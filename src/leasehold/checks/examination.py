"""Every look in turn; what cannot work without an earlier one is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from leasehold.adapters.sqs.queues import open_transport
from leasehold.backends import worker_grants
from leasehold.checks import queues, trip
from leasehold.checks.application import app_loads
from leasehold.checks.contradictions import SINGLE, contradictions
from leasehold.checks.finding import OK, WRONG, Finding, Look, Role, Said, attempt
from leasehold.checks.grants import granted
from leasehold.checks.surroundings import (
    clock_agrees,
    disk_has_room,
    ledger_answers,
    ledger_works,
    settings_told,
    store_works,
)
from leasehold.core.errors import LeaseholdError
from leasehold.flow.registry import Handler, Registry
from leasehold.settings import Settings

if TYPE_CHECKING:
    from leasehold.assemble import Parts


@dataclass(frozen=True)
class Case:
    """A deployment as this machine sees it."""

    system: Parts
    role: Role | None
    """What this machine does; ``None``: whoever asks may do everything."""
    now: Callable[[], int]
    """This machine's wall clock."""
    zone: tzinfo | None
    load: Callable[[str], Registry]
    trip: Look | None
    """The way of one task on the embedded default; ``None``: left out."""

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return self.system.settings

    @property
    def needs_ledger(self) -> bool:
        """Whether this machine talks to the ledger: all do, but workers in two-queue on SQS."""
        settings = self.settings
        return self.role is not Role.WORKER or settings.sqs is None or settings.topology == SINGLE


def examine(case: Case) -> Iterator[Finding]:
    """What is looked at, one after the other."""
    settings, system = case.settings, case.system
    yield from attempt("settings", lambda: settings_told(settings))
    yield from attempt("settings", lambda: contradictions(settings, case.role))
    sound = True
    for finding in attempt("ledger", lambda: ledger_of(case)):
        sound = finding.state != WRONG
        yield finding
    if case.role is Role.WORKER and worker_grants(settings):
        yield from attempt("grants", lambda: granted(settings))
    yield from attempt("store", lambda: store_works(system, settings))
    if case.needs_ledger and sound:
        yield from attempt("clock", lambda: clock_agrees(system, case.now, case.zone))
    queues_sound = True
    for finding in sqs_of(case, ledger=case.needs_ledger and sound):
        queues_sound = queues_sound and finding.state != WRONG
        yield finding
    yield from events_of(case)
    yield from attempt("disk", lambda: disk_has_room(settings))
    yield from attempt("app", lambda: app_loads(settings, case.role, case.load))
    if case.trip is not None:
        yield from attempt("task", trip_of(case, sound=sound and queues_sound))


def trip_of(case: Case, *, sound: bool) -> Look:
    """How a task is sent: through a private system on the embedded default, else through the deployment itself."""
    if case.trip is not None and case.settings.embedded:
        return case.trip
    if case.role is not None:
        return trip.left_out
    return (lambda: trip.walk(case.settings)) if sound else trip.hopeless


def sqs_of(case: Case, *, ledger: bool) -> Iterator[Finding]:
    """Queues on SQS, over connections of the doctor's own. ``ledger``: whether it can be asked the time."""
    settings, role = case.settings, case.role
    place = settings.sqs
    if place is None or role is Role.CLIENT:
        return
    transport = open_transport(place.region)
    try:
        found = [*attempt("queues", lambda: queues.queues_stand(transport, role, place, settings))]
        yield from found
        if any(each.state == WRONG for each in found):
            return
        yield from attempt("allowed", lambda: queues.permitted(transport, role, place, settings))
        now = case.system.ledger.now if ledger else None
        yield from attempt("clock", lambda: queues.clocks_agree(transport, place, settings, case.now, now))
        if role is not Role.WORKER:
            yield from attempt("dead", lambda: queues.no_dead_letters(transport, place))
        handlers = handlers_of(case)
        yield from attempt("lease", lambda: queues.hides_long_enough(transport, place, settings, handlers))
    finally:
        transport.close()


def events_of(case: Case) -> Iterator[Finding]:
    """The queue on which the platform says which machines are gone, where orchestrators listen to it."""
    place = case.settings.events_place
    if place is None or case.role in {Role.WORKER, Role.CLIENT}:
        return
    transport = open_transport(place.region)
    try:
        yield from attempt("events", lambda: queues.events_heard(transport, case.role, place))
    finally:
        transport.close()


def handlers_of(case: Case) -> list[Handler]:
    """The handlers of the application, where one is named that can be loaded."""
    try:
        return [] if case.settings.app is None else [*case.load(case.settings.app).all()]
    except LeaseholdError:
        return []  # the check 'app' says why


def ledger_of(case: Case) -> Iterator[Said]:
    """The ledger, where this machine needs one."""
    settings = case.settings
    served = settings.sqs is not None or settings.ledger_path is None
    if case.role is Role.WORKER and case.needs_ledger and served:
        yield from ledger_answers(case.system, settings)  # a worker's role may not write what an orchestrator does
    elif case.needs_ledger:
        yield from ledger_works(case.system, settings)
    elif settings.ledger_path is not None:
        yield Said(OK, "this worker needs none, and none is set")
