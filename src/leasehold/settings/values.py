"""What each setting may look like: one plain parser for each, with what it takes in words."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from leasehold.core.queues import NAMED, is_queue
from leasehold.core.units import DAY, GIB, HOUR, KIB, SECOND, byte_count, milliseconds, say_duration

EMBEDDED = "embedded"
WINDOW_CEILING = 10_000
KEY_BYTES = 32
MOST_DOLLARS = 1_000_000
LONGEST_POLL = 20 * SECOND
"""What SQS allows (Amazon SQS API reference, ReceiveMessage, WaitTimeSeconds)."""
HIGHEST_PORT = 65_535


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


LOOPBACK = Address("127.0.0.1", 8300)


class EventsPlace(NamedTuple):
    """Where the platform's events arrive: one queue on SQS. Without a region, boto3's own chain finds it."""

    name: str
    region: str | None


class SqsPlace(NamedTuple):
    """Where queues are on SQS: all their names begin with ``prefix``. Without a region, boto3's own chain finds it."""

    prefix: str
    region: str | None
    fifo: bool
    """Whether the task queues are FIFO queues."""


SQLITE = "sqlite:///"
"""How the address of a file begins."""
Parse = Callable[[Any], object]


def _text(written: object) -> str:
    if not isinstance(written, str) or not written.strip():
        raise ValueError(written)
    return written.strip()


def _one_of(*words: str) -> tuple[Parse, str]:
    def parse(written: object) -> str:
        word = _text(written).lower()
        if word not in words:
            raise ValueError(word)
        return word

    return parse, " or ".join(repr(word) for word in words)


def _whole(low: int, high: int, example: str) -> tuple[Parse, str]:
    def parse(written: object) -> int:
        if isinstance(written, (bool, float)):
            raise TypeError(written)
        number = int(str(written))
        if not low <= number <= high:
            raise ValueError(number)
        return number

    return parse, f"a whole number from {low:,} to {high:,}{example}"


def _duration(low: int, high: int, example: str) -> tuple[Parse, str]:
    def parse(written: str | float) -> int:
        ms = milliseconds(written)
        if not low <= ms <= high:
            raise ValueError(ms)
        return ms

    return parse, f"a duration from {say_duration(low)} to {say_duration(high)}, such as {example}"


YEARS = 3_650 * DAY


def _keeping(example: str, otherwise: str = "forever") -> tuple[Parse, str]:
    """A time, or the word for none."""
    parse, takes = _duration(HOUR, YEARS, example)

    def kept(written: object) -> object:
        return None if written == otherwise else parse(written)

    return kept, f"{otherwise!r} or {takes}"


def _size(written: str | int) -> int:
    size = byte_count(written)
    if not KIB <= size <= GIB:
        raise ValueError(size)
    return size


def _dollars(written: str | float) -> float:
    if isinstance(written, bool):
        raise TypeError(written)
    price = float(written)
    if not 0 <= price <= MOST_DOLLARS:
        raise ValueError(price)
    return price


def _ledger(written: object) -> str:
    url = _text(written)
    scheme, separator, rest = url.partition("://")
    if not separator:
        return SQLITE + quote(url)
    if scheme == "sqlite" and rest.startswith("/") and rest[1:] and ":memory:" not in rest:
        return url
    if scheme in {"postgresql", "postgres"} and rest:
        return f"postgresql://{rest}"
    if url.startswith(HTTP):
        return _api(url)
    raise ValueError(url)


HTTP = ("http://", "https://")
"""How the address of an API begins."""


def _api(url: str) -> str:
    """The address of an API: nothing in it but where it is. A token is a setting of its own."""
    parts = urlsplit(url)
    port_of = parts.port  # raises ValueError for what is none
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment or port_of == 0:
        raise ValueError(url)
    return url.rstrip("/").removesuffix("/api/v1")


def _token(written: object) -> str:
    token = _text(written)
    if not re.fullmatch(r"[!-~]{1,1000}", token):
        raise ValueError(len(token))
    return token


_SQS = re.compile(r"sqs://(?:([a-z0-9-]+)/)?([A-Za-z0-9_-]{1,40})(\.fifo)?")
"""A queue's name has at most 80 characters: there must be room for what follows the prefix."""


def _queues(written: object) -> str:
    url = _text(written)
    if url != EMBEDDED and sqs_place(url) is None:
        raise ValueError(url)
    return url


def sqs_place(url: str) -> SqsPlace | None:
    """Where the queues are, or ``None`` where that is not on SQS."""
    match = _SQS.fullmatch(url)
    return SqsPlace(match[2], match[1], match[3] is not None) if match else None


