"""Settings -> objects: the only module that knows both the road and the adapters."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from random import Random, SystemRandom

from leasehold.adapters import collector
from leasehold.adapters.clock import SystemClock
from leasehold.adapters.database import worker_role
from leasehold.adapters.database.open import connect, mismatch, schema_version
from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.adapters.slots.pool import Recycling, SlotPool
from leasehold.adapters.spot import Metadata, SpotNotices, machine, metadata_of
from leasehold.adapters.tracing import ProgramTracing
from leasehold.backends import BACKLOGGED, Backends, worker_grants
from leasehold.core.errors import BadSettings
from leasehold.core.retention import Keep
from leasehold.core.wire import PACK_CEILING
from leasehold.flow.claims import LedgerClaims, LedgerOutbox
from leasehold.flow.client import Client
from leasehold.flow.dead_letters import DeadLetters
from leasehold.flow.desk import Desk
from leasehold.flow.dispatcher import Dispatcher
from leasehold.flow.errands import Errands, Executor, Threads
from leasehold.flow.gate import Gate
from leasehold.flow.horizon import Horizon
from leasehold.flow.ids import IdMaker
from leasehold.flow.intake import Intake
from leasehold.flow.ledger_client import LedgerClient
from leasehold.flow.marks import Marks
from leasehold.flow.metering import Accounts
from leasehold.flow.nodes import Orchestrator, Reader, WorkerNode
from leasehold.flow.outbox import GrantsAll, StatusQueueOutbox
from leasehold.flow.pace import Pace
from leasehold.flow.recall import PlatformEvents, Recall, all_heard
from leasehold.flow.recorder import RECORDING, Recorder
from leasehold.flow.reporter import Reporter
from leasehold.flow.retention import Pruner
from leasehold.flow.retention import Terms as Retaining
from leasehold.flow.scheduler import Scheduler
from leasehold.flow.service import Stop
from leasehold.flow.sweeper import Sweeper
from leasehold.flow.worker import Worker
from leasehold.logs import speak_as
from leasehold.ports.clock import Clock
from leasehold.ports.queue import Dated, Queue
from leasehold.ports.reports import Claims
from leasehold.ports.slots import Slots
from leasehold.ports.store import Store
from leasehold.ports.tracing import UNTRACED
from leasehold.settings import Settings

MOST_RECEIVES = 10
"""Receives of one message after which a worker takes it off the queue: something kills whoever holds it."""

STORE_THREADS = 16
"""Store calls that a worker may have under way at once; no thread is started before it is needed."""

WATCHFUL = 2_000
"""ms that a look at a queue may wait where somebody waits for its end: a recall, or a drain within a notice."""

PATIENCE = 30_000
"""ms that a draining worker leaves to runs that might end by themselves."""


class Parts(Backends):
    """What several roles share, each part made at first use from the settings. Close it when done.

    ``clock`` and ``random`` replace the machine's.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None, random: Random | None = None) -> None:
        self.clock = clock or SystemClock()
        self.random = random or SystemRandom()
        self.ids = IdMaker(self.clock, self.random)
        super().__init__(settings, self.clock, self.random)

    @cached_property
    def client(self) -> Client:
        """Submits, waits, cancels, retries."""
        tracing = ProgramTracing() if self.tracing is UNTRACED else self.tracing
        if self.settings.api is not None:
            return self.remote_client(self.ids, tracing)
        return LedgerClient(
            self.ledger,
            self.views,
            self.store,
            self.bell,
            self.clock,
            ids=self.ids,
            payload_limit=self.settings.payload_limit,
            tracing=tracing,
        )

    @cached_property
    def executor(self) -> Executor:
        """By whom a worker has its store calls made."""
        threads = Threads(STORE_THREADS)
        self._open.callback(threads.close)
        return threads

    @cached_property
    def accounts(self) -> Accounts:
        """By what an orchestrator's counts come into the ledger."""
        return Accounts(self.meter, self.ledger)

    def orchestrator(self) -> Orchestrator:
        """An orchestrator, not yet serving."""
        key = self.settings.capability_key or self.ledger.secret("capability")
        readers, lag, heard = self._readers(key)
        dispatcher = Dispatcher(
            self.ledger,
            self.queues.tasks,
            self.clock,
            key=key,
            validity=self.settings.validity,
            largest_window=self.settings.window,
            most_receives=MOST_RECEIVES,
            claims_before_run=self._claiming,
            sign=self.sign,
            tracing=self.tracing,
        )
        sweeper = Sweeper(
            self.ledger,
            self.clock,
            self.bell,
            lag,
            Marks(self.store).follow,
            claims_before_run=self._claiming,
            house=Accounts(self.meter, self.ledger, dispatcher.windows).keep,
        )
        scheduler = Scheduler(self.ledger, self.bell)
        recall = Recall(
            self.ledger,
            self.queues.tasks,
            heard,
            self.clock,
            self.bell,
            margin=self.settings.lease_margin,
            claims_before_run=self._claiming,
        )
        roles = (dispatcher, sweeper, scheduler, readers, self.bell, self.clock)
        return Orchestrator(*roles, poll=self.settings.long_poll, recall=recall, pruner=self._pruner())

    def _pruner(self) -> Pruner | None:
        """Who forgets what the settings do not keep; nobody, where they keep everything."""
        settings = self.settings
        keep = Keep(settings.keep_completed, settings.keep_failed, settings.keep_keys)
        if keep.completed is None and keep.failed is None and settings.keep_audit is None:
            return None
        return self.pruner(Retaining(keep, settings.archive == "store", settings.keep_audit))

    def pruner(self, terms: Retaining) -> Pruner:
        """Forgets what is older than these terms."""
        return Pruner(self.retention, self.store, self.clock, terms)

    def _readers(self, key: bytes) -> tuple[dict[str, Reader], Callable[[], int], Callable[[], int]]:
        """What takes messages from queues, how far (ms) the recorder among them is behind, what it has surely heard."""
        readers: dict[str, Reader] = {}
        if self.events is not None:
            readers["platform events"] = PlatformEvents(self.events, self.ledger)
        dead = self.queues.dead()
        if dead is not None:
            readers["dead letters"] = DeadLetters(dead, self.ledger, self.bell, key=key)
        if self._claiming:
            return readers, lambda: 0, self.clock.boot
        status, patience = self.queues.status(), self.settings.long_poll
        if self.events is not None:  # whoever waits for a recall waits for the looks of a recorder
            patience = min(patience, WATCHFUL)
        horizon = Horizon(self.clock, span=RECORDING + patience, patience=patience)
        parts = (status, self.ledger, self.bell, self.random)
        recorder = Recorder(*parts, key=key, horizon=horizon, meter=self.meter, tracing=self.tracing)
        heard = all_heard(status, self.clock) if isinstance(status, Dated) else horizon.heard
        return {"recorder": recorder, **readers}, lambda: recorder.lag, heard

    @property
    def _claiming(self) -> bool:
        """Whether workers ask the ledger before each run and report to it: the one place that knows the topology."""
        return self.settings.topology == "single-queue"

    @cached_property
    def _reports(self) -> tuple[Claims, StatusQueueOutbox | LedgerOutbox]:
        """Who grants a worker's runs, and where its reports go."""
        if self._claiming:
            recording = LedgerOutbox(self.ledger, self.bell, self.clock, self.random, self.meter, self.tracing)
            return LedgerClaims(self.ledger, self.bell), recording
        return GrantsAll(), StatusQueueOutbox(self.queues.status(), self.clock, ceiling=PACK_CEILING, meter=self.meter)

    def last_words(self) -> None:
        """Tell what a worker that holds nothing any more has counted and not told."""
        _, outbox = self._reports
        outbox.close()

    def worker(self, name: str) -> WorkerNode:
        """A worker node with its slots started, not yet serving. ``name`` tells it from all others in what it reports.

        What may be missing is opened before any process is started, and none is left behind where one is.
        """
        self._need_grants()
        claims, outbox = self._reports
        served, store, _ = self._served(), self.store, self.verified
        slots = self._slots()
        with ExitStack() as failing:
            failing.callback(slots.close)
            reporter = Reporter(outbox, self.clock, linger=self.tempo.linger, backlogged=BACKLOGGED)
            node = self._node(slots, reporter, claims, store, served, name)
            failing.pop_all()
        return node

    def _need_grants(self) -> None:
        """A role of PostgreSQL that lacks a grant ends the worker before it receives anything."""
        grants = worker_grants(self.settings)
        if grants:
            worker_role.require(self.settings.ledger, self.settings.ledger_shown, grants)

    def _node(
        self,
        slots: Slots,
        reporter: Reporter,
        claims: Claims,
        store: Store,
        served: list[list[Queue]],
        name: str,
    ) -> WorkerNode:
        settings = self.settings
        gate = Gate(claims, self.clock, apart=self._claiming, wake=slots.wake)
        worker = Worker(
            slots,
            reporter,
            gate,
            Desk(store, self.clock, Errands(self.executor, slots.wake), settings.payload_limit, self.tracing),
            self.clock,
            Pace(self.tempo.fetch_ahead),
            size=settings.worker_slots,
            margin=settings.lease_margin,
        )
        intakes = [
            Intake(
                queues,
                reporter,
                self.clock,
                worker=name,
                new_id=self.ids,
                knows=slots.knows,
                room=lambda: share(worker.room(), len(served)),
                give=worker.give,
                verified=self.verified,
            )
            for queues in served
        ]
        metadata, poll = self._metadata, settings.long_poll
        heeds_rebalance = settings.spot_rebalance == "drain"
        return WorkerNode(
            intakes,
            worker,
            reporter,
            slots,
            self.clock,
            poll=poll if metadata is None else min(poll, WATCHFUL),  # a drain waits for the look under way
            patience=PATIENCE,
            gate=gate if self._claiming else None,
            notices=None if metadata is None else SpotNotices(metadata, self.clock, rebalance=heeds_rebalance),
            reserve=settings.lease_margin,
        )

    def _slots(self) -> Slots:
        """Slots whose application is loaded: a broken one ends the worker before it receives anything."""
        settings = self.settings
        if settings.app is None:
            raise BadSettings("a worker needs an application: set --app MODULE:APP or LEASEHOLD_APP")
        slots = SlotPool(
            settings.app,
            settings.worker_slots,
            env=os.environ,
            grace=settings.term_grace,
            also=settings.worker_environment,
            redaction=self.redaction,
            recycling=Recycling(settings.recycle_runs or sys.maxsize, settings.recycle_mib or sys.maxsize),
            adopt=True,
        )
        try:
            slots.knows("")  # waits until it is loaded
        except BaseException:
            slots.close()
            raise
        return slots

    def _served(self) -> list[list[Queue]]:
        """The task queues of a worker, together where one intake serves them all.

        One look at several queues costs little where they are tables; where each look is billed and may wait for 20 s,
        each queue is waited for on its own.
        """
        queues = [self.queues.tasks(each) for each in self.settings.worker_queues]
        return [[queue] for queue in queues] if self.settings.sqs else [queues]

    @cached_property
    def _metadata(self) -> Metadata | None:
        """Whom a worker asks about the machine that it runs on."""
        return metadata_of(self.settings.spot_notices, os.environ)

    def called(self, name: str | None) -> str:
        """Who a worker is: its machine, as the platform calls it where that is known (R13), and its process."""
        there = machine(self._metadata, os.environ)
        if name is not None:
            return name if there is None else f"{there}/{name}"
        return f"{there or platform.node()}/{self._identity}"

    @cached_property
    def _identity(self) -> str:
        """This process, distinct also after a restart."""
        return f"{os.getpid()}-{self.random.randbytes(3).hex()}"


