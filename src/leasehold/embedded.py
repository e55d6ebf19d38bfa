"""The whole system on this machine: an orchestrator and workers as child processes of whoever needs them."""

from __future__ import annotations

import atexit
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from secrets import token_hex
from threading import Lock

from leasehold.adapters.presence import Presence
from leasehold.assemble import application
from leasehold.core.errors import LeaseholdError
from leasehold.settings import Settings

log = logging.getLogger("leasehold.embedded")

YOUNG = 30
"""s within which a process that ends by itself is not started again."""

KILL_AFTER = 90
"""s that a process may take to drain before it is killed; its tasks then come back when their leases lapse."""


class Node:
    """One child process."""

    def __init__(self, role: str, name: str, settings: Settings) -> None:
        self.role = role
        self.name = name
        self.born = time.monotonic()
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
    """Starts what does not serve this ledger and this application yet, and stops what it started. Thread-safe."""

    def __init__(self, settings: Settings, app: str, *, workers: int = 1) -> None:
        self._settings = replace(settings, app=app)
        self._roles = {"orchestrator": 1, "worker": workers}
        self._lock = Lock()
        self._started = False
        self.nodes: list[Node] = []

    def start(self) -> None:
        """Start an orchestrator and workers, each only if nobody plays that role."""
        with self._lock:
            if not self._started:
                self._started = True
                atexit.register(self.stop)
                self._fill()

    def _fill(self) -> None:
        for role, count in self._roles.items():
            if not any(node.role == role for node in self.nodes) and not self._served(role):
                self.nodes += [self._node(role, f"{role}-{number + 1}") for number in range(count)]

    def _node(self, role: str, place: str) -> Node:
        return Node(role, f"{place}.{token_hex(2)}", self._settings)  # no two boots of a place share a name

    def _served(self, role: str) -> bool:
        path = self._settings.ledger_path
        whose = application(self._settings) if role == "worker" else ""
        return path is not None and Presence(path).anyone(role, whose)

    def workers(self) -> Iterator[Node]:
        """The worker nodes."""
        return (node for node in self.nodes if node.role == "worker")

    def check(self) -> None:
        """Look whether everything is still served: by us, or by those who were there before us.

        A process of ours that ended by itself is started again. Raises ``LeaseholdError`` if it had hardly begun:
        it would end again, and whoever waits would wait in vain.
        """
        with self._lock:
            for node in [node for node in self.nodes if node.process.poll() is not None and not node.killed]:
                code = node.process.returncode
                if time.monotonic() - node.born < YOUNG:
                    raise LeaseholdError(f"{node.name} ended with exit code {code}; what it said stands above")
                log.warning("%s ended with exit code %s; it is started again", node.name, code)
                self.nodes[self.nodes.index(node)] = self._node(node.role, node.name.partition(".")[0])
            if self._started:
                self._fill()

    def stop(self) -> None:
        """Drain the workers, then stop the orchestrator, so that what they report last is still recorded."""
        with self._lock:
            nodes, self.nodes = self.nodes, []
            self._started = False
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
        "long_poll": f"{settings.long_poll}ms",
        "worker_slots": settings.worker_slots,
        "worker_queues": list(settings.worker_queues),
        "worker_environment": list(settings.worker_environment),
        "redact_keys": list(settings.redact_keys) or None,
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
        # What a program's own processes say stands among the program's own lines: only what needs attention.
        "traces": settings.traces,
        "log_format": settings.log_format,
        "log_level": "warning" if settings.log_level == "info" else settings.log_level,
    }
