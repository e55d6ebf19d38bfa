"""Handlers that tests run in real slots: some behave, most do not. Loaded by path, in the child.

Its folder is first on the path there, as for any script.
"""

import asyncio
import contextlib
import ctypes
import datetime as dt
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from unruly import UNRULY, hold_open, wait_for_ever

from leasehold.core.errors import Interrupted, Recoverable, Unrecoverable
from leasehold.flow.registry import Registry
from leasehold.ports.run import current

registry = Registry()
F = TypeVar("F", bound=Callable[..., object])
waiting: list[asyncio.Future[None]] = []


def task(function: F) -> F:
    registry.add(function)
    return function


# -- that behave -------------------------------------------------------------------------------------------------------
@task
def noop() -> None:
    pass


@task
def add(a: int, b: int = 2) -> int:
    return a + b


@task
def give(value: object) -> object:
    return value


@task
def pid() -> int:
    return os.getpid()


@task
def parent() -> int:
    return os.getppid()


@task
def environment() -> dict[str, str]:
    return dict(os.environ)


@task
def descriptors() -> list[str]:
    """What this process has open, besides the listing itself."""
    found: list[str] = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found


@task
def modules() -> list[str]:
    return sorted(sys.modules)


@task
def about() -> list[object]:
    run = current()
    return [run.task_id, run.n, run.r, run.token, run.interrupted, 0 < run.remaining < 3_600]


@task
def count() -> int:
    """One more than last time."""
    run = current()
    state = run.load({"count": 0})
    state["count"] += 1
    run.save(state, done=state["count"], total=10, note="counted")
    return state["count"]


@task
def save_from_thread() -> int:
    def save() -> None:
        current().save(42)

    thread = threading.Thread(target=save)
    thread.start()
    thread.join()
    return current().load(0)


@task
def save_what_is_no_json() -> None:
    current().save(object())


@task
def progress(done: float, total: float) -> None:
    current().progress(done, total, "on the way")


@task
def tell_much(times: int) -> None:
    for number in range(times):
        current().progress(number, times, "x" * 100)


@task
def until_interrupted(fifo: str) -> None:
    hold_open(fifo)
    while True:
        current().check()
        os.sched_yield()


# -- that fail ---------------------------------------------------------------------------------------------------------
@task
def fail(message: str) -> None:
    raise ValueError(message)


@task
def fail_for_now() -> None:
    raise Recoverable("busy", after="5m")


@task
def fail_for_good() -> None:
    raise Unrecoverable("corrupt")


@task
def fail_unspeakably() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise Mute


@task
def interrupt_itself() -> None:
    raise Interrupted("nobody asked")


@task
def recurse() -> None:
    recurse()


@task
def run_out_of_memory() -> None:
    raise MemoryError


@task
def return_no_json() -> object:
    return threading.Lock()


@task
def return_a_date() -> dt.date:
    return dt.date(2024, 2, 29)


@task
def leave_by(code: object) -> None:
    sys.exit(code)  # type: ignore[arg-type] - whatever users pass


@task
def leave_at_once(code: int) -> None:
    os._exit(code)


@task
def die_by(number: int) -> None:
    signal.signal(number, signal.SIG_DFL) if number not in {signal.SIGKILL, signal.SIGSTOP} else None
    os.kill(os.getpid(), number)
    wait_for_ever()


@task
def sometimes_die(number: int) -> None:
    if number:
        die_by(number)


@task
def segfault() -> None:
    print("about to crash")
    ctypes.string_at(0)


for unruly in UNRULY:
    registry.add(unruly)


# -- that print --------------------------------------------------------------------------------------------------------
@task
def speak(text: str) -> None:
    print(text)
    print(text.upper(), file=sys.stderr)
    logging.getLogger("job").warning("logged %s", text)
    sys.stdout.buffer.write(b"bytes\n")


@task
def speak_raw(text: str) -> None:
    os.write(1, f"{text}\n".encode())
    subprocess.run(["/bin/echo", text.upper()], check=True)


