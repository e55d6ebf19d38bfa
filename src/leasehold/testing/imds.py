"""The instance metadata service of EC2 as far as Leasehold asks it: a real HTTP server with IMDSv2's token checks.

EC2 User Guide, "How Instance Metadata Service Version 2 works". For tests of spot notices::

    with ImdsServer() as imds:
        imds.interrupt("terminate", in_ms=120_000)
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self, cast

META = "/latest/meta-data/"
ACTION = f"{META}spot/instance-action"
REBALANCE = f"{META}events/recommendations/rebalance"
LIFECYCLE = f"{META}autoscaling/target-lifecycle-state"
INSTANCE = f"{META}instance-id"
TTL, TOKEN = "x-aws-ec2-metadata-token-ttl-seconds", "x-aws-ec2-metadata-token"
LONGEST_TTL = 21_600


class Listener(ThreadingHTTPServer):
    """One thread for each request; who gave up waiting for an answer, or was killed, is no news."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


class ImdsServer:
    """The metadata of one instance, on this machine only, for as long as the context lasts. Thread-safe."""

    def __init__(self, instance: str = "i-1234567890abcdef0") -> None:
        self.asked: list[tuple[str, str, int]] = []
        """Method, path and status of every request."""
        self.silent = Event()
        """While set, requests are taken and not answered, as behind a hop limit that is too low."""
        self._values = {INSTANCE: instance, LIFECYCLE: "InService"}
        self._tokens: dict[str, float] = {}
        self._lock = Lock()
        self._over = Event()
        self._server = Listener(("127.0.0.1", 0), handler(self))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """The endpoint, for ``AWS_EC2_METADATA_SERVICE_ENDPOINT``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """The variables by which a worker finds this server."""
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url,
            "AWS_EC2_METADATA_DISABLED": "false",
            "LEASEHOLD_SPOT_NOTICES": "on",
        }

    def interrupt(self, action: str = "terminate", *, in_ms: int = 120_000) -> None:
        """EC2 will take the instance away."""
        instant = datetime.fromtimestamp(time.time() + in_ms / 1_000, UTC)
        self.put(ACTION, json.dumps({"action": action, "time": instant.strftime("%Y-%m-%dT%H:%M:%SZ")}))

    def terminate(self) -> None:
        """The scaling group will terminate the instance."""
        self.put(LIFECYCLE, "Terminated")

    def recommend(self) -> None:
        """EC2 recommends to leave the instance."""
        self.put(REBALANCE, json.dumps({"noticeTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}))

    def put(self, path: str, text: str | None) -> None:
        """What stands under a path; ``None``: nothing."""
        with self._lock:
            self._values.pop(path, None)
            if text is not None:
                self._values[path] = text

    def expire_tokens(self) -> None:
        """Every token given so far is worth nothing any more."""
        with self._lock:
            self._tokens.clear()

    def answer(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        """Status and body for one request."""
        self._hang()
        with self._lock:
            status, text = self._token(headers) if method == "PUT" else self._value(path, headers)
            self.asked.append((method, path, status))
        return status, text

    def _hang(self) -> None:
        while self.silent.is_set() and not self._over.wait(0.05):
            pass

    def _token(self, headers: Mapping[str, str]) -> tuple[int, str]:
        ttl = headers.get(TTL, "")
        if not ttl.isdigit() or not 0 < int(ttl) <= LONGEST_TTL:
            return 400, "Bad Request"
        if "x-forwarded-for" in headers:
            return 403, "Forbidden"
        token = token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(ttl)
        return 200, token

    def _value(self, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        if self._tokens.get(headers.get(TOKEN, ""), 0) <= time.monotonic():
            return 401, "Unauthorized"
        value = self._values.get(path)
        return (404, "Not Found") if value is None else (200, value)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def handler(server: ImdsServer) -> type[BaseHTTPRequestHandler]:
    """A class of handlers for one server."""

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, text = server.answer(self.command, self.path, headers)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = cast("Callable[[], None]", respond)  # noqa: N815 - the names that the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    return Handler
