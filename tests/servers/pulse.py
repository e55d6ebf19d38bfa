"""Measures how long this machine stood still, or kept whoever wanted a processor waiting for one."""

from __future__ import annotations

import os
from threading import Event, Thread
from time import thread_time_ns, time_ns

from leasehold.adapters.slots.boot import boot

PINS = hasattr(os, "sched_setaffinity")
"""macOS lets nobody choose a processor: one of them stands for all."""
MOST = 4
"""Processors that are watched: more would have this process do nothing else."""
BEAT = 50
"""ms between two beats of one processor."""
WORK = 1_000_000
"""ns of a processor's time that each beat takes: a machine that wakes sleepers and lets nobody work is slow too."""
USUAL = 20
"""ms by which a beat may be late: threads of one interpreter wait so long for each other."""


def ahead() -> int:
    """Milliseconds by which the clock on the wall is ahead of the one that leases are counted by."""
    return time_ns() // 1_000_000 - boot()


class Pulse:
    """A small piece of work on each processor, again and again; when one was late, the machine stood still."""

    def __init__(self) -> None:
        self._stood: list[tuple[int, int]] = []
        self._over = Event()
        cpus = sorted(os.sched_getaffinity(0))[:MOST] if PINS else [0]
        self._threads = [Thread(target=self._beat, args=(cpu,), daemon=True) for cpu in cpus]
        for thread in self._threads:
            thread.start()

    def _beat(self, cpu: int) -> None:
        if PINS:
            os.sched_setaffinity(0, {cpu})  # of this thread alone
        while not self._over.is_set():
            due = boot() + BEAT
            self._over.wait(BEAT / 1_000)
            until = thread_time_ns() + WORK
            while thread_time_ns() < until:
                pass
            if (now := boot()) > due + WORK // 1_000_000 + USUAL:
                self._stood.append((due, now))

    def stood(self, since: int, until: int) -> int:
        """Milliseconds between these instants in which some processor kept somebody waiting."""
        return sum(max(0, min(until, ended) - max(since, began)) for began, ended in self.stalls())

    def stalls(self, least: int = 0, apart: int = 0) -> list[tuple[int, int]]:
        """From when to when somebody was kept waiting, if it was for so many ms at one go; in their order.

        ``apart``: those with no more ms between them are one: a machine that is hardly ever there.
        """
        found: list[tuple[int, int]] = []
        for began, ended in sorted([*self._stood]):
            if found and began <= found[-1][1] + apart:
                found[-1] = found[-1][0], max(found[-1][1], ended)
            else:
                found.append((began, ended))
        return [(began, ended) for began, ended in found if ended - began >= least]

    def close(self) -> None:
        """Beat no more."""
        self._over.set()
        for thread in self._threads:
            thread.join()
