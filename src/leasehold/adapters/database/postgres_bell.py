"""A bell on PostgreSQL: LISTEN and NOTIFY, a channel per topic, on one connection and in one thread per process.

Rings go out by themselves and never within a transaction of the ledger's: a NOTIFY makes commits wait for each other.
Many rings of one topic within a few ms are one NOTIFY.
"""

from __future__ import annotations

import hashlib
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg import sql

from leasehold.adapters.bell import ALL_OF_IT, Ear, Ears
from leasehold.adapters.database.postgres_address import conninfo_of

CHANNEL = "leasehold:"
LONGEST = 63
"""Bytes of a channel's name at most; PostgreSQL cuts longer ones."""
INTERVAL = 20
"""ms between two NOTIFYs of one topic by one process at least. The first after a silence goes out at once, whatever
else was rung: who waits for a task must not wait for the news of another's end."""
BEGINNING = 2.0
"""s that the first wait for a topic waits until it listens: what rings in between would not be heard."""
FLUSH = 2.0
"""s that ``close`` gives to rings that have not gone out."""
NOTIFY = "SELECT pg_notify(channel, '') FROM unnest(%s::text[]) AS rung (channel)"
SHORTEST, LONGEST_PAUSE = 0.1, 5.0
"""s between two attempts to connect; doubled from one to the other."""
SETTINGS: dict[str, str | int] = {
    "application_name": "leasehold bell",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
"""Connection parameters, where the address says nothing else: a peer that vanished is noticed within half a minute."""


class PostgresBell:
    """Wakes threads of every process that uses the same database. A hint: while the server is away, nothing rings.

    Connects at its first use, again whenever the connection is lost, and then wakes everybody once, since somebody may
    have rung meanwhile. ``url`` is libpq's; ``interval``: ms between two NOTIFYs of one topic. After a fork the child
    connects for itself. Rings within the process need no server.
    """

    def __init__(self, url: str, *, interval: int = INTERVAL) -> None:
        self._url = url
        self._interval = interval
        self._inherited: list[Line] = []
        self._begin()

    def ring(self, topic: str) -> None:
        """Wake all who wait for ``topic`` now, and one later wait of each thread elsewhere. Never blocks or fails."""
        self._after_fork()
        self._ears.of(topic).hear()
        self._line.ring(topic)

    def wait(self, topic: str, timeout: int) -> bool:
        """Wait at most ``timeout`` ms; whether it rang since this thread's last wait for the topic."""
        self._after_fork()
        self._line.listen(topic)
        return self._ears.wait(topic, timeout)

    def close(self) -> None:
        """Send what was rung, then stop listening; a wait under way returns at once."""
        self._ears.close()
        self._line.close()

    def _begin(self) -> None:
        ears = Ears(lambda _: Ear())
        self._pid = os.getpid()
        self._ears = ears
        self._line = Line(self._url, lambda topic: ears.of(topic).hear(), self._interval / 1_000)

    def _after_fork(self) -> None:
        """What we inherited is our parent's: its connection is not ours to use or to end."""
        if self._pid != os.getpid():
            self._inherited.append(self._line)
            self._begin()


class Line:
    """One connection and its thread: sends rings, hears those of other processes."""

    def __init__(self, url: str, hear: Callable[[str], None], interval: float) -> None:
        self._conninfo = conninfo_of(url, SETTINGS)
        self._hear = hear
        self._interval = interval
        self._rings: dict[str, None] = {}
        self._topics: dict[str, str] = {}
        """Channel -> topic, of all that are to be heard."""
        self._heard: frozenset[str] = frozenset()
        """The topics that are heard now."""
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._waker = Waker()
        self._away = False
        self._closed = False

    def ring(self, topic: str) -> None:
        """Let the other processes know, soon."""
        with self._changed:
            if topic not in self._rings:
                self._rings[topic] = None
                self._stir()

    def listen(self, topic: str) -> None:
        """Hear this topic from now on; returns when it is so, or when it cannot be now."""
        if topic in self._heard:
            return
        with self._changed:
            self._topics[channel_of(topic)] = topic
            self._stir()
            self._changed.wait_for(lambda: topic in self._heard or self._away or self._closed, BEGINNING)

    def close(self) -> None:
        """Send what was rung, and end."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            self._waker.wake()
        if self._thread is not None:
            self._thread.join(FLUSH)
        if self._thread is None or not self._thread.is_alive():  # it may still be about to connect
            self._waker.close()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _stir(self) -> None:
        if self._closed:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="leasehold-bell", daemon=True)
            self._thread.start()
        self._waker.wake()

    def _run(self) -> None:
        pause = SHORTEST
        again = False
        while True:  # once at least: what was rung goes out even if the bell was closed at once
            began = time.monotonic()
            with suppress(psycopg.Error), psycopg.connect(self._conninfo, autocommit=True) as connection:
                self._serve(connection, again=again)
            if time.monotonic() - began > LONGEST_PAUSE:  # one that ends at once, every time, is not a connection lost
                pause = SHORTEST
            if self._closed:
                return
            again = True
            with self._changed:
                self._heard = frozenset()
                self._away = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closed, pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _serve(self, connection: psycopg.Connection, *, again: bool) -> None:
        """Use one connection until it is lost, or the bell is closed."""
        ourselves = connection.info.backend_pid
        connection.add_notify_handler(lambda notify: self._rang(notify.channel, notify.pid, ourselves))
        connection.execute("SET synchronous_commit = off")  # a NOTIFY writes to the log, and need not wait for the disk
        lately: dict[str, float] = {}
        while True:
            self._listen(connection, again=again)
            due, left = self._due(lately)
            if due:
                self._send(connection, due)
                lately.update(dict.fromkeys(due, time.monotonic()))
                continue
            if self._closed:
                return
            self._waker.wait(connection.pgconn.socket, left)
            self._receive(connection, ourselves)

    def _listen(self, connection: psycopg.Connection, *, again: bool) -> None:
        """Listen to what is wanted and not heard yet; after an interruption it may have rung meanwhile."""
        new = {channel: topic for channel, topic in tuple(self._topics.items()) if topic not in self._heard}
        for channel in new:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        if new or self._away:
            with self._changed:
                self._heard |= frozenset(new.values())
                self._away = False
                self._changed.notify_all()
        for topic in new.values() if again else ():
            self._hear(topic)

    def _due(self, lately: dict[str, float]) -> tuple[list[str], float | None]:
        """The topics to be sent now, and after how many seconds the next one is; ``lately``: when each was sent."""
        now = time.monotonic()
        for topic in [topic for topic, at in lately.items() if now - at >= self._interval]:
            del lately[topic]
        with self._changed:
            due = [topic for topic in self._rings if topic not in lately or self._closed]
            left = min((lately[topic] + self._interval - now for topic in self._rings if topic in lately), default=None)
        return due, left

    def _send(self, connection: psycopg.Connection, topics: list[str]) -> None:
        with self._changed:
            for topic in topics:
                del self._rings[topic]
        connection.execute(NOTIFY, (list(map(channel_of, topics)),))

    def _receive(self, connection: psycopg.Connection, ourselves: int) -> None:
        connection.pgconn.consume_input()
        while (notify := connection.pgconn.notifies()) is not None:
            self._rang(notify.relname.decode(), notify.be_pid, ourselves)

    def _rang(self, channel: str, ringer: int, ourselves: int) -> None:
        """Our own rings were heard here when they were made."""
        if ringer != ourselves and channel in self._topics:
            self._hear(self._topics[channel])


class Waker:
    """Wakes a thread that waits for a socket."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        for fd in (self._reader, self._writer):
            os.set_blocking(fd, False)

    def wake(self) -> None:
        """End the wait under way, or the next."""
        with suppress(BlockingIOError):
            os.write(self._writer, b"!")

    def wait(self, socket: int, seconds: float | None) -> None:
        """Wait until the socket can be read, somebody wakes us or the time is over."""
        poll = select.poll()
        for fd in (socket, self._reader):
            poll.register(fd, select.POLLIN)
        poll.poll(None if seconds is None else seconds * 1_000)
        with suppress(BlockingIOError):
            os.read(self._reader, ALL_OF_IT)

    def close(self) -> None:
        """Let go of both ends."""
        os.close(self._reader)
        os.close(self._writer)


def channel_of(topic: str) -> str:
    """The channel for a topic: its own name where that fits."""
    name = CHANNEL + topic
    if len(name.encode()) <= LONGEST and "\0" not in name:
        return name
    return CHANNEL + hashlib.sha256(topic.encode()).hexdigest()[: LONGEST - len(CHANNEL)]
