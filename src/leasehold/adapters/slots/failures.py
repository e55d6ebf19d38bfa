"""What is reported of an exception: bounded, and with the user's own code in front."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import TracebackType

from leasehold.core.errors import Recoverable, Unrecoverable
from leasehold.core.model import Failure, FailureKind
from leasehold.core.units import milliseconds

NAME = 200
MESSAGE = 2 * 1024
TRACEBACK = 16 * 1024
OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - kept light


class ProgramFailed(Exception):
    """A program that was run as a task did not exit with 0."""

    def __init__(self, message: str, code: int, *, unrecoverable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.unrecoverable = unrecoverable


def bounded(text: str, most: int) -> str:
    """The text, or its two ends where it is longer than ``most``."""
    if len(text) <= most:
        return text
    cut = f"\n... {len(text) - most} characters left out ...\n"
    half = (most - len(cut)) // 2
    return text[:half] + cut + text[-half:]


def spoken(error: BaseException) -> str:
    """The message of an exception, also of one that fails to say it."""
    try:
        return bounded(str(error), MESSAGE)
    except Exception as worse:  # noqa: BLE001 - whatever a user's __str__ raises
        return f"(its message cannot be read: {type(worse).__name__})"


def skip_ours(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without Leasehold's own frames at its beginning."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OURS + os.sep):
        trace = trace.tb_next
    return trace


def top_frame(trace: TracebackType | None) -> str:
    """The innermost frame in the user's own code, or else the innermost of all: ``file.py:function``."""
    library = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
    own = last = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        last = f"{os.path.basename(code.co_filename)}:{code.co_name}"  # noqa: PTH119 - kept light
        if not code.co_filename.startswith((*library, "<")):
            own = last
        trace = trace.tb_next
    return (own or last)[-NAME:]


def trace_text(error: BaseException, trace: TracebackType | None) -> str:
    """The traceback as Python prints it."""
    import traceback  # noqa: PLC0415 - it costs a child some milliseconds, and most runs need none

    try:
        return bounded("".join(traceback.format_exception(type(error), error, trace)), TRACEBACK)
    except Exception:  # noqa: BLE001 - as spoken()
        return ""


def describe(error: BaseException, kind: FailureKind = FailureKind.EXCEPTION) -> Failure:
    """The failure that an exception is."""
    trace = skip_ours(error.__traceback__)
    code = number = None
    if isinstance(error, MemoryError):
        kind = FailureKind.MEMORY
    elif isinstance(error, SystemExit):
        kind, code = FailureKind.EXIT, exit_code(error)
    elif isinstance(error, ProgramFailed):
        kind = FailureKind.EXIT if error.code >= 0 else FailureKind.SIGNAL
        code, number = (error.code, None) if error.code >= 0 else (None, -error.code)
    name = type(error).__qualname__[:NAME]
    text = trace_text(error, trace) if kind is FailureKind.EXCEPTION else ""
    return Failure(kind, name, said(error, code), top_frame(trace), text, code, number)


def said(error: BaseException, code: int | None) -> str:
    """The message; an exit says how it looked to the handler's author."""
    if isinstance(error, SystemExit):
        return f"the handler called sys.exit({spoken(error)}), exit code {code}"
    return spoken(error)


def exit_code(error: SystemExit) -> int:
    """The code a process would have had."""
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1


def is_unrecoverable(error: BaseException) -> bool:
    """Whether the code says that trying again can never help."""
    return isinstance(error, Unrecoverable) or (isinstance(error, ProgramFailed) and error.unrecoverable)


def wait_asked(error: BaseException) -> int | None:
    """The pause in ms that the code asks for before the next try."""
    if not isinstance(error, Recoverable) or error.after is None:
        return None
    try:
        return milliseconds(error.after)
    except (ValueError, TypeError) as bad:
        print(f"Recoverable(after=...): {bad}", file=sys.stderr)  # noqa: T201 - into the run's log
        return None
