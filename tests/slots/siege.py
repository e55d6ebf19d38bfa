"""Watches slots under attack, from outside: ``python -m tests.slots.siege '{...}'`` prints what it saw as JSON.

The watcher is the *subreaper* of everything below it, so no process gets out of its sight, whatever it does to its
parents, session or environment. It sees each death when the kernel says so, on the clock that leases are counted by,
and measures how long the machine stood still meanwhile: no leash can kill on a machine on which nobody does anything.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from leasehold.adapters.slots import guard
from leasehold.adapters.slots.boot import boot
from tests.servers.pulse import Pulse
from tests.slots.attacks import ATTACKS, DISARMING
from tests.slots.besieged import Plan

LOOK = 40
"""ms between two looks at who is there."""
BOUND = 120_000
ROOT = Path(__file__).parents[2]
GRACE, MARGIN = 1_000, 2_000
"""ms, as a system on one machine has them if nobody sets anything."""
SLOTS = 10
FATES = {"alive": None, "killed": signal.SIGKILL, "stopped": signal.SIGSTOP}
"""What happens to the worker in the middle of it."""


class Seen(NamedTuple):
    """A process below a guard."""

    pid: int
    guard: int
    handle: int


class Siege:
    """One worker, everything below it, and when each of it died."""

    def __init__(self, plan: Plan, fate: str, seed: int) -> None:
        self.plan, self.fate, self.random = plan, fate, Random(seed)
        Path(plan.journal).touch()
        guard.prctl(guard.PR_SET_CHILD_SUBREAPER, 1)
        self.worker = subprocess.Popen(
            [sys.executable, "-m", "tests.slots.besieged", json.dumps(plan._asdict())], stdout=subprocess.PIPE
        )
        assert self.worker.stdout is not None
        self.voice = self.worker.stdout.fileno()
        os.set_blocking(self.voice, False)
        self.poll = select.poll()
        self.poll.register(self.voice, select.POLLIN)
        self.heard = b""
        self.leases: dict[str, tuple[int, int]] = {}
        """Deadline and end of the lease, by task."""
        self.ends: dict[str, str] = {}
        self.done = False
        self.seen: dict[int, Seen] = {}
        self.by_handle: dict[int, Seen] = {}
        self.guards: dict[int, bytes] = {}
        """Their marks."""
        self.deaths: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        """For each process of a guard: when it was there last, and when it was found dead, which may be late."""
        self.there_at = 0
        """When the kernel was asked last: who is found dead after that was there then."""
        self.pulse = Pulse()
        self.struck_at: int | None = None

    # ------------ looking
    def watch(self, until: int) -> None:
        """Take in what happens until then, looking around every so often."""
        while boot() < until:
            self.hear(min(until, boot() + LOOK))
            self.look()

    def hear(self, until: int) -> None:
        """Words of the worker, and deaths."""
        self.take_in(0)
        while (left := until - boot()) > 0:
            self.take_in(left)

    def take_in(self, wait: int) -> None:
        now = boot()
        for fd, _ in self.poll.poll(wait):
            if fd == self.voice:
                self.listen()
            else:
                self.bury(self.by_handle.pop(fd))
        self.there_at = now

    def listen(self) -> None:
        piece = os.read(self.voice, 1 << 16)
        if not piece:
            self.poll.unregister(self.voice)
            self.done = True
        *lines, self.heard = (self.heard + piece).split(b"\n")
        for line in lines:
            kind, *rest = json.loads(line)
            if kind == "run":
                self.leases[rest[0]] = rest[1], rest[2]
            elif kind == "end":
                self.ends[rest[0]] = rest[1]

    def bury(self, one: Seen) -> None:
        self.deaths[one.guard][one.pid] = self.there_at, boot()
        self.poll.unregister(one.handle)
        os.close(one.handle)
        self.seen.pop(one.pid, None)

    def look(self) -> None:
        """Who is there now."""
        owners = {os.getpid(): 0, self.worker.pid: 0}
        found = [(child, os.getpid()) for child in guard.children(os.getpid())]
        for pid, parent in found:  # the list grows while it is walked
            owners[pid] = owners.get(pid, self.owner(pid, owners[parent]))
            found += [(child, pid) for child in guard.children(pid)]
            if owners[pid] not in (0, pid) and pid not in self.seen:
                self.meet(pid, owners[pid])
        self.collect()

    def owner(self, pid: int, of_parent: int) -> int:
        """The guard to which a process belongs."""
        if pid in self.guards or of_parent or pid in self.seen:
            return self.seen[pid].guard if pid in self.seen else of_parent or pid
        mark, told = mark_of(pid), guard.read(f"/proc/{pid}/cmdline")
        if b"guard.py" in told:
            self.guards[pid] = mark
            return pid
        if b"tests.slots.besieged" in told:
            return 0  # a guard that is only starting
        return next((known for known, of in self.guards.items() if mark and of == mark), self.named(told))

    def named(self, told: bytes) -> int:
        """The guard of an orphan that has shed its environment, by its task in its command line; 0 if it tells none."""
        found = [of for of, task in self.tasks().items() if f"siege-{task};".encode() in told]
        return found[0] if found else 0

    def meet(self, pid: int, owner: int) -> None:
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            return
        self.seen[pid] = self.by_handle[handle] = Seen(pid, owner, handle)
        self.poll.register(handle, select.POLLIN)

    def collect(self) -> None:
        """The dead that became ours; the worker is waited for by ``subprocess``."""
        for pid in guard.children(os.getpid()):
            if pid != self.worker.pid:
                os.waitpid(pid, os.WNOHANG)

    def tasks(self) -> dict[int, str]:
        """Which guard had which task, by what the runs themselves wrote down."""
        lines = Path(self.plan.journal).read_text().splitlines()
        return {int(guard): task for task, _, guard in (line.split() for line in lines)}

    # ------------ judging
    def left(self) -> list[str]:
        """Who of the runs is alive."""
        tasks = self.tasks()
        each = [(tasks[one.guard], one.pid) for one in self.seen.values() if one.guard in tasks]
        return [f"{task}: {guard.read(f'/proc/{pid}/stat')[:40].decode(errors='replace')}" for task, pid in each]

    def strike(self) -> None:
        """What happens to the worker."""
        number = FATES[self.fate]
        if number is not None and self.struck_at is None:
            self.struck_at = boot()
            self.worker.send_signal(number)

    def run(self) -> dict[str, Any]:
        """All of it."""
        late = boot() + BOUND
        if self.fate == "alive":
            while not self.done:
                assert boot() < late, f"still going on: {self.leases.keys() - self.ends.keys()}"
                self.watch(boot() + 2 * LOOK)
        else:
            while len(self.tasks()) < len(self.plan.attacks):
                assert boot() < late, f"not all have begun: {self.tasks()}"
                self.watch(boot() + LOOK)
            self.watch(self.instant())
            self.strike()
        over = max(end for _, end in self.leases.values())
        self.watch(over)
        while (survivors := self.left()) and boot() < over + BOUND:
            self.watch(boot() + LOOK)
        self.finish()
        self.pulse.close()
        return self.report(survivors)

    def instant(self) -> int:
        """When the worker is struck: killed in the middle of the deadlines, or stopped before any grace is over."""
        deadlines = sorted(deadline for deadline, _ in self.leases.values())
        if self.fate == "stopped":
            return self.random.randint(boot(), max(boot(), deadlines[0] + self.plan.grace))
        return self.random.randint(deadlines[len(deadlines) // 2], deadlines[-1] + self.plan.grace)

    def finish(self) -> None:
        """Leave nothing behind."""
        self.worker.kill()
        self.worker.wait()
        while left := guard.children(os.getpid()):
            for pid in left:
                if b"guard.py" not in guard.read(f"/proc/{pid}/cmdline"):
                    guard.kill_all([*guard.descendants(stopping=True, of=pid), pid])
                else:
                    guard.send(pid, signal.SIGCONT)
            self.collect()

    def report(self, survivors: list[str]) -> dict[str, Any]:
        runs = [self.account(of, task) for of, task in self.tasks().items()]
        return {"fate": self.fate, "runs": runs, "survivors": survivors}

    def account(self, of: int, task: str) -> dict[str, Any]:
        """What became of one run."""
        deadline, end = self.leases[task]
        died = self.deaths.get(of, {})
        last, dead = max(died.values(), default=(0, 0))
        return {
            "attack": task.partition("-")[2],
            "end": self.ends.get(task),
            "processes": len(died),
            "overran": dead >= deadline,
            "to_lease_end": last - end,
            "stood": self.pulse.stood(deadline + self.plan.grace, last),
            "after_strike": None if self.struck_at is None else last - self.struck_at,
        }


def mark_of(pid: int) -> bytes:
    """The variable by which processes of a slot are found."""
    variables = guard.read(f"/proc/{pid}/environ").split(b"\0")
    return next((each for each in variables if each.startswith(b"_LEASEHOLD_SLOT=")), b"")


def besiege(fate: str, seed: int, folder: Path) -> dict[str, Any]:
    """Every attack once, in a new process that watches; what it saw."""
    names = [name for name in ATTACKS if fate == "alive" or name not in DISARMING]
    Random(seed).shuffle(names)
    slots, work = (SLOTS, 1_500) if fate == "alive" else (len(names), 4_000)
    plan = Plan(names, slots, work, GRACE, MARGIN, str(folder / "journal"))
    told = {"plan": plan._asdict(), "fate": fate, "seed": seed}
    command = [sys.executable, "-m", "tests.slots.siege", json.dumps(told)]
    path = os.pathsep.join(str(ROOT / part) for part in ("src", ""))
    ran = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(ran.stdout)


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    print(json.dumps(Siege(Plan(**told["plan"]), told["fate"], told["seed"]).run()))
