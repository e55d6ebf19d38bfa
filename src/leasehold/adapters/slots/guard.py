"""Between the worker and one child: whatever happens to the worker, nothing that the child started outlives its lease.

Elsewhere than on Linux there is no subreaper: the child's process group is killed, and what has left it gets away.

A program of its own, started with ``python -I -S``: it imports next to nothing and stays small. It is the child's
parent and, on Linux, the *subreaper* of all that descends from it: a process that forks twice and starts a session of
its own still becomes the guard's child when its parents die, so the guard can kill until the kernel says that no child
is left. It acts

- when the pipe to the worker ends, because the worker is dead: it kills everything at once;
- when the worker says so: ``T`` asks every descendant to end, ``K`` kills them;
- at the instants that the worker wrote into shared memory, which it reads a few times a second: that costs the
  worker one store per run and holds even when the worker is stopped or busy. The worker is exact, the guard is the
  backstop, at most ``TICK`` late;
- when the child ends: it kills what the child left behind, and then says how the child ended.

Whoever runs as the same user can stop it with a signal. So the kernel is asked to continue it at every ``TICK``
(``Wakers``).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import signal
import sys
import time

LINUX = sys.platform == "linux"
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
WORDS_BYTES = 4_096
TERM_AT, KILL_AT = 0, 1
"""Words for the guard: when to ask and when to kill, in ms on ``CLOCK``; 0 = never."""
ANNOUNCED = 1
"""Word for the child: the request to end is ours."""
TICK = 400
"""ms between two looks at the words: less than the least time that a margin leaves for reaping."""
WAKERS = 4
"""Timers that continue a stopped guard. One is enough unless a stop meets its signal halfway."""
LONGEST_SLEEP = 1_000
"""ms between two looks that nobody asks for, where the kernel wakes the guard more often than that."""
MEMORY_SLEEP = 200
OOM_SCORE = 500
RETRY = 5
"""ms between two attempts to kill what is left."""
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
SIGEVENT_INTS = 16
SIGEV_SIGNO = ctypes.sizeof(ctypes.c_void_p) // ctypes.sizeof(ctypes.c_int)
"""Size of ``struct sigevent``, and where in it the signal's number stands, in ints."""
LISTENED_TO = {signal.SIGCHLD, signal.SIGCONT}
IGNORED = signal.valid_signals() - LISTENED_TO - {signal.SIGKILL, signal.SIGSTOP}


def now() -> int:
    """Milliseconds on a clock that counts suspension."""
    return time.clock_gettime_ns(CLOCK) // 1_000_000


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process; other systems than Linux have none of these."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class Wakers:
    """Timers of the kernel that continue this process, so that nobody stops it for good.

    A stop that comes while such a signal is still pending takes it away, and with it the timer, which the kernel winds
    up only when its signal is taken. So there are several, one ``TICK`` apart, and all are wound up whenever this
    process is awake. The signal needs a handler: Linux 6.13 and later stop a timer whose signal is ignored.
    """

    def __init__(self) -> None:
        self.timers: list[ctypes.c_void_p] = []
        self.libc = ctypes.CDLL(None, use_errno=True)
        event = (ctypes.c_int * SIGEVENT_INTS)()
        event[SIGEV_SIGNO] = signal.SIGCONT
        able = LINUX and hasattr(self.libc, "timer_create")  # glibc before 2.34 has it elsewhere
        while able and len(self.timers) < WAKERS:
            timer = ctypes.c_void_p()
            if self.libc.timer_create(CLOCK, event, ctypes.byref(timer)) != 0:
                return
            self.timers.append(timer)

    def wind_up(self) -> bool:
        """Count the time of each from now; whether there are any."""
        wound = [self.libc.timer_settime(timer, 0, spec_of(nth), None) for nth, timer in enumerate(self.timers, 1)]
        return bool(wound) and not any(wound)


def spec_of(nth: int) -> ctypes.Array[ctypes.c_long]:
    """``struct itimerspec``: every round of all timers, from the ``nth`` ``TICK`` on."""
    interval, first = (divmod(ticks * TICK, 1_000) for ticks in (WAKERS, nth))
    return (ctypes.c_long * 4)(interval[0], interval[1] * 1_000_000, first[0], first[1] * 1_000_000)