_EVENTS = re.compile(r"sqs://(?:([a-z0-9-]+)/)?([A-Za-z0-9_-]{1,80})")


def events_place(url: str) -> EventsPlace | None:
    """Which queue brings the platform's events, or ``None`` where none does."""
    match = _EVENTS.fullmatch(url)
    return EventsPlace(match[2], match[1]) if match else None


def _events(written: object) -> str:
    if written == "":
        return ""
    url = _text(written)
    if events_place(url) is None:
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
        if not is_queue(name):
            raise ValueError(name)
    return tuple(dict.fromkeys(names))


def _hidden(written: str | Sequence[str]) -> tuple[str, ...]:
    names = _items(written)
    for name in names:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
            raise ValueError(name)
    return tuple(dict.fromkeys(names))


def _peers(written: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(item, strict=False)) for item in _items(written))


def _header(written: object) -> str:
    name = _text(written).lower()
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise ValueError(name)
    return name


def _some_of(*words: str) -> tuple[Parse, str]:
    def parse(written: str | Sequence[str]) -> tuple[str, ...]:
        items = _items(written)
        if not set(items) <= set(words):
            raise ValueError(items)
        return tuple(word for word in words if word in items)

    return parse, f"some of {', '.join(words)}, separated by commas"


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


_PRICE = "a price in dollars, such as 0.40"
_HEX = f"{2 * KEY_BYTES} hexadecimal digits"
SECRET = frozenset({"capability_key", "signing_key", "token"})

KEYS: Mapping[str, tuple[Parse, str]] = {
    "ledger": (_ledger, "a file, sqlite:///FILE, postgresql://USER@HOST/NAME or the API's https://HOST"),
    "queues": (_queues, "'embedded', sqs://PREFIX or sqs://REGION/PREFIX"),
    "store": (_store, "a folder, file:///FOLDER or s3://BUCKET/PREFIX"),
    "token": (_token, "the text that `leasehold tokens make` printed"),
    "app": (_text, "MODULE:NAME or FILE.py:NAME, such as jobs:app"),
    "topology": _one_of("two-queue", "single-queue"),
    "events": (_events, "sqs://QUEUE or sqs://REGION/QUEUE, where EventBridge puts what becomes of machines"),
    "spot_notices": _one_of("auto", "on", "off"),
    "traces": _one_of("off", "otlp"),
    "spot_rebalance": _one_of("ignore", "drain"),
    "long_poll": _duration(0, LONGEST_POLL, "20s"),
    "worker_slots": _whole(1, 1_024, ", such as 4"),
    "worker_queues": (_names, f"queue names of {NAMED}, such as default,media"),
    "worker_environment": (_variables, "names of variables for handlers, such as API_TOKEN,AWS_*"),
    "redact_keys": (_hidden, "names of arguments that are shown to nobody, such as pin,patient_id"),
    "lease_margin": _duration(SECOND, HOUR, "2s"),
    "term_grace": _duration(0, HOUR, "5s"),
    "validity": _duration(SECOND, DAY // 2, "10m"),
    "window": _whole(1, WINDOW_CEILING, ""),
    "keep_completed": _keeping("30d"),
    "keep_failed": _keeping("90d"),
    "keep_keys": _duration(0, YEARS, "30d"),
    "keep_audit": _keeping("365d", "task"),
    "archive": _one_of("off", "store"),
    "payload_limit": (_size, "a size from 1KiB to 1GiB, such as 64MiB"),
    "dashboard_address": (_address, "HOST:PORT, such as 127.0.0.1:8300"),
    "dashboard_login": _one_of("auto", "always"),
    "dashboard_proxies": (_peers, "addresses or networks of proxies, such as 10.0.0.7,10.1.0.0/16"),
    "dashboard_user_header": (_header, "the name of a header, such as X-Forwarded-User"),
    "dashboard_role_header": (_header, "the name of a header, such as X-Forwarded-Role"),
    "dashboard_hide": _some_of("arguments", "results", "logs", "errors"),
    "capability_key": (_key, _HEX),
    "signing_key": (_key, _HEX),
    "verify_keys": (_keys, f"keys of {_HEX} each, separated by commas"),
    "recycle_runs": _whole(0, 10**9, " (0: never)"),
    "recycle_mib": _whole(0, 10**6, " (0: never)"),
    "price_standard": (_dollars, _PRICE),
    "price_fifo": (_dollars, _PRICE),
    "price_slot_hour": (_dollars, _PRICE),
    "log_format": _one_of("pretty", "json"),
    "log_level": _one_of("debug", "info", "warning", "error"),
}
"""Each setting: how it is parsed, and what it takes in words."""
