"""Leasehold: long jobs on machines that vanish, every one accounted for."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leasehold.app import App, Batch, Handle, TaskFunction
    from leasehold.core.errors import (
        Interrupted,
        LeaseholdError,
        Recoverable,
        TaskCancelled,
        TaskFailed,
        Unavailable,
        Unrecoverable,
        UsageError,
    )
    from leasehold.core.secret import Secret
    from leasehold.flow.registry import Retry
    from leasehold.ports.run import current

__version__ = "0.1.0"

__all__ = [
    "App",
    "Batch",
    "Handle",
    "Interrupted",
    "LeaseholdError",
    "Recoverable",
    "Retry",
    "Secret",
    "TaskCancelled",
    "TaskFailed",
    "TaskFunction",
    "Unavailable",
    "Unrecoverable",
    "UsageError",
    "current",
]

_ELSEWHERE = {
    **dict.fromkeys(("App", "Batch", "Handle", "TaskFunction"), "leasehold.app"),
    "Retry": "leasehold.flow.registry",
    "Secret": "leasehold.core.secret",
    "current": "leasehold.ports.run",
}
"""Where the names are that are no errors."""


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the command line and every child begin by importing this."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_ELSEWHERE.get(name, "leasehold.core.errors")), name)
    globals()[name] = found
    return found
