"""The whole system on this machine: an orchestrator and workers as child processes of whoever needs them."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from leasehold.adapters.presence import Presence
from leasehold.core.errors import LeaseholdError
from leasehold.settings import Settings

KILL_AFTER = 90
"""s that a process may take to drain before it is killed; its tasks then come back when their leases lapse."""


class Node:
    """One child process."""

    def __init__(self, role: str, name: str, settings: Settings) -> None:
        self.role = role
        self.name = name
        self.killed = False
        """Whether we killed it: then its end is no news."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "leasehold.node", role],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C is for the parent, which then stops its children in good order
        )
        self._say(json.dumps({"name": name, **written(settings)}))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def stop(self) -> None:
        """Ask it to stop in good order."""
        self._say("stop")

    def stop_now(self) -> None:
        """Ask it to stop at once; what it holds comes back when its lease lapses."""
        self._say("now")

    def kill(self) -> None:
        """SIGKILL, as a vanishing machine would."""
        self.killed = True
        self.process.kill()

    def _say(self, line: str) -> None:
        stdin = self.process.stdin
        if stdin is not None:
            with suppress(OSError, ValueError):  # it is gone already
                stdin.write(f"{line}\n")
                stdin.flush()


class EmbeddedSystem:
    """Starts what does not serve this ledger yet, and stops what it started. Thread-safe."""

    def __init__(self, settings: Settings, app: str, *, workers: int = 1) -> None:
        self._settings = settings
        self._app = app
        self._workers = workers
        self._lock = Lock()
        self.nodes: list[Node] = []

    def start(self) -> None:
        """Start an orchestrator and workers, each only if none serves this ledger."""
        with self._lock:
            if self.nodes:
                return
            atexit.register(self.stop)
            for role, count in (("orchestrator", 1), ("worker", self._workers)):
                if not self._served(role):
                    self.nodes += [self._node(role, f"{role}-{number + 1}") for number in range(count)]

    def _served(self, role: str) -> bool:
        path = self._settings.ledger_path
        return path is not None and Presence(path).anyone(role)

    def _node(self, role: str, name: str) -> Node:
        return Node(role, name, replace(self._settings, app=self._app))

    def workers(self) -> Iterator[Node]:
        """The worker nodes."""
        return (node for node in self.nodes if node.role == "worker")

    def check(self) -> None:
        """Raise ``LeaseholdError`` if a process of ours ended by itself: whoever waits would wait in vain."""
        for node in self.nodes:
            code = node.process.poll()
            if code is not None and not node.killed:
                raise LeaseholdError(f"{node.name} ended with exit code {code}; what it said stands above")

    def stop(self) -> None:
        """Drain the workers, then stop the orchestrator, so that what they report last is still recorded."""
        with self._lock:
            nodes, self.nodes = self.nodes, []
            atexit.unregister(self.stop)
        for role in ("worker", "orchestrator"):
            end([node for node in nodes if node.role == role])


def end(nodes: Sequence[Node]) -> None:
    """Stop them in good order; a second Ctrl-C stops them all at once."""
    for node in nodes:
        node.stop()
    try:
        for node in nodes:
            node.process.wait(KILL_AFTER)
    except KeyboardInterrupt:
        for node in nodes:
            node.stop_now()
        for node in nodes:
            node.process.wait(KILL_AFTER)
    except subprocess.TimeoutExpired:
        for node in nodes:
            node.kill()
            node.process.wait()


def written(settings: Settings) -> Mapping[str, object]:
    """The settings as they are written in a file, for another process to read."""
    return {
        "ledger": settings.ledger,
        "queues": settings.queues,
        "store": settings.store,
        "app": settings.app,
        "topology": settings.topology,
        "worker_slots": settings.worker_slots,
        "worker_queues": list(settings.worker_queues),
        "worker_environment": list(settings.worker_environment),
        "lease_margin": f"{settings.lease_margin}ms",
        "term_grace": f"{settings.term_grace}ms",
        "validity": f"{settings.validity}ms",
        "window": settings.window,
        "payload_limit": settings.payload_limit,
        "capability_key": settings.capability_key.hex() if settings.capability_key else None,
        "signing_key": settings.signing_key.hex() if settings.signing_key else None,
        "verify_keys": [key.hex() for key in settings.verify_keys] or None,
        "recycle_runs": settings.recycle_runs,
        "recycle_mib": settings.recycle_mib,
        "log_level": settings.log_level,
    }
