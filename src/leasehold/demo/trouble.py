"""What goes wrong on purpose, so that the demo can show what Leasehold does about it.

Every trouble strikes at a checkpoint of a task, never at a moment: slow or fast, loaded or idle, it is hit at the same
second of its recording, and once. How far it is and which run this is, the checkpoint itself tells.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from leasehold.core.errors import Recoverable

STRIKES_AT: Final = 2  # the checkpoint of a task after which its run is killed: some is saved, some is left to do
WORKS_IN_RUN: Final = 3  # the run in which a task that fails twice goes through
HOLD: Final = 60.0  # seconds for which a run waits for its node to be killed: longer than its lease


class Kind(StrEnum):
    """What goes wrong."""

    NOTHING = ""
    FAIL_TWICE = "fail-twice"  # the first two runs raise Recoverable
    KILL_SLOT = "kill-slot"  # the process that runs the handler dies by SIGKILL
    KILL_NODE = "kill-node"  # somebody outside is called to kill the whole worker node


class Trouble(NamedTuple):
    """What goes wrong in one task; `call` is the file whose appearance calls for the node to be killed."""

    kind: Kind = Kind.NOTHING
    call: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Trouble:
        """Read an argument such as "fail-twice" or "kill-node:/tmp/demo/call". Raises ValueError."""
        kind, _, call = text.partition(":")
        if bool(call) != (kind == Kind.KILL_NODE):
            raise ValueError(f"trouble {text!r}: {Kind.KILL_NODE} and nothing else takes the path of a file to call by")
        return cls(Kind(kind), Path(call) if call else None)

    def __str__(self) -> str:
        return f"{self.kind}:{self.call}" if self.call else self.kind.value


class Mischief:
    """The trouble of one run, `run_number` being 1 for a task's first."""

    def __init__(
        self,
        trouble: Trouble,
        run_number: int,
        *,
        kill: Callable[[int, int], None] = os.kill,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.trouble, self.run_number = trouble, run_number
        self.kill, self.wait = kill, wait

    def at_start(self) -> None:
        """Strike before any work is done: a task that fails twice fails here."""
        if self.trouble.kind is Kind.FAIL_TWICE and self.run_number < WORKS_IN_RUN:
            raise Recoverable(f"run {self.run_number} fails, as planned; run {WORKS_IN_RUN} will work")

    def after_checkpoint(self, number: int) -> None:
        """Strike once the task's checkpoint of that number is kept: a run that was lost before it spares nobody."""
        if number != STRIKES_AT:
            return
        if self.trouble.kind is Kind.KILL_SLOT:
            self.kill(os.getpid(), signal.SIGKILL)
        elif self.trouble.kind is Kind.KILL_NODE and self.trouble.call is not None:
            leave_call(self.trouble.call)
            self.wait(HOLD)


def leave_call(path: Path) -> None:
    """Write this process's id into a file that appears whole or not at all: somebody may be watching for it."""
    draft = path.with_suffix(".draft")
    draft.write_text(f"{os.getpid()}\n")
    draft.replace(path)
