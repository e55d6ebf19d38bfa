"""What can be set, where it is read, and what it means: read once, frozen, passed on.

Plain values checked by plain functions: pydantic-settings takes longer to import than most commands take to run, and
forgets where a value came from, which is the first thing that somebody with a wrong one asks.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from leasehold.core.addresses import without_secrets
from leasehold.core.costing import FIFO, STANDARD
from leasehold.core.errors import BadSettings
from leasehold.core.suggest import did_you_mean
from leasehold.core.units import DAY, MIB, MINUTE, SECOND, say_duration
from leasehold.settings.values import (
    EMBEDDED,
    HTTP,
    KEYS,
    LONGEST_POLL,
    LOOPBACK,
    SECRET,
    SQLITE,
    WINDOW_CEILING,
    Address,
    EventsPlace,
    SqsPlace,
    events_place,
    sqs_place,
)

__all__ = ["Address", "EventsPlace", "Settings", "SqsPlace", "read_settings"]

PREFIX = "LEASEHOLD_"
FILE = "leasehold.toml"
LARGEST_FILE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, resolved: durations in ms, sizes in bytes, paths absolute. Made by ``read_settings``."""

    ledger: str = field(repr=False)
    """``sqlite:////absolute/path``, ``postgresql://...``, or ``https://...``: a ledger behind its API."""
    token: str | None = field(default=None, repr=False)
    """By which an API knows who asks."""
    queues: str
    """``embedded`` (in the ledger's database) or ``sqs://REGION/PREFIX``, the region optional; ``.fifo`` may end it."""
    store: str
    """``file:///absolute/folder`` or ``s3://bucket/prefix``; empty: the API has it."""
    app: str | None = None
    """``module``, ``module:app``, ``path.py``, ``path.py:app`` or a command: where the handlers are."""
    topology: str = "two-queue"
    """``two-queue`` or ``single-queue``."""
    events: str = ""
    """``sqs://REGION/QUEUE``, the region optional: where the platform says which machines are gone; empty: nowhere."""
    spot_notices: str = "auto"
    """Whether a worker asks the machine it runs on for notices of its end: ``auto`` (on EC2 only), ``on``, ``off``."""
    spot_rebalance: str = "ignore"
    """``drain``: leave at a rebalance recommendation too, which may never be followed by an interruption."""
    long_poll: int
    """How long one look for messages may wait for the first one."""
    worker_slots: int = field(default_factory=lambda: os.cpu_count() or 1)
    worker_queues: tuple[str, ...] = ("default",)
    worker_environment: tuple[str, ...] = ()
    """Variables that handlers get beyond the usual ones; a trailing ``*`` stands for any ending."""
    redact_keys: tuple[str, ...] = ()
    """Names of arguments whose values are shown to nobody, beyond the usual ones (``core/redaction.py``)."""
    lease_margin: int
    """What a worker keeps back of every lease, to stop a run and say so in time."""
    term_grace: int
    """How long a run may tidy up between TERM and KILL."""
    validity: int = 10 * MINUTE
    """How long after its dispatch a message may be started."""
    window: int = WINDOW_CEILING
    """Messages of one queue sent and not yet seen started, at most."""
    payload_limit: int = 64 * MIB
    dashboard_address: Address = LOOPBACK
    dashboard_login: str = "auto"
    """``auto``: whoever comes from this machine to an address of this machine is let in; ``always``: nobody is."""
    dashboard_proxies: tuple[str, ...] = ()
    """Networks of the proxies that are believed when they say who asks."""
    dashboard_user_header: str = "x-forwarded-user"
    dashboard_role_header: str = "x-forwarded-role"
    dashboard_hide: tuple[str, ...] = ()
    """What viewers are not shown: ``arguments``, ``results``, ``logs``."""
    capability_key: bytes | None = field(default=None, repr=False)
    """``None``: the one kept in the ledger."""
    signing_key: bytes | None = field(default=None, repr=False)
    verify_keys: tuple[bytes, ...] = ()
    keep_completed: int | None = None
    """How long a completed task is kept after its end; ``None``: for ever."""
    keep_failed: int | None = None
    """The same of failed and cancelled tasks."""
    keep_keys: int = 30 * DAY
    """How long after its submit a key finds its task, which is kept as long as that."""
    keep_audit: int | None = None
    """How long after its end a task's audit trail is kept; ``None``: as long as the task."""
    archive: str = "off"
    """``store``: what is not kept any more is written to the store first."""
    recycle_runs: int = 10_000
    """A child is replaced after so many runs; 0: never."""
    recycle_mib: int = 512
    """A child is replaced when it has grown beyond this; 0: never."""
    log_level: str = "info"
    log_format: str = "pretty"
    """``pretty``: for people; ``json``: one object a line."""
    traces: str = "off"
    """``otlp``: spans go to a collector, as OpenTelemetry's ``OTEL_*`` variables say."""
    price_standard: float = STANDARD
    """Dollars for a million requests, as billed, to standard queues."""
    price_fifo: float = FIFO
    price_slot_hour: float | None = None
    """Dollars for an hour of one slot; ``None``: not known."""

    @property
    def ledger_shown(self) -> str:
        """The ledger's address as people may see it: without a password."""
        return self.ledger if self.ledger.startswith(SQLITE) else without_secrets(self.ledger)

    @property
    def api(self) -> str | None:
        """The address of the API behind which the ledger is, or ``None`` where it is a database."""
        return self.ledger if self.ledger.startswith(HTTP) else None

    @property
    def ledger_path(self) -> Path | None:
        """The SQLite file, or ``None`` where the ledger is a server."""
        return _sqlite_path(self.ledger) if self.ledger.startswith(SQLITE) else None

    @property
    def store_folder(self) -> Path | None:
        """The folder of the store, or ``None`` where it is remote."""
        return Path(unquote(urlsplit(self.store).path)) if self.store.startswith("file:") else None

    @property
    def sqs(self) -> SqsPlace | None:
        """Where the queues are on SQS, or ``None`` where they are in the ledger's database."""
        return sqs_place(self.queues)

    @property
    def events_place(self) -> EventsPlace | None:
        """The queue of the platform's events, or ``None`` where nobody listens to them."""
        return events_place(self.events)

    @property
    def embedded(self) -> bool:
        """Whether one SQLite file is the whole system."""
        return self.queues == EMBEDDED and self.ledger_path is not None


