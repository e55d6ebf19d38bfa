"""Settings -> adapters: which database, queues, bell and store a process works with. Each is made at first use.

At first use, so that a process touches only what its role needs: a worker in ``two-queue`` on SQS opens no ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from leasehold.adapters.bell import FifoBell
from leasehold.adapters.database import worker_role
from leasehold.adapters.database.ledger import DatabaseLedger
from leasehold.adapters.database.open import open_database
from leasehold.adapters.database.queue import DatabaseQueue
from leasehold.adapters.database.retention import DatabaseRetention
from leasehold.adapters.database.tokens import DatabaseTokens
from leasehold.adapters.database.views import DatabaseViews
from leasehold.adapters.presence import Elsewhere, Presence
from leasehold.core.addresses import not_by_api
from leasehold.core.errors import BadSettings
from leasehold.core.redaction import Redaction
from leasehold.flow.lease import Ahead
from leasehold.flow.metering import Meter
from leasehold.ports.access import Tokens
from leasehold.ports.clock import Bell, Clock
from leasehold.ports.ledger import Ledger
from leasehold.ports.queue import Queue
from leasehold.ports.retention import Retention
from leasehold.ports.store import Store
from leasehold.ports.tracing import UNTRACED, Tracing
from leasehold.ports.views import Views
from leasehold.remote import without_http
from leasehold.settings import Settings

if TYPE_CHECKING:
    from leasehold.adapters.database.connection import Database
    from leasehold.adapters.database.roles import Grant
    from leasehold.remote.client import RemoteClient
    from leasehold.remote.http import Api

STATUS = "status"


class Tempo(NamedTuple):
    """What is worth waiting for, where requests cost little and where they are billed."""

    linger: int
    """ms that a worker collects reports before it sends them; ``BACKLOGGED`` while more tasks wait in line there."""
    fetch_ahead: Ahead
    """What is fetched beyond the free slots, at most, where runs are measured to be short (R2)."""


LOCAL = Tempo(linger=10, fetch_ahead=Ahead(100, within=500))
"""Queues in a database: one transaction takes as many messages as it likes, and costs a few ms. So each takes little:
what waits in one worker, another that is free cannot run."""

BILLED = Tempo(linger=200, fetch_ahead=Ahead(20))
"""SQS: every ten messages cost a request to send, to receive and to delete. Two receives' worth is fetched ahead, so
that each of them can be a full one."""


BACKLOGGED = 200
"""ms that a worker collects reports while more tasks wait in line there."""


class Queues(Protocol):
    """The queues of one deployment, by their role."""

    def tasks(self, name: str) -> Queue:
        """The task queue called ``name``."""
        ...

    def status(self) -> Queue:
        """The status queue."""
        ...

    def dead(self) -> Queue | None:
        """Where messages end that were received too often; ``None`` where nothing is moved there."""
        ...


class DatabaseQueues:
    """Queues in the ledger's database, each made once."""

    def __init__(self, database: Database, clock: Clock, bell: Bell, meter: Meter) -> None:
        self._meter = meter
        self._database = database
        self._clock = clock
        self._bell = bell
        self._made: dict[str, DatabaseQueue] = {}

    def tasks(self, name: str) -> DatabaseQueue:
        """The task queue called ``name``; it rings under ``tasks:NAME``."""
        return self._named(f"tasks:{name}")

    def status(self) -> DatabaseQueue:
        """The status queue."""
        return self._named(STATUS)

    def dead(self) -> None:
        """There is none: workers take off by themselves what was received too often."""

    def _named(self, name: str) -> DatabaseQueue:
        if name not in self._made:
            self._made[name] = DatabaseQueue(
                name, self._database, clock=self._clock, bell=self._bell, topic=name, meter=self._meter
            )
        return self._made[name]


