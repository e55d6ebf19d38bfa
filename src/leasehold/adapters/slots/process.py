"""One guard with one child, as the worker sees them: pipes, shared words, and in the end a death."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from leasehold.adapters.slots import guard
from leasehold.adapters.slots.boot import BEGUN, KILL_AT, REVOKED, TERM_AT, WORDS_BYTES, words
from leasehold.adapters.slots.frames import Decoder, Message, encode
from leasehold.adapters.slots.orphans import MARK, Orphans
from leasehold.adapters.slots.spool import Spool

PIECE = 1 << 18
GUARD_SECONDS = 1
"""A guard whose pipe has ended goes at once, unless something has stopped it."""
BOOTSTRAP = (
    "import sys; sys.path[:] = sys.argv.pop().split('\\n'); from leasehold.adapters.slots.child import main; main()"
)


class Launch(NamedTuple):
    """What every child of a pool is started with."""

    spec: str
    loader: str
    environment: Mapping[str, str]
    memory: int
    """Bytes that a child and all its descendants may have in use together; 0 = no limit."""
    orphans: Orphans


class Death(NamedTuple):
    """How a child ended: its wait status (``None`` when even the guard is gone), and why in the guard's words."""

    status: int | None
    why: str
    at: int | None = None
    """When the guard saw that (``boot`` ms), however late it is heard."""


class Process:
    """A guard and its child. Nothing here waits, except ``bury`` for a guard that is already gone."""

    def __init__(self, launch: Launch) -> None:
        self.folder = tempfile.mkdtemp(prefix="leasehold-")
        self.spool = Spool(self.folder, "w")
        self._decoder = Decoder()
        self._outgoing = bytearray()
        self._report = b""
        guard_words, self.words = shared_words()
        child_words, self.child_words = shared_words()
        self.control, control = socket.socketpair()
        inward, self.inward = os.pipe()
        self.outward, outward = os.pipe()
        self.raw, raw = os.pipe()
        for fd in (self.inward, self.outward, self.raw):
            os.set_blocking(fd, False)
        self.control.settimeout(0)
        widen(self.raw)
        theirs = [control.fileno(), guard_words, child_words, raw, inward, outward]
        child = [sys.executable, *interpreter_flags(), "-c", BOOTSTRAP, *map(str, (inward, outward, child_words))]
        child += [self.folder, launch.loader, launch.spec, "\n".join(sys.path)]
        command = [sys.executable, "-I", "-S", guard.__file__, *map(str, (*theirs, launch.memory)), self.folder, *child]
        self._guard = subprocess.Popen(
            command,
            env={**launch.environment, MARK: Path(self.folder).name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=theirs,
            start_new_session=True,
        )
        launch.orphans.guards.add(self._guard.pid)
        self._orphans = launch.orphans
        control.detach()
        for fd in theirs:
            os.close(fd)

    def send(self, messages: list[Message]) -> None:
        """Put messages on the pipe, as far as it has room; ``push`` sends the rest."""
        self._outgoing += encode(messages)
        self.push()

    def push(self) -> None:
        """Send what did not fit."""
        try:
            sent = os.write(self.inward, self._outgoing)
            del self._outgoing[:sent]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._outgoing.clear()  # its death is on its way to us

    @property
    def clogged(self) -> bool:
        """Whether messages wait for room in the pipe."""
        return bool(self._outgoing)

    def read(self) -> list[Message] | None:
        """Messages that are there; ``None`` once the child has closed its end.

        Raises:
            Garbage: somebody else writes into the pipe.
        """
        piece = read_some(self.outward)
        return None if piece is None else self._decoder.feed(piece)

    def read_raw(self) -> bytes | None:
        """Raw output that is there; ``None`` once nobody can write any more."""
        return read_some(self.raw)

    def lease(self, term_at: int, kill_at: int) -> None:
        """Write down when the guard has to act by itself; 0 = never."""
        self.words[KILL_AT] = kill_at
        self.words[TERM_AT] = term_at

    def revoke(self, seq: int) -> None:
        """No job up to ``seq`` may begin any more, unless it has said so in the pipe already."""
        self.child_words[REVOKED] = seq

    @property
    def begun(self) -> int:
        """No job beyond this number has begun: what the child wrote down beside its pipe."""
        return self.child_words[BEGUN]

    def ask(self) -> None:
        """Ask all of it to end."""
        self._tell(b"T")

    def kill(self) -> None:
        """Kill all of it."""
        self._tell(b"K")

    def _tell(self, word: bytes) -> None:
        try:
            self.control.send(word)
            self._guard.send_signal(signal.SIGCONT)  # a run may have stopped it
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            return  # it has been told before, or it is gone

    def help(self) -> None:
        """Do a guard's work, who does not get to it: kill everything below it, then let it go on."""
        if sys.platform == "linux" and self._guard.poll() is None:
            guard.kill_all(guard.descendants(stopping=True, of=self._guard.pid))
        self._guard.send_signal(signal.SIGCONT)

    def destroy(self) -> None:
        """Kill the guard itself; the kernel then kills the child, and ``bury`` what that leaves."""
        self._guard.kill()

    def death(self) -> Death | None:
        """How it ended, once nothing of it is alive."""
        try:
            said = self.control.recv(64)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            said = b""
        self._report += said
        if said and not said.endswith(b"\n"):
            return self.death()
        if not self._report.endswith(b"\n"):
            return Death(None, "guard")
        status, why, at = self._report.decode().split()
        return Death(int(status) if status.lstrip("-").isdigit() else None, why, int(at))

    def bury(self) -> None:
        """Give back everything; the guard is gone already, or goes when its pipe closes."""
        self.control.close()
        self._guard.send_signal(signal.SIGCONT)
        try:
            self._guard.wait(GUARD_SECONDS)
        except subprocess.TimeoutExpired:  # something stops it again and again
            self._guard.kill()
            self._guard.wait()
        self._orphans.guards.remove(self._guard.pid)
        if self._guard.returncode != 0:
            self._orphans.kill(Path(self.folder).name)
        for fd in (self.inward, self.outward, self.raw):
            os.close(fd)
        self.words.release()
        self.child_words.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def shared_words() -> tuple[int, memoryview]:
    """A page of memory that other processes can map: its fd, and our view of it."""
    if sys.platform == "linux":
        fd = os.memfd_create("leasehold")
    else:
        fd, name = tempfile.mkstemp()
        Path(name).unlink()
    os.ftruncate(fd, WORDS_BYTES)
    return fd, words(fd)


def widen(pipe: int) -> None:
    """Give a pipe room for a burst of output, where the system allows it."""
    if sys.platform == "linux":
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIECE)
        except OSError:
            return


def read_some(fd: int) -> bytes | None:
    """What is in a pipe now; ``None`` at its end."""
    try:
        return os.read(fd, PIECE) or None
    except BlockingIOError:
        return b""


def interpreter_flags() -> list[str]:
    """The child is started like this process as far as it changes what Python code does."""
    flags = ["-O"] * sys.flags.optimize
    flags += ["-X", "dev"] if sys.flags.dev_mode else []
    flags += ["-X", "utf8"] if sys.flags.utf8_mode else []
    return flags
