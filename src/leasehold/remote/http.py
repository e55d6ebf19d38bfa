"""One API over HTTP: requests, what is worth trying again, and what every refusal and failure means to a person."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import httpx2

from leasehold.core.errors import BadSettings, LeaseholdError, LedgerUnavailable, NotOurApi, Unavailable
from leasehold.flow import problems
from leasehold.flow.problems import BadMethod, BadRequest, NotFound, NotLoggedIn
from leasehold.flow.shapes import Shape
from leasehold.ports.clock import Bell

T = TypeVar("T")
PREFIX = "/api/v1"
LINES = "application/x-ndjson"
JSON = "application/json"
TIMEOUT = 60.0
"""Seconds without a byte of an answer after which it is given up."""
CONNECTING = 5.0
PAUSES = (500, 1_000, 2_000, 4_000)
"""ms between tries, at most: each is shortened by chance, so that many clients do not come back together."""
LONGEST_PAUSE = 10_000
"""ms that a server may ask us to wait before the next try."""
CONNECTIONS = 20
DIRECTLY = ("http://", "https://")
"""This machine is never asked through a proxy that the environment names."""
GATEWAY = (502, 503, 504)
"""What a proxy answers that cannot reach whom it stands before."""
OLDER = "there is no such parameter here"
"""What an API says of a field that came later."""


class Asked(NamedTuple):
    """One request. ``media`` is what its answer has to be."""

    method: str
    path: str
    query: Mapping[str, str | int] = {}
    body: bytes | None = None
    media: str = JSON

    def __str__(self) -> str:
        return f"{self.method} {PREFIX}{self.path}"


class Broken(LedgerUnavailable):
    """No answer came. ``unsent``: the request cannot have arrived."""

    def __init__(self, message: str, *, unsent: bool = False) -> None:
        super().__init__(message)
        self.unsent = unsent


class Api:
    """Asks one API. Thread-safe. The token goes to this address and nowhere else: redirects are not followed."""

    def __init__(
        self,
        url: str,
        token: str | None,
        bell: Bell,
        chance: Random,
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """``bell`` is waited for between tries; ``transport`` replaces the network.

        Raises ``BadSettings`` for a proxy that cannot be used.
        """
        self.url = url.rstrip("/")
        self._bell = bell
        self._chance = chance
        headers = {"user-agent": "leasehold", "accept": f"{JSON}, {LINES}, {problems.MEDIA_TYPE}"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        try:
            self._http = httpx2.Client(
                base_url=self.url + PREFIX,
                headers=headers,
                timeout=httpx2.Timeout(TIMEOUT, connect=CONNECTING),
                limits=httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
                follow_redirects=False,
                mounts=dict.fromkeys(DIRECTLY) if is_local(self.url) else None,
                transport=transport,
            )
        except (ImportError, ValueError) as error:
            raise BadSettings(
                f"ledger {self.url}: the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names is of a kind that "
                "cannot be used. Give http://HOST:PORT, or list the ledger's host in NO_PROXY"
            ) from error

    def __repr__(self) -> str:
        return f"Api({self.url!r})"

    def get(self, path: str, **query: str | int | None) -> Shape:
        """What stands at a path. Tried again while the ledger is away."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._tried(lambda: self._document(Asked("GET", path, asked)), always=True)

    def ask(self, path: str, body: Mapping[str, object]) -> Shape:
        """What is answered to a POST that changes nothing. Tried again while the ledger is away."""
        return self._tried(lambda: self._document(posted(path, body)), always=True)

    def change(self, path: str, body: Mapping[str, object] | None = None) -> Shape:
        """What is answered to a change. Tried again only where it cannot have arrived."""
        return self._tried(lambda: self._document(posted(path, body or {})), always=False)

    def stream(self, path: str, lines: Sequence[bytes]) -> list[Shape]:
        """What is answered to each line, without the last answer. Tried again: lines must bear being sent twice."""
        asked = Asked("POST", path, body=b"\n".join(lines), media=LINES)
        return self._tried(lambda: self._lines(asked), always=True)

    def close(self) -> None:
        """Release the connections."""
        self._http.close()

    # ------------------------------------------------------------ one try

    def _document(self, asked: Asked) -> Shape:
        return self._object(self._answered(asked))

    def _lines(self, asked: Asked) -> list[Shape]:
        lines = [self._object(line) for line in self._answered(asked).split(b"\n") if line]
        last = lines.pop() if lines else {}
        if "problem" in last:
            raise self._meant(self.read(lambda: problems.read(last["problem"])), asked)
        if not last.get("done"):
            raise Broken(f"ledger {self.url}: its answer broke off.")
        return lines

    def _object(self, text: bytes) -> Shape:
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._strange("with what is no JSON") from error
        if not isinstance(found, dict):
            raise self._strange("with JSON that is no object")
        return cast("Shape", found)

    def _answered(self, asked: Asked) -> bytes:
        """The body of a good answer; raises what any other means."""
        answer = self._sent(asked)
        given = answer.headers.get("content-type", "nothing").partition(";")[0].strip()
        if given == problems.MEDIA_TYPE:
            told = self._object(answer.content)
            error = self._meant(self.read(lambda: problems.read(told)), asked)
            if isinstance(error, Unavailable):
                error.retry_after = wanted_pause(answer)
            raise error
        if answer.is_redirect:
            host = urlsplit(answer.headers.get("location", "")).netloc or "another page"
            raise self._strange(
                f"by sending us on to {host}, which is not followed: it would be told the token. Perhaps a log-in "
                "stands before it: let that pass requests to /api/v1 that have a token"
            )
        if answer.status_code in GATEWAY:
            raise Broken(f"ledger {self.url}: what stands before it answers {answer.status_code}: it cannot reach it.")
        if answer.is_error or given != asked.media:
            raise self._strange(f"{answer.status_code} with {given}, not with {asked.media}")
        return answer.content

    def _sent(self, asked: Asked) -> httpx2.Response:
        headers = {} if asked.body is None else {"content-type": asked.media}
        try:
            return self._http.request(asked.method, asked.path, params=asked.query, content=asked.body, headers=headers)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            if untrusted(error):
                raise NotOurApi(
                    f"ledger {self.url}: no trusted connection comes about ({error}). Check the address (https or "
                    "http?); for a certificate of your own, name its authority in SSL_CERT_FILE"
                ) from error
            raise Broken(
                f"ledger {self.url}: nobody answers there ({error or 'no answer in time'}). Start it (leasehold "
                "dashboard), or correct LEASEHOLD_LEDGER.",
                unsent=True,
            ) from error
        except httpx2.TransportError as error:
            told = str(error) or type(error).__name__
            raise Broken(f"ledger {self.url}: the connection broke ({told}).") from error

    # ------------------------------------------------------------ what it means

    def _meant(self, error: LeaseholdError, asked: Asked) -> LeaseholdError:
        """A refusal, with what only this side knows about it."""
        if isinstance(error, NotFound | BadMethod):
            return NotOurApi(
                f"ledger {self.url}: its API has no {asked}. Perhaps it is older than this client, or the address has "
                "a path too much"
            )
        if isinstance(error, NotLoggedIn):
            return NotLoggedIn(
                f"ledger {self.url}: it wants a token. Set LEASEHOLD_TOKEN; make one there: leasehold tokens make NAME"
            )
        if isinstance(error, BadRequest) and OLDER in str(error):
            return BadRequest(f"{error}. The API may be older than this client")
        if isinstance(error, Unavailable):
            return type(error)(f"{self.url}: {error}")
        return error

    def _strange(self, how: str) -> NotOurApi:
        return NotOurApi(
            f"ledger {self.url}: it answers {how}. That is no API of Leasehold's: give the address that `leasehold "
            "dashboard` says, or that of the proxy before it, without /api/v1"
        )

    def read(self, reading: Callable[[], T]) -> T:
        """What a reading of an answer gives; raises ``NotOurApi`` where it makes no sense."""
        try:
            return reading()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            told = f"{type(error).__name__}: {error}"
            raise NotOurApi(
                f"ledger {self.url}: its answer cannot be read ({told}): the API may be of another version than this "
                "client"
            ) from error

    # ------------------------------------------------------------ again

    def _tried(self, once: Callable[[], T], *, always: bool) -> T:
        """Try until it works, some times. ``always``: also where the try before may have been heard."""
        for pause in self._pauses():
            try:
                return once()
            except Unavailable as error:
                unsent = isinstance(error, Broken) and error.unsent
                if not (always or unsent):
                    raise in_doubt(error) from error
                self._bell.wait("again", max(pause, error.retry_after))
        try:
            return once()
        except Unavailable as error:
            if always or (isinstance(error, Broken) and error.unsent):
                raise
            raise in_doubt(error) from error

    def _pauses(self) -> Iterator[int]:
        return (round(pause * self._chance.uniform(0.5, 1)) for pause in PAUSES)


def posted(path: str, body: Mapping[str, object]) -> Asked:
    """A POST of JSON, in ASCII: text may hold half a surrogate pair, which no UTF-8 can say."""
    return Asked("POST", path, body=json.dumps(body, allow_nan=False).encode())


def wanted_pause(answer: httpx2.Response) -> int:
    """Ms that the server asks us to wait."""
    after = answer.headers.get("retry-after", "")
    return min(LONGEST_PAUSE, 1_000 * int(after)) if after.isdecimal() else 0


def in_doubt(error: Unavailable) -> Unavailable:
    """What may have been done, and is not done again."""
    return LedgerUnavailable(f"{error} It is not known whether it was done: look before you do it again")


def is_local(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def untrusted(error: BaseException) -> bool:
    """Whether a connection failed because of what TLS found."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError) or "SSL" in str(found) or "certificate" in str(found):
            return True
        found = found.__cause__ or found.__context__
    return False
