"""The test server as a process of its own: its work takes nothing from the interpreter of whoever measures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, cast
from urllib.request import Request, urlopen

from leasehold.testing.sqs_server.faults import Fault
from leasehold.testing.sqs_server.requests import Tally
from leasehold.testing.sqs_server.server import environment

BOUND = 30.0
"""Seconds in which it answers and ends."""


class SqsServerProcess:
    """A test server in another process, for as long as the context lasts; it ends with this process at the latest."""

    def __init__(
        self, port: int = 0, *, faults: Iterable[Fault] = (), seed: int = 0, region: str = "us-east-1"
    ) -> None:
        self.region = region
        self.url = ""
        """The endpoint, once it runs."""
        self._faults = [*faults]
        command = [sys.executable, "-m", "leasehold.testing.sqs_server", "--leash"]
        self._command = [*command, "--port", str(port), "--seed", str(seed), "--region", region]
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise RuntimeError("the test server does not run: use it as a context manager")
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """The variables by which boto3, in any process, finds this server and nothing else."""
        return environment(self.url, self.region)

    def requests(self) -> dict[tuple[str, str], Tally]:
        """What was counted, by action and queue."""
        rows = cast("list[dict[str, Any]]", self._control("GET", "requests"))
        return {(row.pop("action"), row.pop("queue")): Tally(**row) for row in rows}

    def queues(self) -> dict[str, dict[str, int]]:
        """What is on each queue: ``visible``, ``in_flight``, ``delayed``. Exact, and counted as no request."""
        return cast("dict[str, dict[str, int]]", self._control("GET", "queues"))

    def reset(self) -> None:
        """Count from zero again."""
        self._control("DELETE", "requests")

    def add_faults(self, *faults: Fault) -> None:
        """From here on these too."""
        self._control("POST", "faults", [fault.written() for fault in faults])

    def clear_faults(self) -> None:
        """No more faults from here on."""
        self._control("DELETE", "faults")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not said:
            self._process.communicate(timeout=BOUND)
            raise RuntimeError(f"the test server did not start: it ended with status {self._process.returncode}")
        self.url = said.strip().partition("=")[2]
        self.add_faults(*self._faults)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate(timeout=BOUND)  # closes its standard input, which ends it

    def _control(self, method: str, path: str, given: object = None) -> object:
        body = None if given is None else json.dumps(given).encode()
        request = Request(f"{self.url}/_leasehold/{path}", body, method=method)  # noqa: S310 - http, on this machine
        with urlopen(request, timeout=BOUND) as reply:  # noqa: S310 - as above
            return json.load(reply)
