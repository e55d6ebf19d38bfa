"""The control path: what a test in another process may ask of the server, in JSON.

``GET``, ``DELETE /_leasehold/requests``; ``GET``, ``POST``, ``DELETE /_leasehold/faults``;
``GET``, ``POST /_leasehold/clock``; ``GET /_leasehold/queues``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from leasehold.testing.clock import ManualClock
from leasehold.testing.sqs_server.account import Account
from leasehold.testing.sqs_server.faults import Fault, FaultBook
from leasehold.testing.sqs_server.http import Request, Response
from leasehold.testing.sqs_server.polls import Polls
from leasehold.testing.sqs_server.requests import Requests

PREFIX = "/_leasehold/"


class Control:
    """Answers the control path."""

    def __init__(self, account: Account, polls: Polls, requests: Requests, faults: FaultBook) -> None:
        self._account = account
        self._polls = polls
        self._requests = requests
        self._faults = faults
        self._acts: dict[tuple[str, str], Callable[[Any], object]] = {
            ("GET", "requests"): lambda _: self._requests.listed(),
            ("DELETE", "requests"): lambda _: self._requests.reset(),
            ("GET", "faults"): lambda _: {"faults": self._faults.listed(), "fired": dict(self._faults.fired)},
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): lambda _: self._faults.clear(),
            ("GET", "clock"): lambda _: {"now": self._account.clock.now()},
            ("POST", "clock"): self._advance,
            ("GET", "queues"): lambda _: self._queues(),
        }

    def __call__(self, request: Request) -> Response:
        """Do what is asked."""
        act = self._acts.get((request.method, request.path.removeprefix(PREFIX)))
        if act is None:
            known = ", ".join(f"{method} {PREFIX}{path}" for method, path in self._acts)
            return _problem(404, f"there is no {request.method} {request.path}. There are: {known}.")
        try:
            done = act(json.loads(request.body or b"null"))
        except (ValueError, TypeError, KeyError) as error:
            return _problem(400, str(error))
        return Response(json.dumps(done).encode())

    def _add_faults(self, given: object) -> None:
        faults = cast("list[object]", given) if isinstance(given, list) else [given]
        self._faults.add(*[_fault(fault) for fault in faults])

    def _advance(self, given: dict[str, int]) -> object:
        clock = self._account.clock
        if isinstance(clock, ManualClock):
            clock.advance(given["advance"])
            return {"now": clock.now()}
        raise ValueError("the clock runs by itself: only a server with a manual clock lets it be turned")

    def _queues(self) -> object:
        return {name: queue.shelf.counts()._asdict() for name, queue in self._account.queues.items()}


def _fault(given: object) -> Fault:
    if not isinstance(given, dict):
        raise TypeError('a fault is an object: {"kind": "throttle", "rate": 0.1}')
    return Fault.read(cast("dict[str, Any]", given))


def _problem(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message}).encode(), status)
