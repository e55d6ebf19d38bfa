"""What can be set, where it is read, and what it means: read once, frozen, passed on.

Plain values checked by plain functions: pydantic-settings takes longer to import than most commands take to run, and
forgets where a value came from, which is the first thing that somebody with a wrong one asks.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from leasehold.core.errors import BadSettings
from leasehold.core.suggest import did_you_mean
from leasehold.core.units import DAY, GIB, HOUR, KIB, MIB, MINUTE, SECOND, byte_count, milliseconds, say_duration

PREFIX = "LEASEHOLD_"
FILE = "leasehold.toml"
EMBEDDED = "embedded"
WINDOW_CEILING = 10_000
KEY_BYTES = 32
HIGHEST_PORT = 65_535


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


LOOPBACK = Address("127.0.0.1", 8300)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, resolved: durations in ms, sizes in bytes, paths absolute. Made by ``read_settings``."""

    ledger: str
    """``sqlite:////absolute/path`` or ``postgresql://...``."""
    queues: str
    """``embedded`` (in the ledger's database) or ``sqs://REGION/PREFIX``."""
    store: str
    """``file:///absolute/folder`` or ``s3://bucket/prefix``."""
    app: str | None = None
    """``module``, ``module:app``, ``path.py``, ``path.py:app`` or a command: where the handlers are."""
    topology: str = "two-queue"
    """``two-queue`` or ``single-queue``."""
    worker_slots: int = field(default_factory=lambda: os.cpu_count() or 1)
    worker_queues: tuple[str, ...] = ("default",)
    worker_environment: tuple[str, ...] = ()
    """Variables that handlers get beyond the usual ones; a trailing ``*`` stands for any ending."""
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
    capability_key: bytes | None = field(default=None, repr=False)
    """``None``: the one kept in the ledger."""
    signing_key: bytes | None = field(default=None, repr=False)
    verify_keys: tuple[bytes, ...] = ()
    recycle_runs: int = 10_000
    """A child is replaced after so many runs; 0: never."""
    recycle_mib: int = 512
    """A child is replaced when it has grown beyond this; 0: never."""
    log_level: str = "info"

    @property
    def ledger_path(self) -> Path | None:
        """The SQLite file, or ``None`` where the ledger is a server."""
        return _sqlite_path(self.ledger) if self.ledger.startswith(_SQLITE) else None

    @property
    def store_folder(self) -> Path | None:
        """The folder of the store, or ``None`` where it is remote."""
        return Path(unquote(urlsplit(self.store).path)) if self.store.startswith("file:") else None

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
        return Origin(str(path)), tomllib.loads(path.read_text(encoding="utf-8")).items()
    except FileNotFoundError as error:
        if named is None:
            return Origin(str(path)), ()
        raise BadSettings(
            f"{PREFIX}CONFIG names {path}, which does not exist: create it or unset the variable"
        ) from error
    except (OSError, ValueError) as error:
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
        shown = "" if key in _SECRET else f", not {written!r}"
        raise BadSettings(f"{origin.spelled(key)} in {origin.place} takes {takes}{shown}") from error


def _all_keys(origin: Origin) -> str:
    return " There are: " + ", ".join(origin.spelled(key) for key in KEYS)


# ---------------------------------------------------------------- what values may look like

_SQLITE = "sqlite:///"
_Parse = Callable[[Any], object]


def _text(written: object) -> str:
    if not isinstance(written, str) or not written.strip():
        raise ValueError(written)
    return written.strip()


def _one_of(*words: str) -> tuple[_Parse, str]:
    def parse(written: object) -> str:
        word = _text(written).lower()
        if word not in words:
            raise ValueError(word)
        return word

    return parse, " or ".join(repr(word) for word in words)


def _whole(low: int, high: int, example: str) -> tuple[_Parse, str]:
    def parse(written: object) -> int:
        if isinstance(written, (bool, float)):
            raise TypeError(written)
        number = int(str(written))
        if not low <= number <= high:
            raise ValueError(number)
        return number

    return parse, f"a whole number from {low:,} to {high:,}{example}"


def _duration(low: int, high: int, example: str) -> tuple[_Parse, str]:
    def parse(written: str | float) -> int:
        ms = milliseconds(written)
        if not low <= ms <= high:
            raise ValueError(ms)
        return ms

    return parse, f"a duration from {say_duration(low)} to {say_duration(high)}, such as {example}"


def _size(written: str | int) -> int:
    size = byte_count(written)
    if not KIB <= size <= GIB:
        raise ValueError(size)
    return size


def _ledger(written: object) -> str:
    url = _text(written)
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _SQLITE + quote(url)
    if scheme == "sqlite" and rest.startswith("/") and rest[1:] and ":memory:" not in rest:
        return url
    if scheme in {"postgresql", "postgres"} and rest:
        return f"postgresql://{rest}"
    raise ValueError(url)


def _queues(written: object) -> str:
    url = _text(written)
    if url != EMBEDDED and not re.fullmatch(r"sqs://[a-z0-9-]+/[A-Za-z0-9_-]+", url):
        raise ValueError(url)
    return url


def _store(written: object) -> str:
    url = _text(written)
    if "://" in url and not re.match(r"(file:///|(s3|gs|az)://.)", url):
        raise ValueError(url)
    return url


