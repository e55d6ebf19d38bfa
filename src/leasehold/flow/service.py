"""The start/stop contract: every role is an object with ``step()``; here is the loop that runs it, and its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from threading import Lock, RLock, Thread
from typing import NamedTuple

from leasehold.core.errors import LeaseholdError, Unavailable
from leasehold.flow.watchdog import LOOK, Beat, Watchdog

log = logging.getLogger("leasehold.service")

FIRST_PAUSE = 100
LONGEST_PAUSE = 10_000
"""ms between tries while something outside is unavailable: doubled each time, with full jitter."""

LOOK_UP = 1.0
"""s after which a wait without an end wakes for a moment."""
JOIN = 60
"""s that a role may take to finish its last step."""


class Stop:
    """A wish to stop, from anywhere: a signal, a parent's death, a role that cannot go on. Thread-safe."""

    def __init__(self) -> None:
        self.reason = ""
        self._over = False
        self._gate = Lock()  # shut until somebody asks; no Event, whose own lock a signal may find taken by its thread
        self._gate.acquire()
        self._keys = [self._gate]
        """Whoever takes it opens the gate: once, whoever interrupts whom."""
        self._hooks: list[Callable[[], None]] = []
        self._lock = RLock()  # a signal may ask while its thread is in the middle of asking

    def ask(self, reason: str) -> None:
        """Stop soon; the first reason counts."""
        with self._lock:
            if self._over:
                return
            self.reason = self.reason or reason
            self._over = True
            with suppress(IndexError):
                self._keys.pop().release()
            hooks, self._hooks = self._hooks, []
        for hook in hooks:
            hook()

    def on_ask(self, hook: Callable[[], None]) -> None:
        """Call this when a stop is asked for; at once if it has been."""
        with self._lock:
            if not self._over:
                self._hooks.append(hook)
                return
        hook()

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._over

    def wait(self, timeout: int | None = None) -> bool:
        """Wait until somebody asks, at most ``timeout`` ms; whether somebody did.

        The main thread may be interrupted in the very instant before it blocks. Python then calls the handler, which
        asks, only when that thread wakes: so it does now and then, even if nobody ever wakes it.
        """
        if timeout is not None:
            return self._passed(timeout / 1_000)
        while not self._passed(LOOK_UP):
            pass
        return True

    def _passed(self, seconds: float) -> bool:
        if not self._over and self._gate.acquire(timeout=max(0.0, seconds)):
            self._gate.release()
        return self._over


class Loop(NamedTuple):
    """One role, run for ever: a step that did nothing is followed by a ``rest``, which ends when there may be work."""

    name: str
    step: Callable[[], int]
    rest: Callable[[], object]


class Service:
    """Runs loops, each in a thread of its own, until it is stopped. No loop ends silently.

    What is unavailable is tried again with a growing pause. Any other error is a defect: it stops the whole service,
    and ``join`` raises it, so that the process ends with a message and whoever supervises it starts a new one. What
    hangs is ended by the watchdog, with the whole process.
    """

    def __init__(self, loops: Sequence[Loop], stop: Stop, random: Random, watchdog: Watchdog | None = None) -> None:
        self._stop = stop
        self._random = random
        self._error: BaseException | None = None
        beating = [(loop, Beat(loop.name)) for loop in loops]
        if watchdog is not None:
            watchdog.watch([beat for _, beat in beating])
            beating.append((Loop("watchdog", watchdog.look, lambda: stop.wait(LOOK)), Beat("watchdog")))
        self._threads = [
            Thread(target=self._run, args=(loop, beat), name=f"leasehold-{loop.name}", daemon=True)
            for loop, beat in beating
        ]
        """Daemons, because Python waits for all others before it ends: one that is abandoned would keep the process."""

    def start(self) -> None:
        """Start every loop."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for a stop and for every loop's last step; raise what ended the service, if a defect did."""
        self._stop.wait()
        for thread in self._threads:
            thread.join(JOIN)
            if thread.is_alive():
                log.error("%s did not finish its last step within %s s; it is abandoned", thread.name, JOIN)
        if self._error is not None:
            raise self._error

    def _run(self, loop: Loop, beat: Beat) -> None:
        try:
            self._turn(loop, beat)
        except BaseException as error:  # whatever it is, it must end the process, not only its thread
            defect = None if isinstance(error, LeaseholdError) else error  # what has words needs no stack
            log.critical("%s cannot go on: %r", loop.name, error, exc_info=defect)
            self._error = self._error or error  # what fails after it may well fail because of it
            self._stop.ask(f"{loop.name} failed: {error!r}")
        finally:
            beat.end()

    def _turn(self, loop: Loop, beat: Beat) -> None:
        pause = FIRST_PAUSE
        while not self._stop.asked:
            beat.go_on()
            try:
                if not loop.step():
                    beat.go_on()
                    loop.rest()
                pause = FIRST_PAUSE
            except Unavailable as error:
                log.warning("%s: %s", loop.name, error)
                beat.go_on()
                self._stop.wait(int(self._random.uniform(0, pause)) + 1)
                pause = min(LONGEST_PAUSE, pause * 2)