def share(room: int, among: int) -> int:
    """What each of several intakes may receive: its part of the room, and one message where there is any."""
    return max(1, room // among) if room > 0 else 0


def application(settings: Settings) -> str:
    """What a worker with these settings serves: its application and its queues."""
    return f"{settings.app} {','.join(sorted(settings.worker_queues))}"


def schema_of(settings: Settings) -> tuple[str | None, str]:
    """The schema that the ledger has (``None``: it is empty), and the one that this version needs.

    Raises ``SchemaMismatch`` where a newer Leasehold made it: nothing here can bring it back.
    """
    database = connect(settings.ledger)
    try:
        with database.read() as tx:
            found = schema_version(database, tx)
    finally:
        database.close()
    if found is not None and found > SCHEMA_VERSION:
        raise mismatch(settings.ledger_shown, found)
    return found, SCHEMA_VERSION


def migrate(settings: Settings) -> None:
    """Bring the ledger to this version's schema. Raises ``SchemaMismatch`` where no step leads there."""
    from leasehold.adapters.database.migrating import migrate as upgrade

    upgrade(settings.ledger)


def run_orchestrator(settings: Settings, stop: Stop, *, ready: Callable[[], None] = lambda: None) -> None:
    """Be an orchestrator until a stop is asked for. ``ready`` is called when all that it needs could be opened."""
    parts = Parts(settings)
    try:
        with parts.presence.of("orchestrator"):
            orchestrator = parts.orchestrator()
            collector.spare()
            ready()
            orchestrator.serve(stop, parts.random)
            parts.accounts.close()
    finally:
        parts.close()


def run_worker(
    settings: Settings,
    stop: Stop,
    *,
    name: str | None = None,
    at_once: Callable[[], bool] = lambda: False,
    ready: Callable[[], None] = lambda: None,
) -> bool:
    """Be a worker node until a stop is asked for and all that it holds is ended or given back; whether it was.

    ``ready`` is called when all that it needs could be opened; ``at_once`` says whether to give up the rest.
    """
    parts = Parts(settings)
    try:
        with parts.presence.of("worker", application(settings)):
            whole = parts.called(name)
            speak_as(whole)
            worker = parts.worker(whole)
            collector.spare()
            ready()
            drained = worker.serve(stop, parts.random, at_once=at_once)
            if drained:
                parts.last_words()
            return drained
    finally:
        parts.close()
