"""Handlers that hang, multiply and break things."""

import contextlib
import ctypes
import fcntl
import gc
import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from leasehold.ports.run import current

F = TypeVar("F", bound=Callable[..., object])
UNRULY: list[Callable[..., object]] = []
hoard: list[bytes] = []


def task(function: F) -> F:
    UNRULY.append(function)
    return function


def hold_open(fifo: str) -> None:
    """Hold a pipe open in this process and all its children: its other end sees when the last of them is dead."""
    held = os.open(fifo, os.O_WRONLY)
    os.set_inheritable(held, True)  # noqa: FBT003 - it takes no names
    os.write(held, b"here")


def wait_for_ever() -> NoReturn:
    while True:
        signal.pause()


# -- that will not end -------------------------------------------------------------------------------------------------
@task
def hang(fifo: str) -> None:
    hold_open(fifo)
    wait_for_ever()


@task
def sometimes_hang(fifo: str) -> None:
    if fifo:
        hang(fifo)


@task
def tidy_up_when_asked(fifo: str, note: str) -> None:
    try:
        hold_open(fifo)  # in here: who sees that it is held may ask at once
        wait_for_ever()
    finally:
        Path(note).write_text("tidied")


@task
def tidy_up_as_told(fifo: str, note: str, word: str) -> None:
    """Says that it was asked to end, and waits for a word before it tidies up."""
    try:
        hold_open(fifo)  # in here: who sees that it is held may ask at once
        wait_for_ever()
    finally:
        hold_open(fifo)
        Path(note).write_text(Path(word).read_text())


@task
def print_and_tidy_up(fifo: str, note: str) -> None:
    """Prints until nobody reads any more, and saves what it has when it is asked to end."""
    try:
        hold_open(fifo)
        while True:
            print("x" * 100_000)
    finally:
        hold_open(fifo)
        current().save("what it has")
        Path(note).write_text("tidied")


@task
def go_on_when_asked(fifo: str) -> None:
    """Takes the request to end for itself, and goes on to its own end."""
    with contextlib.suppress(SystemExit):
        hold_open(fifo)
        wait_for_ever()
    hold_open(fifo)


@task
def load_again_when_asked(note: str) -> None:
    found: object = None
    try:
        found = current().load("nothing")
    finally:
        Path(note).write_text(f"{found} {current().load('nothing')}")


@task
def ignore_requests(fifo: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hold_open(fifo)
    wait_for_ever()


@task
def swallow_requests(fifo: str) -> None:
    hold_open(fifo)
    while True:
        with contextlib.suppress(BaseException):
            wait_for_ever()


@task
def hold_the_interpreter(fifo: str) -> None:
    """As C code that never lets go of the GIL."""
    hold_open(fifo)
    ctypes.PyDLL(None).pause()
    while True:
        ctypes.PyDLL(None).pause()


@task
def stop_itself(fifo: str) -> None:
    hold_open(fifo)
    os.kill(os.getpid(), signal.SIGSTOP)
    wait_for_ever()


# -- that multiply -----------------------------------------------------------------------------------------------------
@task
def daemonise(fifo: str) -> int:
    """Return while a daemon of one's own goes on."""
    hold_open(fifo)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            wait_for_ever()
        os._exit(0)
    os.wait()
    return os.getpid()


@task
def daemonise_and_hang(fifo: str) -> None:
    daemonise(fifo)
    wait_for_ever()


@task
def leave_a_program(fifo: str) -> int:
    hold_open(fifo)
    subprocess.Popen(["/bin/sh", "-c", "kill -STOP $$"], close_fds=False, start_new_session=True)
    gc.disable()
    return os.getpid()


@task
def fork_bomb(fifo: str, forks: int) -> None:
    """Fork until the tokens are spent, each process in a session of its own."""
    hold_open(fifo)
    tokens, give_tokens = os.pipe()
    os.write(give_tokens, b"x" * forks)
    while os.read(tokens, 1):
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


@task
def kill_own_group() -> None:
    os.kill(0, signal.SIGKILL)


@task
def kill_guard(fifo: str) -> None:
    daemonise(fifo)
    os.kill(os.getppid(), signal.SIGKILL)
    wait_for_ever()


@task
def stop_guard(fifo: str) -> None:
    daemonise(fifo)
    os.kill(os.getppid(), signal.SIGSTOP)
    wait_for_ever()


# -- that break things -------------------------------------------------------------------------------------------------
@task
def close_pipes(fifo: str) -> None:
    hold_open(fifo)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    wait_for_ever()


@task
def close_output() -> str:
    print("before")
    os.close(1)
    os.close(2)
    print("after")
    return "fine"


@task
def write_into_pipes(fifo: str) -> None:
    hold_open(fifo)
    for fd in range(3, 1_024):
        with contextlib.suppress(OSError):
            os.write(fd, b"nonsense" * 8)
    wait_for_ever()


@task
def write_to_worker(text: str) -> None:
    """Say something in the name of this process: its outward pipe is the one of its pipes that can be written."""
    for fd in range(3, 1_024):
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                os.write(fd, text.encode("latin-1"))
    wait_for_ever()


@task
def spoil_pipe(text: str = "", fifo: str = "", *, replace: bool = False) -> None:
    """Say something in the name of this process, or let all that it says go astray; or be the run after that."""
    if fifo:
        hang(fifo)
    for fd in range(3, 1_024 if text or replace else 0):
        with contextlib.suppress(OSError):
            if stat.S_ISFIFO(os.fstat(fd).st_mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
                os.write(fd, text.encode("latin-1"))
                if replace:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)


@task
def swap_group() -> int:
    if os.fork() == 0:
        os.setpgid(0, 0)
        wait_for_ever()
    return os.getpid()


@task
def grow(mebibytes: int) -> None:
    hoard.extend(b"x" * (1 << 20) for _ in range(mebibytes))
    wait_for_ever()


@task
def keep(mebibytes: int) -> int:
    hoard.extend(b"x" * (1 << 20) for _ in range(mebibytes))
    return os.getpid()


@task
def leave_children() -> None:
    if os.fork() == 0:
        wait_for_ever()
