"""Real processes, as a user would start them: what they say is read as it comes, and none of them stays behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from select import select
from threading import Condition, Thread

BOUND = 90.0
"""Seconds after which something will never happen: far more than it takes on a loaded machine."""
OURS = re.compile(rb"leasehold\.(node|demo)|leasehold/adapters/slots/guard\.py|leasehold\.adapters\.slots\.child")


def scrubbed(folder: Path) -> dict[str, str]:
    """An environment with nothing in it but where Python is, and a home of its own."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {"PYTHONPATH": path, "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}


class Process:
    """One process in a session of its own."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.lines: list[str] = []
        self.expected = False
        """Whether its end is no surprise."""
        self._changed = Condition()
        self._over = False
        self.popen = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = Thread(target=self._read, name=f"reads {name}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout as stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def says(self, what: str, since: int = 0) -> str:
        """Wait until it says that, in a line beyond the first ``since``; the line."""
        found: list[str] = []

        def heard() -> bool:
            found.extend(line for line in self.lines[since:] if what in line)
            return bool(found) or self._over

        with self._changed:
            self._changed.wait_for(heard, BOUND)
        assert found, f"{self.name} never said {what!r}, but:\n{self.output}"
        return found[0]

    @property
    def output(self) -> str:
        """All that it has said so far."""
        with self._changed:
            return "".join(self.lines)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def kill(self) -> None:
        """SIGKILL, to it alone: as a machine vanishes for whoever waits for its word."""
        self.expected = True
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> int:
        """TERM, and wait for its end; the exit code."""
        self.expected = True
        self.popen.terminate()
        return self.ended()

    def ended(self, within: float = BOUND) -> int:
        """Wait for its end, so many seconds; the exit code."""
        self.expected = True
        try:
            code = self.popen.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end, but said:\n{self.output}") from None
        self._reader.join(BOUND)
        return code

    def clean_up(self) -> None:
        """End it with all that it started in its session."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self._reader.join(BOUND)


def alive(folder: Path) -> list[int]:
    """Processes of Leasehold that were started with something of this folder in their hands."""
    return [pid for pid, told in known_processes() if OURS.search(told) and str(folder).encode() in told]


def known_processes() -> Iterator[tuple[int, bytes]]:
    """Of every process: its id, command line and environment."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield int(process.name), (process / "cmdline").read_bytes() + b"\n" + (process / "environ").read_bytes()
        except OSError:
            continue


def left_behind(folder: Path) -> list[int]:
    """Those that are alive and do not end: the children of a killed worker may take a moment."""
    for pid in alive(folder):
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            select([handle], [], [], BOUND)
            os.close(handle)
    return alive(folder)
