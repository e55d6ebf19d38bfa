"""Handlers for ``bench/slots.py``."""

from __future__ import annotations

import subprocess
import sys

from leasehold.flow.registry import Registry

registry = Registry()
LINE = "x" * 99 + "\n"


def noop() -> None: ...


def add(a: int, b: int) -> int:
    return a + b


def speak() -> None:
    print("a line")


async def noop_async() -> None: ...


def print_a_gigabyte() -> None:
    for _ in range(10_000_000):
        sys.stdout.write(LINE)


def program_prints_a_gigabyte() -> None:
    subprocess.run(["/usr/bin/head", "-c", "1000000000", "/dev/zero"], check=True)


for plain in (noop, add, speak, print_a_gigabyte, program_prints_a_gigabyte):
    registry.add(plain)
registry.add(noop_async, concurrency=10)
