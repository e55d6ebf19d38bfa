"""The dashboard beside a program: a child process that serves the ledger as long as the program goes on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec

from leasehold.settings import Settings
from leasehold.sockets import listening

HOST = "127.0.0.1"
LEAVING = 5.0
"""Seconds that the child has for ending by itself."""
NEEDED = ("fastapi", "jinja2", "uvicorn")


def installed() -> bool:
    """Whether the extra ``web`` is."""
    return all(find_spec(name) is not None for name in NEEDED)


@contextmanager
def dashboard_beside(settings: Settings) -> Generator[str]:
    """Serve the ledger on this machine while the block lasts, and say where: its URL.

    On the port of ``dashboard_address``, or on one that is free. The socket listens before the child is there, so the
    address is good at once. Whatever becomes of the child is nothing to the program; the child ends with it, however
    that ends.
    """
    with at_best(settings.dashboard_address.port) as listener:
        command = [sys.executable, "-m", "leasehold", "dashboard", "--listener", str(listener.fileno())]
        known = {"LEASEHOLD_LEDGER": settings.ledger, "LEASEHOLD_STORE": settings.store}
        with subprocess.Popen(
            command,
            env=os.environ | known,  # not on the command line: everybody may read that, and a password is in it
            stdin=subprocess.PIPE,  # it ends when this does
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is for the program: one may look on while it drains
        ) as child:
            try:
                yield f"http://{HOST}:{listener.getsockname()[1]}"
            finally:
                end(child)


def at_best(port: int) -> socket.socket:
    """A socket on this port, or on a free one."""
    try:
        return listening(HOST, port)
    except OSError:
        return listening(HOST, 0)


def end(child: subprocess.Popen[bytes]) -> None:
    """Let it answer what it is answering, and go."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(LEAVING)
    except subprocess.TimeoutExpired:
        child.kill()
