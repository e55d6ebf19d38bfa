"""Adapters in memory, for tests, simulators and runs that need not outlive the process."""

from leasehold.adapters.memory.faults import FAULTS, Faults, Rates
from leasehold.adapters.memory.queue import MemoryQueue, MemoryTerms, Peek
from leasehold.adapters.memory.store import MemoryStore

__all__ = ["FAULTS", "Faults", "MemoryQueue", "MemoryStore", "MemoryTerms", "Peek", "Rates"]