class Origin(NamedTuple):
    """Where values were written down, for the people who wrote them."""

    place: str
    environment: bool = False

    def spelled(self, key: str) -> str:
        """The key as it is written there."""
        return f"{PREFIX}{key.upper()}" if self.environment else key


def read_settings(
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    given_by: str = "the call",
    **given: object,
) -> Settings:
    """Read the settings: what is ``given`` first (``None``: not given), then the environment, then the file.

    The file is ``leasehold.toml`` in ``folder`` (default: the working directory), or what ``LEASEHOLD_CONFIG`` names.
    ``given_by`` says in errors where ``given`` was written. Raises ``BadSettings`` for a key that does not exist, a
    value that does not parse, and values that contradict each other.
    """
    environ = os.environ if environ is None else environ
    folder = Path.cwd() if folder is None else folder
    sources: list[tuple[Origin, Iterable[tuple[str, object]]]] = [
        (Origin(given_by), [(key, value) for key, value in given.items() if value is not None]),
        (Origin("the environment", environment=True), _environment(environ)),
        _file(environ, folder),
    ]
    found: dict[str, Any] = {}
    for origin, pairs in sources:
        for key, written in pairs:
            value = _parsed(key, written, origin)
            found.setdefault(key, value)
    return _settled(found, folder)


# ---------------------------------------------------------------- where values come from

_NOT_SETTINGS = frozenset({"CONFIG", "DEBUG"})
"""Read by Leasehold too, but no settings: where the file is, and whether to show tracebacks."""
_KUBERNETES = re.compile(r"(SERVICE_HOST|(SERVICE_)?PORT)(_.*)?")
"""What Kubernetes puts into the environment of every pod in sight of a service called ``leasehold``."""


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    for name in sorted(environ):
        rest = name.removeprefix(PREFIX)
        if rest != name and rest not in _NOT_SETTINGS and not _KUBERNETES.fullmatch(rest):
            yield rest.lower(), environ[name]


