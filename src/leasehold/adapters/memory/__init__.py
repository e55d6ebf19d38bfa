"""Adapters in memory, for tests, simulators and runs that need not outlive the process."""

from leasehold.adapters.memory.book import Book
from leasehold.adapters.memory.faults import FAULTS, Faults, Rates
from leasehold.adapters.memory.ledger import MemoryLedger
from leasehold.adapters.memory.queue import MemoryQueue, Peek
from leasehold.adapters.memory.retention import MemoryRetention
from leasehold.adapters.memory.shelf import Answer, Copy, MemoryTerms, Shelf
from leasehold.adapters.memory.store import MemoryStore
from leasehold.adapters.memory.views import MemoryViews

__all__ = [
    "FAULTS",
    "Answer",
    "Book",
    "Copy",
    "Faults",
    "MemoryLedger",
    "MemoryQueue",
    "MemoryRetention",
    "MemoryStore",
    "MemoryTerms",
    "MemoryViews",
    "Peek",
    "Rates",
    "Shelf",
]
