"""What every request passes first, and every answer last. Plain ASGI: it costs no task and no thread per request."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leasehold.core.units import MIB, say_bytes
from leasehold.flow.problems import BodyTooLarge, WrongHost
from leasehold.web.problems import answer

LARGEST_BODY = MIB
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
POLICY = "default-src 'none'; frame-ancestors 'none'"
"""Of what is no page: nothing may be fetched, run or shown because of it."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of a page: files of this server only, nothing that stands in the page itself, no frame around it."""
HEADERS = {
    "x-content-type-options": "nosniff",  # JSON that holds markup is JSON
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # whoever has to log in before a form is taken comes back to its page
    "cache-control": "no-store",
}


class Gate:
    """Turns away what is too large or meant for another host, and answers for defects.

    A name that an attacker's page resolves to 127.0.0.1 makes a browser ask this server with that name (DNS
    rebinding); without authentication the name is all that tells such a request from one of ours.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str] | None,
        largest_body: int = LARGEST_BODY,
        streams: Collection[str] = (),
    ) -> None:
        """``hosts``: names by which it may be asked (``None``: any); ``streams``: paths whose bodies have no bound."""
        self._app = app
        self._streams = streams
        self._hosts = hosts
        self._largest = largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, Heading(send)
        answering = Answering(send)
        try:
            streams = scope["path"] in self._streams
            self._check(Headers(scope=scope), bounded=not streams)
            await self._app(scope, receive if streams else Bounded(receive, self._largest), answering)
        except Exception as error:
            if isinstance(send, Heading) and send.told:
                return
            if answering.begun:  # too late for another answer: the connection is cut, and the reader sees that it is
                raise
            await (await answer(Request(scope), error))(scope, receive, answering)

    def _check(self, headers: Headers, *, bounded: bool) -> None:
        host = headers.get("host", "").lower()
        name = host.rsplit(":", 1)[0] if host.rpartition(":")[2].isdecimal() else host
        if self._hosts is not None and name not in self._hosts:
            raise WrongHost(f"this server is not {name[:100]!r}. It answers to {', '.join(sorted(self._hosts))}")
        length = headers.get("content-length", "0")
        if bounded and length.isdecimal() and int(length) > self._largest:
            raise BodyTooLarge(too_large(self._largest))


class Bounded:
    """A body that is read, but not beyond the limit: not every sender says beforehand how much it is."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self._receive = receive
        self._largest = largest
        self._read = 0

    async def __call__(self) -> Message:
        """The next part."""
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._largest:
            raise HTTPException(413, too_large(self._largest))  # the framework lets this pass, and no other error
        return message


class Heading:
    """The answer to a HEAD: that to a GET without its body, of which nothing is made that would be thrown away."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self.told = False

    async def __call__(self, message: Message) -> None:
        """Pass on how it begins. At the first part of a body, end it: a stream might go on for ever."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is None or self.told:
            return
        self.told = True
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": b""})
        if message.get("more_body", False):
            raise Headed


class Headed(Exception):
    """All that was asked for is said."""


class Answering:
    """An answer with the headers that each one has; knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        """Pass on a part of it."""
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            is_page = headers.get("content-type", "").startswith("text/html")
            headers["content-security-policy"] = PAGE_POLICY if is_page else POLICY
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def too_large(largest: int) -> str:
    """What is said of a body over the limit."""
    return f"the body of a request may have {say_bytes(largest)}"