class Backends:
    """What the settings chose, each part made at first use. Close it when done."""

    def __init__(self, settings: Settings, clock: Clock, random: Random) -> None:
        self.settings = settings
        self._clock = clock
        self._random = random
        self._open = ExitStack()
        self.meter = Meter(clock)
        """Counts what this process asks of queues."""

    @cached_property
    def database(self) -> Database:
        """The ledger's database."""
        database = open_database(self.settings.ledger)
        self._open.callback(database.close)
        return database

    @cached_property
    def ledger(self) -> Ledger:
        """The write side of the ledger."""
        return DatabaseLedger(self.database, self.redaction)

    @cached_property
    def api(self) -> Api:
        """The API behind which the ledger is."""
        if self.settings.api is None:
            raise BadSettings(f"{self.settings.ledger_shown} is no address of an API")
        try:
            from leasehold.remote.http import Api
        except ModuleNotFoundError as error:
            raise without_http(error) from error
        api = Api(self.settings.api, self.settings.token, self.bell, self._random)
        self._open.callback(api.close)
        return api

    def remote_client(self, ids: Callable[[], str], tracing: Tracing) -> RemoteClient:
        """A client of that API."""
        api, limit = self.api, self.settings.payload_limit
        from leasehold.remote.client import RemoteClient

        return RemoteClient(api, self.bell, self._clock, ids=ids, payload_limit=limit, tracing=tracing)

    @cached_property
    def views(self) -> Views:
        """The read side of the ledger."""
        if self.settings.api is not None:
            api = self.api
            from leasehold.remote.views import RemoteViews

            return RemoteViews(api)
        return DatabaseViews(self.database, self.redaction)

    @cached_property
    def tokens(self) -> Tokens:
        """Who may use the dashboard from elsewhere."""
        return DatabaseTokens(self.database)

    @cached_property
    def retention(self) -> Retention:
        """The part of the ledger that forgets."""
        return DatabaseRetention(self.database, self.redaction)

    @cached_property
    def redaction(self) -> Redaction:
        """What is shown to nobody."""
        return Redaction(self.settings.redact_keys)

    @cached_property
    def bell(self) -> Bell:
        """Wakes the other processes that use this ledger."""
        path = self.settings.ledger_path
        if self.settings.api is not None:
            from leasehold.remote.bell import StillBell

            bell: Bell = StillBell()
        elif path is None:
            from leasehold.adapters.database.postgres_bell import PostgresBell

            bell = PostgresBell(self.settings.ledger)
        else:
            bell = FifoBell(path.with_name(f"{path.name}-bell"))
        self._open.callback(bell.close)
        return bell

    @cached_property
    def queues(self) -> Queues:
        """The queues."""
        sqs = self.settings.sqs
        if sqs is None:
            return DatabaseQueues(self.database, self._clock, self.bell, self.meter)
        from leasehold.adapters.sqs.queues import SqsQueues

        queues = SqsQueues(sqs.prefix, sqs.region, sqs.fifo, clock=self._clock, random=self._random, meter=self.meter)
        self._open.callback(queues.close)
        return queues

    @cached_property
    def events(self) -> Queue | None:
        """Where the platform says which machines are gone; ``None`` where nobody listens."""
        place = self.settings.events_place
        if place is None:
            return None
        from leasehold.adapters.sqs.queues import SqsQueues

        queues = SqsQueues("", place.region, clock=self._clock, random=self._random, meter=self.meter)
        self._open.callback(queues.close)
        return queues.events(place.name)

    @cached_property
    def store(self) -> Store:
        """Where checkpoints and large values are."""
        from leasehold.adapters.store import open_store

        if not self.settings.store:
            raise not_by_api(self.settings.ledger)
        return open_store(self.settings.store)

    @cached_property
    def sign(self) -> Callable[[str], str]:
        """What is done to a task message before it is sent: with ``signing_key`` it is signed."""
        key = self.settings.signing_key
        if key is None:
            return str
        try:
            from leasehold.adapters.signing import Signer
        except ModuleNotFoundError as error:
            raise unsigned("signing_key", error) from error
        return Signer(key)

    @cached_property
    def verified(self) -> Callable[[object], object]:
        """What is done to a task message before it is read: with ``verify_keys`` only what they signed is taken."""
        if not self.settings.verify_keys:
            return as_it_is
        try:
            from leasehold.adapters.signing import Verifier
        except ModuleNotFoundError as error:
            raise unsigned("verify_keys", error) from error
        return Verifier(self.settings.verify_keys)

    @cached_property
    def tracing(self) -> Tracing:
        """Where the spans of a role go."""
        if self.settings.traces == "off":
            return UNTRACED
        try:
            from leasehold.adapters.otlp import OtlpTracing
        except ModuleNotFoundError as error:
            raise BadSettings(
                f"traces=otlp needs {error.name}, which is not installed: pip install 'leasehold[otel]'"
            ) from error
        tracing = OtlpTracing()
        self._open.callback(tracing.close)
        return tracing

    @property
    def tempo(self) -> Tempo:
        """How these queues want to be used."""
        return LOCAL if self.settings.sqs is None else BILLED

    @property
    def presence(self) -> Presence | Elsewhere:
        """Who serves this ledger."""
        path = self.settings.ledger_path
        return Elsewhere() if path is None or not self.settings.embedded else Presence(path)

    def close(self) -> None:
        """Release what was made."""
        self._open.close()


def as_it_is(body: object) -> object:
    """A message nobody asks a signature of."""
    return body


def unsigned(setting: str, error: ModuleNotFoundError) -> BadSettings:
    """A key is set, and what could use it is not installed: better nothing runs than unprotected."""
    return BadSettings(f"{setting} needs {error.name}, which is not installed: pip install 'leasehold[signing]'")


def worker_grants(settings: Settings) -> tuple[Grant, ...]:
    """What a worker needs in the ledger's database; nothing where it does not talk to it, or where that is a file."""
    if settings.ledger_path is not None:
        return ()
    wanted = worker_role.wanted(claims=settings.topology == "single-queue", queues=settings.sqs is None)
    if wanted and settings.api is not None:
        raise not_by_api(settings.ledger)
    return wanted
