"""Bells: wake whoever waits for a topic. Hints only; a bell that cannot ring costs time, never work."""

from __future__ import annotations

import errno
import os
import secrets
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

SETTLED = 100_000_000
"""ns after which a folder's time of change is believed: two changes within one tick of the kernel show as one."""
ALL_OF_IT = 65_536
"""What a FIFO holds: one read empties it."""


class NullBell:
    """Never rings: a wait runs to its end. Who uses it polls."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def ring(self, topic: str) -> None:
        """Do nothing."""

    def wait(self, topic: str, timeout: int) -> bool:  # noqa: ARG002 - the port's names
        """Wait ``timeout`` ms."""
        self._closed.wait(timeout / 1_000)
        return False

    def close(self) -> None:
        """A wait under way returns at once."""
        self._closed.set()


class LocalBell:
    """Wakes threads of this process."""

    def __init__(self) -> None:
        self._ears = Ears(lambda _: Ear())

    def ring(self, topic: str) -> None:
        """Wake all who wait for ``topic`` now, and each thread that comes later and has not heard it yet."""
        self._ears.of(topic).hear()

    def wait(self, topic: str, timeout: int) -> bool:
        """Wait at most ``timeout`` ms; whether it rang since this thread's last wait for the topic."""
        return self._ears.wait(topic, timeout)

    def close(self) -> None:
        """Stop listening; a wait under way returns at once."""
        self._ears.close()


class FifoBell:
    """Wakes threads of every process that uses the same folder, by one FIFO per listening object and topic.

    A topic is heard from its first wait on. Where FIFOs cannot be made, waits run to their end. After a fork the child
    listens for itself.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begin()

    def ring(self, topic: str) -> None:
        """Wake all who wait for ``topic`` now, and one later wait of each thread elsewhere. Never blocks or fails."""
        self._after_fork()
        self._ropes.pull(encoded(topic))

    def wait(self, topic: str, timeout: int) -> bool:
        """Wait at most ``timeout`` ms; whether it rang since this thread's last wait for the topic."""
        self._after_fork()
        return self._ears.wait(topic, timeout)

    def close(self) -> None:
        """Stop listening and remove our FIFOs; a wait under way returns at once."""
        self._ears.close()
        self._ropes.close()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._ropes = Ropes(self._folder)
        self._ears = Ears(lambda topic: fifo_ear(self._folder, topic))

    def _after_fork(self) -> None:
        """What we inherited is our parent's: its FIFOs we would empty, its locks may be held for ever."""
        if self._pid != os.getpid():
            self._begin()