def _file(environ: Mapping[str, str], folder: Path) -> tuple[Origin, Iterable[tuple[str, object]]]:
    named = environ.get(f"{PREFIX}CONFIG")
    path = folder / (named or FILE)
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise BadSettings(f"{path} is larger than any file of settings: over {LARGEST_FILE:,} characters")
        return Origin(str(path)), tomllib.loads(text).items()
    except FileNotFoundError as error:
        if named is None:
            return Origin(str(path)), ()
        raise BadSettings(
            f"{PREFIX}CONFIG names {path}, which does not exist: create it or unset the variable"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadSettings(f"{path} cannot be read as TOML: {error}") from error


def _parsed(key: str, written: object, origin: Origin) -> object:
    if key not in KEYS:
        name = origin.spelled(key)
        hint = did_you_mean(name, [origin.spelled(known) for known in KEYS])
        raise BadSettings(f"there is no setting {name!r} (read in {origin.place}).{hint or _all_keys(origin)}")
    parse, takes = KEYS[key]
    try:
        return parse(written)
    except (ValueError, TypeError) as error:
        named = without_secrets(written) if isinstance(written, str) else written
        shown = "" if key in SECRET else f", not {named!r}"
        raise BadSettings(f"{origin.spelled(key)} in {origin.place} takes {takes}{shown}") from error


def _all_keys(origin: Origin) -> str:
    return " There are: " + ", ".join(origin.spelled(key) for key in KEYS)


# ---------------------------------------------------------------- what depends on other values

_LOCAL_POLL = SECOND
_SQS_REQUEST = 5 * SECOND
_SQS_REAP = SECOND
_LOCAL_REQUEST = SECOND // 4
_LOCAL_REAP = SECOND // 2


def _settled(found: dict[str, Any], folder: Path) -> Settings:
    """Fill in the defaults. They suit the ledger and the queues: a laptop need not wait for a far-away service."""
    ledger = _absolute(found.get("ledger", f"{SQLITE}leasehold.db"), folder)
    queues: str = found.get("queues", EMBEDDED)
    near = queues == EMBEDDED and ledger.startswith((SQLITE, *HTTP))  # behind an API, that checks with its own margin
    grace: int = found.get("term_grace", SECOND if near else 5 * SECOND)
    reap = _LOCAL_REAP if near else _SQS_REAP
    margin: int = found.get("lease_margin", grace + reap + 2 * (_LOCAL_REQUEST if near else _SQS_REQUEST))
    if margin < grace + reap:
        raise BadSettings(
            f"lease_margin is {say_duration(margin)}, but a run is given term_grace ({say_duration(grace)}) to tidy up "
            f"and {say_duration(reap)} to be reaped: set lease_margin to at least {say_duration(grace + reap)}"
        )
    store = _folder_url(found["store"], folder) if "store" in found else _beside(ledger, folder)
    poll: int = found.get("long_poll", _LOCAL_POLL if queues == EMBEDDED else LONGEST_POLL)
    found |= {"ledger": ledger, "queues": queues, "store": store, "term_grace": grace, "lease_margin": margin}
    found["long_poll"] = poll
    return Settings(**found)


def _sqlite_path(url: str) -> Path:
    return Path(unquote(url.removeprefix(SQLITE).partition("?")[0]))


def _absolute(ledger: str, folder: Path) -> str:
    if not ledger.startswith(SQLITE):
        return ledger
    path = folder.absolute() / _sqlite_path(ledger).expanduser()
    return SQLITE + quote(str(path)) + "".join(ledger.partition("?")[1:])


def _folder_url(store: str, folder: Path) -> str:
    return store if "://" in store else (folder.absolute() / Path(store).expanduser()).as_uri()


def _beside(ledger: str, folder: Path) -> str:
    """``jobs.db`` keeps its objects in ``jobs.store``."""
    if ledger.startswith(HTTP):
        return ""
    file = _sqlite_path(ledger) if ledger.startswith(SQLITE) else folder.absolute() / "leasehold.db"
    return file.with_suffix(".store").as_uri()