@task
def speak_and_die(text: str) -> None:
    print(text)
    os.write(2, b"raw\n")
    os.kill(os.getpid(), signal.SIGKILL)


@task
def print_at_once(megabytes: int) -> None:
    print("x" * megabytes * 1_000_000)


@task
def tell_a_story() -> None:
    current().progress(1, 2, "x" * 50_000_000)
    current().save({}, note="x" * 50_000_000)


@task
def print_much(megabytes: int, *, raw: bool) -> None:
    line = "x" * 999 + "\n"
    print("first")
    for _ in range(megabytes):
        for _ in range(1_000):
            if raw:
                os.write(1, line.encode())
            else:
                sys.stdout.write(line)
    print("last")


# -- async -------------------------------------------------------------------------------------------------------------
async def meet(size: int, number: int) -> int:
    """Return once ``size`` of these run side by side."""
    print(f"number {number}")
    mine = asyncio.get_running_loop().create_future()
    waiting.append(mine)
    if len(waiting) == size:
        for future in waiting:
            future.set_result(None)
        waiting.clear()
    await mine
    print(f"number {number} met")
    return number


async def hang_async(fifo: str) -> None:
    await asyncio.to_thread(hold_open, fifo)
    await asyncio.Event().wait()


async def tidy_up_async(fifo: str, note: str, word: str) -> None:
    """Says that it was cancelled, and waits for a word before it tidies up."""
    try:
        await asyncio.to_thread(hold_open, fifo)
        await asyncio.Event().wait()
    finally:
        hold_open(fifo)
        text = await asyncio.to_thread(Path(word).read_text)
        await asyncio.to_thread(Path(note).write_text, text)


async def hang_stubbornly(fifo: str) -> None:
    await asyncio.to_thread(hold_open, fifo)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def die_async() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def fail_async(message: str) -> None:
    await asyncio.to_thread(noop)
    raise ValueError(message)


async def add_async(a: int) -> int:
    await asyncio.to_thread(noop)
    return a


async def count_async() -> int:
    run = current()
    state = await asyncio.to_thread(run.load, 0)
    await asyncio.to_thread(run.save, state + 1)
    return state + 1


for shared in (meet, hang_async, tidy_up_async, hang_stubbornly, die_async, fail_async, add_async, count_async):
    registry.add(shared, concurrency=4)


# -- variables -------------------------------------------------------------------------------------------------------
def environment_with_credentials() -> dict[str, str]:
    return dict(os.environ)


def fail_with_credentials() -> None:
    raise ValueError(os.environ["AWS_ACCESS_KEY_ID"][:4])


async def environment_async() -> dict[str, str]:
    return dict(os.environ)


async def wait_with_credentials() -> tuple[str, bool]:
    first = os.environ["AWS_ACCESS_KEY_ID"]
    for _ in range(200):
        await asyncio.sleep(0)
    return first, os.environ["AWS_ACCESS_KEY_ID"] == first


registry.add(environment_with_credentials, credentials=True)
registry.add(fail_with_credentials, credentials=True)
registry.add(environment_async, concurrency=4)
registry.add(wait_with_credentials, concurrency=4, credentials=True)
registry.add_command("program_with_token", 'printf %s "${{API_TOKEN:-none}}"', shell=True, env=["API_TOKEN"])
registry.add_command("program_without_token", 'printf %s "${{API_TOKEN:-none}}"', shell=True)

# -- commands ----------------------------------------------------------------------------------------------------------
registry.add_command("say", "printf '%s|' {first} -{second}-")
registry.add_command("say_in_shell", "printf %s {text} | tr a-z A-Z", shell=True)
registry.add_command("exit_with", "sh -c 'exit {code}'", unrecoverable=(2,))
registry.add_command("grow_in_program", f"{sys.executable} -c 'x = b\"x\" * ({{mebibytes}} << 20)'")
registry.add_command("missing", "no-such-program-anywhere {x}")
registry.add_command("hang_program", "sh -c 'echo here > {fifo}; exec 3> {fifo}; kill -STOP $$'")
