"""A way to PostgreSQL that breaks at a COMMIT: the server may have committed, and nobody is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from threading import Lock, Thread
from typing import NamedTuple

HERE = "127.0.0.1"
CHUNK = 65_536


class Cuts(NamedTuple):
    """How often a connection was cut at a COMMIT."""

    before: int
    """It never arrived: nothing is committed."""
    after: int
    """It was carried out, and its answer was lost."""


class CommitCutter:
    """Passes on what goes between clients and a server, but cuts some connections at their COMMIT.

    ``rate``: how likely each COMMIT is cut, by the seeded dice, as long as fewer than ``most`` were.
    """

    def __init__(self, port: int, random: Random, *, rate: float, most: int) -> None:
        self.cuts = Cuts(0, 0)
        self._to = port
        self._random = random
        self._rate = rate
        self._most = most
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HERE, 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, name="commit-cutter", daemon=True).start()

    def strikes(self) -> str | None:
        """Throw the dice for one COMMIT: ``before``, ``after`` or ``None``."""
        with self._lock:
            if sum(self.cuts) >= self._most or self._random.random() >= self._rate:
                return None
            kind = self._random.choice(Cuts._fields)
            self.cuts = self.cuts._replace(**{kind: getattr(self.cuts, kind) + 1})
            return kind

    def close(self) -> None:
        """Cut everything."""
        end(self._listener)
        with self._lock:
            left = [*self._open]
        for each in left:
            end(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HERE, self._to))
            except OSError:
                client.close()
                continue
            Passage(self, client, server).start()
            with self._lock:
                self._open |= {client, server}


class Passage:
    """One connection through it."""

    def __init__(self, cutter: CommitCutter, client: socket.socket, server: socket.socket) -> None:
        self._cutter = cutter
        self._client = client
        self._server = server
        self._last = False
        """Whether the next word of the server is the lost one."""

    def start(self) -> None:
        """Begin to pass on."""
        for pump in (self._requests, self._answers):
            Thread(target=pump, name="commit-cutter", daemon=True).start()

    def _requests(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(CHUNK):
                kind = self._cutter.strikes() if b"COMMIT" in data else None
                if kind == "before":
                    break
                self._last = self._last or kind == "after"
                self._server.sendall(data)
        if not self._last:
            self._cut()

    def _answers(self) -> None:
        with suppress(OSError):
            while (data := self._server.recv(CHUNK)) and not self._last:
                self._client.sendall(data)
        self._cut()

    def _cut(self) -> None:
        end(self._client)
        end(self._server)


def end(connection: socket.socket) -> None:
    """Close it, and wake whoever waits on it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def cutting_commits(port: int, random: Random, *, rate: float, most: int) -> Iterator[CommitCutter]:
    """A cutter in front of the server on that port, gone after the block."""
    cutter = CommitCutter(port, random, rate=rate, most=most)
    try:
        yield cutter
    finally:
        cutter.close()