def _items(written: str | Sequence[str]) -> list[str]:
    return [_text(item) for item in (written.split(",") if isinstance(written, str) else written)]


def _names(written: str | Sequence[str]) -> tuple[str, ...]:
    names = _items(written)
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            raise ValueError(name)
    return tuple(dict.fromkeys(names))


def _variables(written: str | Sequence[str]) -> tuple[str, ...]:
    names = _items(written)
    for name in names:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\*?", name):
            raise ValueError(name)
    return tuple(dict.fromkeys(names))


def _key(written: object) -> bytes:
    key = bytes.fromhex(_text(written))
    if len(key) != KEY_BYTES:
        raise ValueError(len(key))
    return key


def _keys(written: str | Sequence[str]) -> tuple[bytes, ...]:
    return tuple(_key(item) for item in _items(written))


def _address(written: object) -> Address:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:]+)\]|([^:\[\]\s]+)):(\d{1,5})", _text(written))
    if match is None or int(match[3]) > HIGHEST_PORT:
        raise ValueError(written)
    return Address(match[1] or match[2], int(match[3]))


_HEX = f"{2 * KEY_BYTES} hexadecimal digits"
_SECRET = frozenset({"capability_key", "signing_key"})

KEYS: Mapping[str, tuple[_Parse, str]] = {
    "ledger": (_ledger, "a file, sqlite:///FILE or postgresql://USER@HOST/NAME"),
    "queues": (_queues, "'embedded' or sqs://REGION/PREFIX"),
    "store": (_store, "a folder, file:///FOLDER or s3://BUCKET/PREFIX"),
    "app": (_text, "MODULE:NAME or FILE.py:NAME, such as jobs:app"),
    "topology": _one_of("two-queue", "single-queue"),
    "worker_slots": _whole(1, 1_024, ", such as 4"),
    "worker_queues": (_names, "queue names of letters, digits, - and _, such as default,media"),
    "worker_environment": (_variables, "names of variables for handlers, such as API_TOKEN,AWS_*"),
    "lease_margin": _duration(SECOND, HOUR, "2s"),
    "term_grace": _duration(0, HOUR, "5s"),
    "validity": _duration(SECOND, DAY // 2, "10m"),
    "window": _whole(1, WINDOW_CEILING, ""),
    "payload_limit": (_size, "a size from 1KiB to 1GiB, such as 64MiB"),
    "dashboard_address": (_address, "HOST:PORT, such as 127.0.0.1:8300"),
    "capability_key": (_key, _HEX),
    "signing_key": (_key, _HEX),
    "verify_keys": (_keys, f"keys of {_HEX} each, separated by commas"),
    "recycle_runs": _whole(0, 10**9, " (0: never)"),
    "recycle_mib": _whole(0, 10**6, " (0: never)"),
    "log_level": _one_of("debug", "info", "warning", "error"),
}
"""Each setting: how it is parsed, and what it takes in words."""


# ---------------------------------------------------------------- what depends on other values

_SQS_REQUEST = 5 * SECOND
_SQS_REAP = SECOND
_LOCAL_REQUEST = SECOND // 4
_LOCAL_REAP = SECOND // 2


def _settled(found: dict[str, Any], folder: Path) -> Settings:
    """Fill in the defaults. They suit the ledger and the queues: a laptop need not wait for a far-away service."""
    ledger = _absolute(found.get("ledger", f"{_SQLITE}leasehold.db"), folder)
    queues: str = found.get("queues", EMBEDDED)
    near = queues == EMBEDDED
    grace: int = found.get("term_grace", SECOND if near else 5 * SECOND)
    reap = _LOCAL_REAP if near else _SQS_REAP
    margin: int = found.get("lease_margin", grace + reap + 2 * (_LOCAL_REQUEST if near else _SQS_REQUEST))
    if margin < grace + reap:
        raise BadSettings(
            f"lease_margin is {say_duration(margin)}, but a run is given term_grace ({say_duration(grace)}) to tidy up "
            f"and {say_duration(reap)} to be reaped: set lease_margin to at least {say_duration(grace + reap)}"
        )
    store = _folder_url(found["store"], folder) if "store" in found else _beside(ledger, folder)
    found |= {"ledger": ledger, "queues": queues, "store": store, "term_grace": grace, "lease_margin": margin}
    return Settings(**found)


def _sqlite_path(url: str) -> Path:
    return Path(unquote(url.removeprefix(_SQLITE).partition("?")[0]))


def _absolute(ledger: str, folder: Path) -> str:
    if not ledger.startswith(_SQLITE):
        return ledger
    path = folder.absolute() / _sqlite_path(ledger).expanduser()
    return _SQLITE + quote(str(path)) + "".join(ledger.partition("?")[1:])


def _folder_url(store: str, folder: Path) -> str:
    return store if "://" in store else (folder.absolute() / Path(store).expanduser()).as_uri()


def _beside(ledger: str, folder: Path) -> str:
    """``jobs.db`` keeps its objects in ``jobs.store``."""
    file = _sqlite_path(ledger) if ledger.startswith(_SQLITE) else folder.absolute() / "leasehold.db"
    return file.with_suffix(".store").as_uri()
