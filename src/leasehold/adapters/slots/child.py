"""What runs in a slot's process beside the user's code: take a job, run it, say how it went."""

from __future__ import annotations

import faulthandler
import mmap
import os
import signal
import sys
import time
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, cast

from leasehold.adapters.slots.boot import ANNOUNCED, boot, words
from leasehold.adapters.slots.calls import Asked, Order, OrderFields, call
from leasehold.adapters.slots.frames import BEGAN, CANNOT, HELLO, LITTERED, SIZE, UNBEGUN, Message
from leasehold.adapters.slots.lending import Lending
from leasehold.adapters.slots.line import Line
from leasehold.adapters.slots.link import ChildLink
from leasehold.adapters.slots.output import capture
from leasehold.adapters.slots.spans import spans_under
from leasehold.adapters.slots.spool import Spool
from leasehold.ports import run as runs
from leasehold.ports.handlers import Handler, Handlers, Loader

if TYPE_CHECKING:
    from leasehold.adapters.slots.together import Together

SIZED_EVERY = 200_000_000
"""ns between two looks at this process's memory."""


class Child:
    """Runs jobs one after the other."""

    def __init__(self, line: Line, handlers: Handlers) -> None:
        self.line = line
        self.handlers = handlers
        self._unsent: list[Message] = []
        self._sized_at = 0
        self._together: Together | None = None
        self._lending = Lending()

    def serve(self) -> None:
        """Work until told to leave."""
        line = self.line
        while line.jobs or not line.leaving:
            while line.jobs:
                self._next()
            self.flush()
            if not line.leaving:
                line.wait()
        if self._together is not None:
            self._together.close()

    def flush(self) -> None:
        """Send what was held back."""
        if self._unsent:
            self.line.send(self._unsent)
            self._unsent = []

    def _next(self) -> None:
        """Run the next job; async ones all together. None in a process that was asked to end, and is here all the same.

        Its guard asks once: who begins now would not be asked any more, only killed.
        """
        if self.line.words[ANNOUNCED]:
            self.leave()
            return
        name = cast("str", self.line.jobs[0][3])
        handler = self.handlers.find(name)
        if handler is not None and handler.is_async:
            self.flush()
            self.together().serve()
        else:
            self.run(Order(*cast("OrderFields", self.line.jobs.popleft()[1:])))
        self.look_after(time.perf_counter_ns())

    def together(self) -> Together:
        """The event loop of async handlers, once there is one to run."""
        if self._together is None:
            from leasehold.adapters.slots.together import Together  # noqa: PLC0415 - it brings asyncio

            self._together = Together(self.line, self.handlers)
        return self._together

    def run(self, job: Order) -> None:
        """One run. Its end and the beginning of the next share one write to the pipe."""
        if not self.claim(job.seq, job.start_by):
            return
        link = ChildLink(self.line, job.seq, job.deadline)
        runs.begin(runs.Run(job.task_id, job.n, job.r, link, job.trace))
        began = time.perf_counter_ns()
        self._lending.lend(job.loan)
        with spans_under(job.trace):
            end = call(self.handlers, job.name, self.line.spool.take(job.arguments), link)
        self._lending.take_back()
        took = (time.perf_counter_ns() - began) // 1_000
        runs.end()
        printed = link.sink.rest() if link.sink is not None else (b"", 0)
        self._unsent.append((end.kind, job.seq, boot(), took, end.payload, *printed))

    def claim(self, seq: int, start_by: int) -> bool:
        """Say that the run begins, unless its turn came too late or the worker has taken it back."""
        if self.line.revoked(seq):
            return False
        at = boot()
        if at > start_by:
            self._unsent.append((UNBEGUN, seq, at))
            return False
        self._unsent.append((BEGAN, seq, at))
        self.line.begins(seq)
        self.flush()
        # The worker revokes first and then reads our claims; we claim first and then read what is revoked. So at
        # least one of the two notices when both do it at once, and the worker ignores a claim that it has revoked.
        # While it does not read, saying so may take long: too long, perhaps.
        at = boot()
        if self.line.revoked(seq) or at > start_by:
            self._unsent.append((UNBEGUN, seq, at))
            return False
        return True

    def look_after(self, now: int) -> None:
        """After a run: leave if it left processes behind, and say how much memory is in use."""
        if has_children() and litter():
            self.leave()
        elif now - self._sized_at > SIZED_EVERY:
            self._sized_at = now
            self._unsent.append((SIZE, resident()))

    def leave(self) -> None:
        """Begin nothing more, and end."""
        self._unsent.append((LITTERED,))
        self._unsent += [(UNBEGUN, job[1], 0) for job in self.line.jobs]
        self.line.jobs.clear()
        self.line.leaving = True


def has_children() -> bool:
    """Whether any process descends from this one, dead or alive; the kernel knows in a microsecond.

    The guard made this process a subreaper, so daemonised processes are its children too.
    """
    if not hasattr(os, "waitid"):
        return True  # macOS: litter() looks
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def litter() -> bool:
    """Collect the dead that nobody waited for; whether anything lives."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def resident() -> int:
    """Bytes of memory this process has in use; 0 where /proc is missing."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - pathlib is slower to import than this to run
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0


def listen_for_end(line: Line) -> None:
    """End when the leash asks for it; take the same signal from anyone else as a hint.

    A service manager that stops a worker often signals every process of it. The worker then drains, and its children
    must live to see that. Once the leash has asked, whatever comes from elsewhere would only disturb the tidying up.
    """

    def asked(_number: int, _frame: FrameType | None) -> None:
        if not line.words[ANNOUNCED]:
            line.interrupt("terminated", line.last)
        elif not line.asked:
            line.asked = True
            line.end_by(Asked())

    signal.signal(signal.SIGTERM, asked)


def kind(handler: Handler) -> tuple[str, bool, int, tuple[str, ...]]:
    """What the worker must know of a handler."""
    return handler.name, handler.is_async, handler.concurrency, tuple(handler.environment)


def load(line: Line, loader: str, spec: str) -> Handlers | None:
    """The application; what is wrong with it goes to the worker."""
    module, _, name = loader.partition(":")
    try:
        function = cast("Loader", getattr(import_module(module), name))
        handlers = function(spec)
        line.send([(HELLO, [kind(each) for each in handlers.all()])])
    except BaseException as error:  # noqa: BLE001 - whatever the user's module raises while it is imported
        from leasehold.adapters.slots import failures  # noqa: PLC0415 - only a broken application needs it

        failure = failures.describe(error)
        line.send([(CANNOT, failure.type, failure.message, failure.traceback)])
        return None
    return handlers


def main() -> None:
    """Load the application and serve, as the arguments say: two pipes, the shared words, spool, loader, spec."""
    inward, outward, shared = map(int, sys.argv[1:4])
    folder, loader, spec = sys.argv[4:7]
    sys.argv[:] = [spec]
    for fd in (inward, outward, shared):
        os.set_inheritable(fd, False)  # noqa: FBT003 - it takes no names
    line = Line(inward, outward, words(shared), Spool(folder, "c"))
    listen_for_end(line)
    capture()
    faulthandler.enable(2)
    try:
        handlers = load(line, loader, spec)
        if handlers is not None:
            Child(line, handlers).serve()
    except Asked:
        return
