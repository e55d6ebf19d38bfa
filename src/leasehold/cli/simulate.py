"""``leasehold simulate``: the whole system in one process, with everything that can go wrong."""

from __future__ import annotations

from leasehold.testing.simulator.command import simulate_command as simulate

__all__ = ["simulate"]
