"""Adapters in memory, for tests, simulators and runs that need not outlive the process."""

from leasehold.adapters.memory.faults import FAULTS, Faults, Rates
from leasehold.adapters.memory.queue import MemoryQueue, Peek
from leasehold.adapters.memory.shelf import Answer, Copy, MemoryTerms, Shelf
from leasehold.adapters.memory.store import MemoryStore

__all__ = [
    "FAULTS",
    "Answer",
    "Copy",
    "Faults",
    "MemoryQueue",
    "MemoryStore",
    "MemoryTerms",
    "Peek",
    "Rates",
    "Shelf",
]