def prefer_to_die() -> None:
    """Let the kernel choose this process before the worker when memory runs out."""
    try:
        with open("/proc/self/oom_score_adj", "r+b") as file:  # noqa: PTH123 - as in read()
            if int(file.read()) < OOM_SCORE:
                file.write(str(OOM_SCORE).encode())
    except OSError:
        return


def read(path: str) -> bytes:
    """A file of /proc; nothing when the process is gone."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would double the guard's memory
            return file.read()
    except OSError:
        return b""


def names(folder: str) -> list[str]:
    """The entries of a folder of /proc; none when the process is gone."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - as in read()
    except OSError:
        return []


def children_by_kernel(pid: int) -> list[int]:
    """The children of a process, as the kernel lists them per thread."""
    return [
        int(child)
        for thread in names(f"/proc/{pid}/task")
        for child in read(f"/proc/{pid}/task/{thread}/children").split()
    ]


def children_by_scan(pid: int) -> list[int]:
    """The children of a process on a kernel without those lists: every process is asked for its parent."""
    found: list[int] = []
    for name in names("/proc"):
        fields = read(f"/proc/{name}/stat").rpartition(b")")[2].split() if name.isdigit() else []
        if len(fields) > 1 and int(fields[1]) == pid:
            found.append(int(name))
    return found


LISTED = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # noqa: PTH110 - as in read()
children = children_by_kernel if LISTED else children_by_scan


def descendants(*, stopping: bool = False, of: int = 0) -> list[int]:
    """Everything below this process, or below ``of``, parents first.

    ``stopping``: each is stopped before it is asked for its children, so it has no more of them than it says.
    """
    found = children(of or os.getpid())
    for pid in found:
        if stopping:
            send(pid, signal.SIGSTOP)
        found += children(pid)  # the list grows while it is walked
    return found


def kill_all(pids: list[int]) -> None:
    """Kill these, each with its whole process group."""
    for pid in pids:
        kill_group(pid)
        send(pid, signal.SIGKILL)


def send(pid: int, number: int) -> None:
    """Signal a process that may be gone."""
    try:
        os.kill(pid, number)
    except OSError:
        return


def kill_group(pid: int) -> None:
    """Kill the process group of ``pid``: at once for all of it, so a group that forks without end cannot escape."""
    try:
        group = os.getpgid(pid)
        if group != os.getpgrp():
            os.killpg(group, signal.SIGKILL)
    except OSError:
        return


