"""Handlers that fight the leash: each says that it is here, and then does what it can to stay."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from leasehold.flow.registry import Registry
from leasehold.ports.run import current

registry = Registry()
LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_TRACEME, PTRACE_SEIZE, PTRACE_INTERRUPT = 0, 0x4206, 0x4207
PR_SET_PDEATHSIG = 1
CLONE_PARENT, CLONE_NEWPID = 0x8000, 0x20000000
SYS_CLONE = {"x86_64": 56, "aarch64": 220}.get(os.uname().machine, 56)
FORKS = 120
"""Processes of a fork bomb."""
KIDS = 4
Attack = Callable[[], object]
ATTACKS: dict[str, Attack] = {}
DISARMING = ("kill_guard", "kill_guard_unnoticed", "stop_guard_again_and_again", "trace_guard")
"""Against these the guard alone is powerless: a worker that is alive has to answer."""


def attack(function: Attack) -> Attack:
    """Register it; it is called once the journal says which process has this run."""

    def handler(journal: str) -> None:
        line = f"{current().task_id} {os.getpid()} {os.getppid()}\n"
        file = os.open(journal, os.O_WRONLY | os.O_APPEND)
        os.write(file, line.encode())
        os.close(file)
        function()
        stay()

    name = function.__name__
    ATTACKS[name] = function
    registry.add(handler, name=name)
    return function


def ignore_all() -> None:
    """Every request that can be ignored."""
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)


def stay() -> NoReturn:
    while True:
        with contextlib.suppress(BaseException):
            signal.pause()


def staying_kid() -> int:
    """A child that ignores everything."""
    pid = os.fork()
    if pid == 0:
        ignore_all()
        stay()
    return pid


def daemon() -> None:
    """Fork twice, in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        staying_kid()
        os._exit(0)
    os.wait()


def guard() -> int:
    return os.getppid()


# -- that do not listen ------------------------------------------------------------------------------------------------
@attack
def ignore_requests() -> None:
    ignore_all()


@attack
def swallow_requests() -> None:
    """Every exception that the request raises."""


@attack
def block_all_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))


@attack
def hold_the_interpreter() -> None:
    ignore_all()
    while True:
        ctypes.PyDLL(None).pause()


@attack
def burn() -> None:
    ignore_all()
    for _ in iter(int, 1):
        pass


@attack
def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


@attack
def start_threads() -> None:
    for _ in range(20):
        threading.Thread(target=threading.Event().wait).start()


@attack
def leave_the_threads_behind() -> None:
    """The process's first thread ends: what /proc shows of it looks dead, and the others go on."""
    ignore_all()
    threading.Thread(target=threading.Event().wait).start()
    LIBC.pthread_exit(None)


@attack
def close_everything() -> None:
    ignore_all()
    os.closerange(0, 1 << 16)


@attack
def become_another_program() -> None:
    ignore_all()
    os.execv("/bin/sh", ["sh", "-c", "trap '' TERM; kill -STOP $$; exec cat /dev/zero >/dev/null"])


@attack
def write_for_ever() -> None:
    ignore_all()
    while True:
        os.write(1, b"x" * 4_096)
        select.select([], [], [], 0.001)


@attack
def fill_the_pipe() -> None:
    ignore_all()
    run = current()
    for number in iter(int, 1):
        run.progress(number, 1, "x" * 1_000)
        select.select([], [], [], 0.001)


# -- that multiply -----------------------------------------------------------------------------------------------------
@attack
def fork_a_family() -> None:
    for _ in range(KIDS):
        if os.fork() == 0:
            staying_kid()
            ignore_all()
            stay()


@attack
def fork_and_go_on_as_the_child() -> None:
    """A moving target: each process forks, and leaves the rest to its child, in a session of its own."""
    ignore_all()
    while True:
        if os.fork():
            os._exit(0)
        os.setsid()
        select.select([], [], [], 0.005)


@attack
def fork_bomb() -> None:
    """Processes that fork until the tokens are spent, each in a session of its own."""
    tokens, give_tokens = os.pipe()
    os.write(give_tokens, b"x" * FORKS)
    while os.read(tokens, 1):
        if os.fork() == 0:
            os.setsid()
            ignore_all()


@attack
def daemonise() -> None:
    daemon()


@attack
def daemonise_without_the_environment() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            ignore_all()
            os.execve("/bin/sh", ["sh", "-c", f": siege-{current().task_id}; kill -STOP $$"], {})
        os._exit(0)
    os.wait()


@attack
def leave_programs() -> None:
    for _ in range(2):
        subprocess.Popen(["/bin/sh", "-c", "trap '' TERM HUP; kill -STOP $$"], start_new_session=True)


@attack
def swap_groups() -> None:
    first = staying_kid()
    os.setpgid(first, first)
    second = staying_kid()
    os.setpgid(second, first)
    os.kill(first, signal.SIGKILL)  # a group whose leader is gone


@attack
def give_the_guard_a_child() -> None:
    if LIBC.syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, None, None, None, None) == 0:
        ignore_all()
        stay()


@attack
def hide_in_a_namespace() -> None:
    LIBC.unshare(CLONE_NEWPID)  # only root may
    staying_kid()


# -- that stand still --------------------------------------------------------------------------------------------------
@attack
def stop_the_family() -> None:
    for _ in range(KIDS):
        os.kill(staying_kid(), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)


@attack
def be_traced() -> None:
    """A tracer that never looks."""
    if os.fork() == 0:
        LIBC.ptrace(PTRACE_TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        stay()


# -- that attack the guard ---------------------------------------------------------------------------------------------
@attack
def stop_guard() -> None:
    daemon()
    os.kill(guard(), signal.SIGSTOP)


@attack
def kill_guard() -> None:
    daemonise_without_the_environment()
    daemon()
    os.kill(guard(), signal.SIGKILL)


@attack
def kill_guard_unnoticed() -> None:
    """The kernel would kill this process with it, unless told otherwise."""
    ignore_all()
    LIBC.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
    os.kill(guard(), signal.SIGKILL)


@attack
def stop_guard_again_and_again() -> None:
    victim = guard()
    daemon()
    ignore_all()
    while True:
        os.kill(victim, signal.SIGSTOP)


@attack
def trace_guard() -> None:
    victim = guard()
    ignore_all()
    LIBC.ptrace(PTRACE_SEIZE, victim, None, None)
    LIBC.ptrace(PTRACE_INTERRUPT, victim, None, None)


@attack
def shout_at_the_guard() -> None:
    """Every signal but the two that cannot be refused."""
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        os.kill(guard(), number)


@attack
def widen_the_pipes() -> None:
    """And fill them."""
    ignore_all()
    for fd in range(3, 64):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 1 << 20)
            os.set_blocking(fd, False)
            os.write(fd, b"x" * (1 << 20))


assert sys.platform == "linux"
