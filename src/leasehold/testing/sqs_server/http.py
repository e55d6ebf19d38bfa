"""Just enough HTTP/1.1 for an SDK on the same machine: keep-alive, pipelining, bodies with a length."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

LARGEST_HEAD = 65_536
LARGEST = 8 * 1_048_576
END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*\r\n", re.IGNORECASE)
TARGET = re.compile(rb"\r\nx-amz-target:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)
AUTHORIZATION = re.compile(rb"\r\nauthorization:[^\r\n]*?Credential=([^/\r\n]*)/[^/\r\n]*/([^/\r\n]*)/", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Request(NamedTuple):
    """One request, as far as this server looks."""

    method: str
    path: str
    target: str
    """Of ``X-Amz-Target``: ``AmazonSQS.ACTION``."""
    key: str
    """The access key id of the signature; empty without one."""
    region: str
    """The region of the signature."""
    body: bytes


class Response(NamedTuple):
    """What is sent back."""

    body: bytes
    status: int = 200
    headers: str = ""
    """Further header lines, each with its line end."""


class Answerer(Protocol):
    """Takes a response, or ``None`` to drop the connection without one. May be called later, and at most once."""

    def __call__(self, response: Response | None, /) -> None:
        """Answer."""
        ...


class Handler(Protocol):
    """Acts on requests."""

    def __call__(self, request: Request, answer: Answerer, /) -> Callable[[], None] | None:
        """Answer now, or later; then the result ends the wait, should the caller go away."""
        ...


class Stamp(Protocol):
    """The time, as headers want it."""

    def __call__(self) -> str:
        """``Date`` and request id, each with its line end."""
        ...


class Connection(asyncio.Protocol):
    """One client. Requests are answered in the order in which they came: the next is read after the last's answer."""

    def __init__(self, handler: Handler, stamp: Stamp, everyone: set[Connection]) -> None:
        self._handler = handler
        self._stamp = stamp
        self._everyone = everyone
        self._unread = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiting = False
        self._answering = False
        self._last = False
        self._forget: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._everyone.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client is gone, and hears no answer any more."""
        self._transport = None
        self._everyone.discard(self)
        if self._forget is not None:
            self._forget()

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        self._unread += data
        self._read()

    def drop(self) -> None:
        """End the connection as a crash would."""
        if self._transport is not None:
            self._transport.abort()

    def _read(self) -> None:
        """Act on every request that has come whole, unless one is still unanswered."""
        if self._answering:
            return
        self._answering = True
        while not self._waiting and self._transport is not None and (request := self._next()) is not None:
            self._waiting = True
            self._forget = self._handler(request, self._answer)
        self._answering = False

    def _answer(self, response: Response | None) -> None:
        self._waiting = False
        self._forget = None
        if response is None:
            self.drop()
        else:
            self._write(response)
            self._read()

    def _write(self, response: Response) -> None:
        if self._transport is None:
            return
        body, status, headers = response
        close = "Connection: close\r\n" if self._last else ""
        head = (
            f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}\r\n{self._stamp()}"
            f"Content-Type: application/x-amz-json-1.0\r\n{headers}{close}Content-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode("latin-1", "replace") + body)
        if self._last:
            self._transport.close()
            self._transport = None

    def _next(self) -> Request | None:
        unread = self._unread
        end = unread.find(END)
        if end < 0:
            return self._refuse(431) if len(unread) > LARGEST_HEAD else None
        head = bytes(unread[: end + 2])
        if CHUNKED.search(head) is not None:
            return self._refuse(411)
        length = int(found[1]) if (found := LENGTH.search(head)) is not None else 0
        if length > LARGEST:
            return self._refuse(413)
        whole = end + len(END) + length
        if len(unread) < whole:
            self._go_on(head)
            return None
        body = bytes(unread[end + len(END) : whole])
        del unread[:whole]
        return self._request(head, body)

    def _request(self, head: bytes, body: bytes) -> Request | None:
        words = head[: head.find(b"\r\n")].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return self._refuse(400)
        self._last = words[2] == "HTTP/1.0" or CLOSE.search(head) is not None
        target, signed = TARGET.search(head), AUTHORIZATION.search(head)
        return Request(
            words[0],
            words[1],
            target[1].decode("latin-1") if target else "",
            signed[1].decode("latin-1") if signed else "",
            signed[2].decode("latin-1") if signed else "",
            body,
        )

    def _go_on(self, head: bytes) -> None:
        """A client that asks before it sends a body is told to send it, once."""
        if self._transport is not None and EXPECT.search(head) is not None and len(self._unread) == len(head) + 2:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, status: int) -> None:
        """This is nothing that the server can read on from."""
        self._unread.clear()
        self._last = True
        self._write(Response(b"", status))
