"""Leasehold: long jobs on machines that vanish, every one accounted for."""

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
    "TaskCancelled",
    "TaskFailed",
    "TaskFunction",
    "Unavailable",
    "Unrecoverable",
    "UsageError",
    "current",
]
