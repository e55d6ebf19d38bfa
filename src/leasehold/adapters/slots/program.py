"""Running a program as a task."""

from __future__ import annotations

import signal
import subprocess

from leasehold.adapters.slots.failures import ProgramFailed
from leasehold.ports.handlers import Handler


def run_program(handler: Handler, values: dict[str, object]) -> None:
    """Run the program to its end; what it prints goes to the slot's raw output, and so to the run.

    Raises:
        ProgramFailed: it did not exit with 0.
    """
    command = handler.command
    if command is None:
        return
    argv = command.argv(values)
    try:
        code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=1, stderr=2, check=False).returncode
    except FileNotFoundError as error:
        raise ProgramFailed(f"there is no program {argv[0]!r} on this machine", 127, unrecoverable=False) from error
    except PermissionError as error:
        raise ProgramFailed(f"the program {argv[0]!r} may not be run", 126, unrecoverable=False) from error
    if code != 0:
        raise ProgramFailed(ended(argv[0], code), code, unrecoverable=code in handler.unrecoverable)


def ended(program: str, code: int) -> str:
    """How a program ended, in words."""
    if code >= 0:
        return f"{program} ended with exit code {code}"
    return f"{program} was killed by {signal.Signals(-code).name}"
