"""What the slots of a pool have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from leasehold.adapters.slots.deaths import OutOfMemory
from leasehold.adapters.slots.process import Launch
from leasehold.core.redaction import Redaction
from leasehold.ports.slots import Job


class Kind(NamedTuple):
    """What a slot must know of a handler."""

    is_async: bool
    concurrency: int
    environment: tuple[str, ...] = ()
    """Variables that it asks for."""


class Shared(NamedTuple):
    """What the slots of a pool have in common."""

    launch: Launch
    environment: Mapping[str, str]
    """The worker's own: what handlers ask for is taken from it."""
    grace: int
    """ms between asking a process to end and killing it."""
    oom: OutOfMemory
    give_back: Callable[[list[Job]], None]
    """Takes back jobs that never began."""
    redaction: Redaction | None
    """What of its arguments a run's own words must not show."""
    learn: Callable[[str, int], None]
    """Hears how long a run of a handler took, in microseconds."""