class Ear:
    """Counts the rings of one topic. With a FIFO, one waiting thread listens to it for all the others."""

    def __init__(self, fifo: Path | None = None, fd: int | None = None) -> None:
        self._fifo = fifo
        self._fd = fd
        self._rings = 0
        self._turn = threading.Condition()
        self._listening = False
        self._closed = False

    def hear(self) -> None:
        """It rang."""
        with self._turn:
            self._rings += 1
            self._turn.notify_all()

    def wait(self, heard: int, timeout: int) -> int:
        """Wait until there were more rings than ``heard``; how many there were."""
        until = time.monotonic() + timeout / 1_000
        with self._turn:
            while self._rings == heard and not self._closed:
                remaining = max(0.0, until - time.monotonic())
                if self._fd is None or self._listening:
                    self._turn.wait(remaining)
                else:
                    self._listen_for_all(self._fd, remaining)
                if not remaining:
                    break
            return self._rings

    def close(self) -> None:
        """End every wait, then let go of the FIFO."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
            if self._fd is None:
                return
            with suppress(BlockingIOError):
                os.write(self._fd, b"!")
            self._turn.wait_for(lambda: not self._listening)
            os.close(self._fd)
            self._fd = None
        if self._fifo is not None:
            self._fifo.unlink(missing_ok=True)

    def _listen_for_all(self, fd: int, seconds: float) -> None:
        self._listening = True
        self._turn.release()
        try:
            rang = rung_within(fd, seconds)
        finally:
            self._turn.acquire()
            self._listening = False
            self._turn.notify_all()
        self._rings += rang and not self._closed


class Ears:
    """The ears of one bell, and what each thread has heard so far."""

    def __init__(self, make: Callable[[str], Ear]) -> None:
        self._make = make
        self._ears: dict[str, Ear] = {}
        self._heard = Heard()
        self._lock = threading.Lock()
        self._closed = False

    def of(self, topic: str) -> Ear:
        """The ear for a topic, made at its first use."""
        ear = self._ears.get(topic)
        if ear is None:
            with self._lock:
                ear = self._ears.get(topic) or self._ears.setdefault(topic, self._make(topic))
        return ear

    def wait(self, topic: str, timeout: int) -> bool:
        """Whether this thread hears more than it has heard."""
        if self._closed:
            return False
        before = self._heard.by_topic.get(topic, 0)
        heard = self._heard.by_topic[topic] = self.of(topic).wait(before, timeout)
        return heard > before

    def close(self) -> None:
        """Close them all."""
        self._closed = True
        with self._lock:
            for ear in self._ears.values():
                ear.close()
            self._ears.clear()


class Heard(threading.local):
    """How many rings of each topic a thread has heard."""

    def __init__(self) -> None:
        self.by_topic: dict[str, int] = {}


class Ropes:
    """The writing ends of everybody's FIFOs in a folder, opened once; the folder is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = str(folder)
        self._names: dict[str, set[str]] = {}
        self._fds: dict[str, int] = {}
        self._as_of: int | None = None
        self._lock = threading.Lock()

    def pull(self, topic: str) -> None:
        """Write a byte to every FIFO of the (encoded) topic."""
        with self._lock, suppress(OSError):
            self._look()
            for name in tuple(self._names.get(topic, ())):
                self._pull_one(topic, name)

    def close(self) -> None:
        """Let go of every writing end."""
        with self._lock:
            for fd in self._fds.values():
                os.close(fd)
            self._fds.clear()
            self._names.clear()
            self._as_of = None

    def _pull_one(self, topic: str, name: str) -> None:
        try:
            if name not in self._fds:
                self._fds[name] = os.open(self._folder / name, os.O_WRONLY | os.O_NONBLOCK)
            os.write(self._fds[name], b"!")
        except BlockingIOError:
            pass  # full: it has rung often enough
        except OSError as error:
            self._forget(topic, name)
            if error.errno in (errno.ENXIO, errno.EPIPE):  # nobody listens: its process is gone
                (self._folder / name).unlink(missing_ok=True)

    def _look(self) -> None:
        changed = os.stat(self._path).st_mtime_ns  # noqa: PTH116 - Path.stat costs as much as the ring itself
        if changed == self._as_of:
            return
        self._as_of = changed if time.time_ns() - changed > SETTLED else None
        names: dict[str, set[str]] = {}
        for name in os.listdir(self._folder):  # noqa: PTH208 - names are all we need, and this is on the way of a ring
            if not name.startswith("."):
                names.setdefault(name.rpartition("@")[0], set()).add(name)
        here = {name for group in names.values() for name in group}
        for topic, known in self._names.items():
            for name in known - here:
                self._forget(topic, name)
        self._names = names

    def _forget(self, topic: str, name: str) -> None:
        self._names[topic].discard(name)
        if (fd := self._fds.pop(name, None)) is not None:
            os.close(fd)


def fifo_ear(folder: Path, topic: str) -> Ear:
    """An ear with a FIFO of its own; without one where FIFOs cannot be made."""
    name = f"{encoded(topic)}@{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        hidden = folder / f".{name}"
        os.mkfifo(hidden, 0o600)
        fd = os.open(hidden, os.O_RDWR | os.O_NONBLOCK)
        return Ear(
            hidden.rename(folder / name), fd
        )  # shown once it is open: until then a ringer would take it for dead
    except OSError:
        return Ear()


def rung_within(fd: int, seconds: float) -> bool:
    """Wait for a byte; take all there are."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(seconds * 1_000):
        return False
    with suppress(BlockingIOError):
        os.read(fd, ALL_OF_IT)
    return True


@lru_cache(maxsize=1_000)
def encoded(topic: str) -> str:
    """The topic as a file name."""
    return quote(topic, safe="").replace(".", "%2E")  # a name that begins with a dot is not shown yet