def kill_group_of_the_dead(leader: int) -> None:
    """Kill what is left of the group that a process led."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except OSError:
        return


class Guard:
    """One child and all that descends from it."""

    def __init__(self, control: int, words: int, child_words: int, memory: int, spool: str) -> None:
        self.control = control
        self.words = memoryview(mmap.mmap(words, WORDS_BYTES)).cast("q")
        self.child_words = memoryview(mmap.mmap(child_words, WORDS_BYTES)).cast("q")
        self.memory = memory
        self.spool = spool
        self.worker = os.getppid()
        self.child = 0
        self.status: int | None = None
        self.asked = False
        self.late = False
        self.wakers = Wakers()
        self.longest_sleep = TICK
        self.woken, wake = os.pipe()
        for end in (self.woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in LISTENED_TO:
            signal.signal(number, wake_only)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whatever the worker's thread had blocked

    def start(self, command: list[str], output: int, pipes: list[int]) -> None:
        """Start the child in a session of its own, so that a signal to its group never reaches the guard."""
        guard = os.getpid()
        self.child = os.fork()
        if self.child:
            for fd in (output, *pipes):
                os.close(fd)
            return
        try:
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            prctl(PR_SET_CHILD_SUBREAPER, 1)
            for number in IGNORED:
                signal.signal(number, signal.SIG_DFL)
            os.dup2(output, 1)
            os.dup2(output, 2)
            prefer_to_die()
            if os.getppid() == guard:
                os.execv(command[0], command)  # noqa: S606 - no shell is the point
        except OSError as error:
            os.write(2, f"{command[0]}: {error}\n".encode())
        finally:
            os._exit(127)

    def watch(self) -> str:
        """Wait for a reason to end everything, and name it."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.woken, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll(self.patience())]
            if self.control in ready and (why := self.obey()):
                return why
            if self.woken in ready:
                self.wakers.wind_up()
                drain(self.woken)
            if (why := self.look()) is not None:
                return why

    def patience(self) -> int:
        """Count the ms until the next instant at which something may have to be done."""
        longest = MEMORY_SLEEP if self.memory else self.longest_sleep
        due = [at for at in (self.words[KILL_AT], 0 if self.asked else self.words[TERM_AT]) if at]
        return max(0, min([longest, *(at - now() for at in due)]))

    def obey(self) -> str | None:
        """Do what the worker says; its silence for good means that it is dead."""
        try:
            said = os.read(self.control, 64)
        except OSError:
            said = b""
        if not said:
            return "orphaned"
        if b"K" in said:
            self.reap()
            return "told" if self.status is None else "ended"
        if not self.asked:  # at the end of a lease both sides see to it: a second request would disturb the tidying up
            self.ask()
        return None

    def look(self) -> str | None:
        """See whether the child, its time, its memory or the worker has ended."""
        self.reap()
        if self.status is not None:
            return "late" if self.late else "ended"
        if self.passed(KILL_AT):
            return "late"
        if self.passed(TERM_AT) and not self.asked:
            self.late = True
            self.ask()
        if self.memory and self.resident() > self.memory:
            return "memory"
        return "orphaned" if os.getppid() != self.worker else None

    def below(self, *, stopping: bool = False) -> list[int]:
        """Every process below this one; elsewhere than on Linux, the child is all that can be known."""
        return descendants(stopping=stopping) if LINUX else [self.child]

    def passed(self, word: int) -> bool:
        """Whether the instant in that word is over."""
        return 0 < self.words[word] <= now()

    def ask(self) -> None:
        """Ask every descendant to end; a stopped one has to be woken to hear it."""
        self.asked = True
        self.child_words[ANNOUNCED] = 1
        for pid in self.below():
            send(pid, signal.SIGTERM)
            send(pid, signal.SIGCONT)

    def resident(self) -> int:
        """Bytes of memory in use by all descendants."""
        pages = [read(f"/proc/{pid}/statm").split()[1:2] for pid in self.below()]
        return sum(int(resident) for found in pages for resident in found) * mmap.PAGESIZE

    def reap(self) -> bool:
        """Collect the dead; whether anyone is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self.child:
                    self.status = status
        except ChildProcessError:
            return False

    def kill(self) -> None:
        """Kill every descendant, until the kernel says that there is none."""
        waiting = select.poll()
        waiting.register(self.woken, select.POLLIN)
        if not LINUX:
            kill_group_of_the_dead(self.child)
        while self.reap():
            kill_all(self.below(stopping=True))  # what stands still can neither fork nor reap
            waiting.poll(RETRY)
            self.wakers.wind_up()
            drain(self.woken)

    def report(self, why: str, at: int) -> None:
        """Say how the child ended, why and when, and wait until the worker has done with it, or is dead."""
        try:
            os.write(self.control, f"{self.status} {why} {at}\n".encode())
            while os.read(self.control, 64):
                pass
        except OSError:
            return

    def tidy(self) -> None:
        """Remove the spool: no one will read it any more."""
        try:
            for name in names(self.spool):
                os.unlink(f"{self.spool}/{name}")  # noqa: PTH108 - as in read()
            os.rmdir(self.spool)  # noqa: PTH106 - as in read()
        except OSError:
            return  # a handler has been there


def wake_only(_number: int, _frame: object) -> None:
    """Nothing: that the signal came is written to the pipe of wake-ups."""


def drain(fd: int) -> None:
    """Empty a pipe of wake-ups."""
    try:
        while os.read(fd, 512):
            pass
    except OSError:
        return


def main(arguments: list[str]) -> None:
    """Run until nothing is left alive.

    Arguments: fds of control, words, child's words, raw output, and of the child's two pipes; memory limit in bytes or
    0; spool folder; and the child's command line.
    """
    control, words, child_words, output, *pipes, memory = map(int, arguments[:7])
    for fd in (control, words):
        os.set_inheritable(fd, False)  # noqa: FBT003 - it takes no names
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    guard = Guard(control, words, child_words, memory, arguments[7])
    guard.start(arguments[8:], output, pipes)
    guard.longest_sleep = LONGEST_SLEEP if guard.wakers.wind_up() else TICK
    why, at = guard.watch(), now()
    guard.kill()
    if why != "orphaned":
        guard.report(why, at)
    guard.tidy()


if __name__ == "__main__":
    main(sys.argv[1:])
