"""Deterministic simulation: the real roles, on machines, queues, a ledger, a store and clocks that fail by a seed."""

from leasehold.testing.simulator.life import Violation
from leasehold.testing.simulator.machines import Roles
from leasehold.testing.simulator.shrinking import shrunk
from leasehold.testing.simulator.simulation import Story, simulate
from leasehold.testing.simulator.terms import Terms, Topology

__all__ = ["Roles", "Story", "Terms", "Topology", "Violation", "shrunk", "simulate"]
