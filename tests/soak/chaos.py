"""Lets the blows fall, and writes down each with whom it hit: by that log, what happened can be explained."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from threading import Thread
from time import monotonic

from tests.acceptance.sites import Site
from tests.soak.disks import Disk
from tests.soak.fleet import ORCHESTRATORS, WORKERS, Fleet, below, send, stop_all
from tests.soak.history import note
from tests.soak.plan import Blow
from tests.soak.queue_server import QueueServer

Mend = Callable[[], None]
FAULTS = (
    {"kind": "duplicate", "rate": 0.15},
    {"kind": "lose_reply_receive", "rate": 0.05},
    {"kind": "lose_send", "rate": 0.05},
    {"kind": "lose_reply_send", "rate": 0.1},
    {"kind": "lose_reply_delete", "rate": 0.1},
    {"kind": "undeleted", "rate": 0.1},
    {"kind": "fail_entry", "rate": 0.1},
    {"kind": "reorder", "rate": 0.2},
    {"kind": "throttle", "rate": 0.1},
    {"kind": "error_503", "rate": 0.05},
    {"kind": "drop_after", "rate": 0.05},
)
"""What the queue service does when it misbehaves."""


class Struck:
    """A blow that has fallen and is not mended yet."""

    def __init__(self, number: int, until: float, mend: Mend) -> None:
        self.number = number
        self.until = until
        self.mend = mend


class Chaos:
    """Strikes, and mends in time."""

    def __init__(self, fleet: Fleet, site: Site, queues: QueueServer, store: Disk, scratch: Disk) -> None:
        self.fleet = fleet
        self.site = site
        self.queues = queues
        self.store = store
        self.scratch = scratch
        self._struck: list[Struck] = []
        self._mending: list[Thread] = []
        self._numbers = 0
        self._held: set[str] = set()
        """Servers, ways and processes that another blow has in its hands."""

    # ---------------------------------------------------------------- falling and mending

    def strike(self, blow: Blow) -> None:
        """Let one fall."""
        self._numbers += 1
        mend = getattr(self, f"_{blow.kind.replace('-', '_')}")(blow)
        if mend is None:
            self._log("missed", blow.kind, {})
        else:
            self._struck.append(Struck(self._numbers, monotonic() + blow.lasts, mend))

    def mend(self, *, everything: bool = False) -> None:
        """Mend what has lasted long enough."""
        for struck in [*self._struck]:
            if everything or struck.until <= monotonic():
                self._struck.remove(struck)
                mending = Thread(target=self._mend, args=(struck,))
                mending.start()
                self._mending.append(mending)
        for mending in self._mending if everything else ():
            mending.join()

    def _mend(self, struck: Struck) -> None:
        """Some of it takes a while: other blows go on falling."""
        struck.mend()
        note(self.fleet.log, "over", id=struck.number)

    def _log(self, what: str, kind: str, told: dict[str, object]) -> None:
        note(self.fleet.log, what, id=self._numbers, kind=kind, **told)

    def _held_until_mended(self, what: str, mend: Mend) -> Mend:
        def release() -> None:
            mend()
            self._held.discard(what)

        self._held.add(what)
        return release

    def _choose(self, names: list[str], blow: Blow) -> str | None:
        free = [name for name in names if name not in self._held]
        return free[blow.dice % len(free)] if free else None

    # ---------------------------------------------------------------- processes

    def _worker_kill(self, blow: Blow) -> Mend | None:
        return self._kill(WORKERS, blow)

    def _orchestrator_kill(self, blow: Blow) -> Mend | None:
        return self._kill(ORCHESTRATORS, blow)

    def _kill(self, names: tuple[str, ...], blow: Blow) -> Mend | None:
        name = self._choose(self.fleet.running(names), blow)
        if name is None:
            return None
        process = self.fleet.processes[name]
        pids = [pid for layer in below(process.popen.pid) for pid in layer]
        self._log("blow", blow.kind, {**self._who(name), "pids": pids})
        process.kill()
        self.fleet.note_end(name, monotonic() + blow.lasts)
        return nothing

    def _slot_kill(self, blow: Blow) -> Mend | None:
        return self._kill_below(1, blow)

    def _guard_kill(self, blow: Blow) -> Mend | None:
        return self._kill_below(0, blow)

    def _kill_below(self, layer: int, blow: Blow) -> Mend | None:
        known = {name: below(self.fleet.processes[name].popen.pid) for name in self.fleet.running(WORKERS)}
        name = self._choose([name for name, layers in known.items() if len(layers) > layer], blow)
        if name is None:
            return None
        layers = known[name]
        victim = layers[layer][blow.dice // len(WORKERS) % len(layers[layer])]
        pids = [victim, *(pid for found in below(victim) for pid in found)]
        self._log("blow", blow.kind, {**self._who(name), "pids": pids})
        send(victim, signal.SIGKILL)
        return nothing

    def _worker_drain(self, blow: Blow) -> Mend | None:
        name = self._choose(self.fleet.running(WORKERS), blow)
        if name is None:
            return None
        process = self.fleet.processes[name]
        process.expected = True
        self._log("blow", blow.kind, self._who(name))
        process.popen.terminate()
        return nothing

    def _worker_pause(self, blow: Blow) -> Mend | None:
        return self._pause(WORKERS, blow)

    def _orchestrator_pause(self, blow: Blow) -> Mend | None:
        return self._pause(ORCHESTRATORS, blow)

    def _pause(self, names: tuple[str, ...], blow: Blow) -> Mend | None:
        """Stop one process alone; the guards of a worker go on."""
        name = self._choose(self.fleet.running(names), blow)
        if name is None:
            return None
        pid = self.fleet.processes[name].popen.pid
        self._log("blow", blow.kind, self._who(name))
        send(pid, signal.SIGSTOP)
        return self._held_until_mended(name, lambda: send(pid, signal.SIGCONT))

    def _node_pause(self, blow: Blow) -> Mend | None:
        """Stop a worker with its guards and their children: a virtual machine that stands still."""
        name = self._choose(self.fleet.running(WORKERS), blow)
        if name is None:
            return None
        self._log("blow", blow.kind, self._who(name))
        pids = stop_all(self.fleet.processes[name])

        def go_on() -> None:
            for pid in pids:
                send(pid, signal.SIGCONT)

        return self._held_until_mended(name, go_on)

    def _who(self, name: str) -> dict[str, object]:
        return {"target": name, "generation": self.fleet.generations[name]}

    # ---------------------------------------------------------------- servers

    def _database_crash(self, blow: Blow) -> Mend | None:
        if "database" in self._held:
            return None
        self._log("blow", blow.kind, {})
        self.site.cluster.stop("immediate")
        return self._held_until_mended("database", self.site.cluster.start)

    def _queue_restart(self, blow: Blow) -> Mend | None:
        return self._without_queues(blow)

    def _queue_purge(self, blow: Blow) -> Mend | None:
        return self._without_queues(blow, "purge")

    def _without_queues(self, blow: Blow, *meanwhile: str) -> Mend | None:
        if "queues" in self._held:
            return None
        self._log("blow", blow.kind, {})
        for what in ("stop", *meanwhile):
            self.queues.tell(what)
        return self._held_until_mended("queues", lambda: self.queues.tell("start"))

    def _queue_misbehaves(self, blow: Blow) -> Mend | None:
        self._log("blow", blow.kind, {})
        self.queues.tell(json.dumps(FAULTS))
        return lambda: self.queues.tell("behave")

    # ---------------------------------------------------------------- disks and network

    def _store_full(self, blow: Blow) -> Mend | None:
        return self._fill(self.store, blow)

    def _scratch_full(self, blow: Blow) -> Mend | None:
        return self._fill(self.scratch, blow)

    def _fill(self, disk: Disk, blow: Blow) -> Mend | None:
        pids = [self.fleet.processes[name].popen.pid for name in self.fleet.running(WORKERS)]
        self._log("blow", blow.kind, {"how": disk.how})
        disk.fill([*pids, *(each for pid in pids for layer in below(pid) for each in layer)])
        return disk.free

    def _link_cut(self, blow: Blow) -> Mend | None:
        return self._break(self.fleet.network.cut, blow)

    def _link_blackhole(self, blow: Blow) -> Mend | None:
        return self._break(self.fleet.network.silence, blow)

    def _link_slow(self, blow: Blow) -> Mend | None:
        return self._break(self.fleet.network.slow, blow)

    def _break(self, how: Callable[[str], None], blow: Blow) -> Mend | None:
        network = self.fleet.network
        name = self._choose(network.names, blow)
        if name is None:
            return None
        self._log("blow", blow.kind, {"target": name})
        how(name)
        return self._held_until_mended(name, lambda: network.mend(name, drop=bool(blow.dice & 1 << 20)))


def nothing() -> None:
    """A kill needs no mending: the fleet starts a new process."""
