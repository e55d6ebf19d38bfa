"""Tools for testing with Leasehold.

``run_inline`` puts a whole system into the test's own process, on a clock that a test turns; ``ManualClock`` is that
clock; the ``*_suite`` modules hold what every adapter has to pass.
"""

from leasehold.testing.clock import START, ManualClock
from leasehold.testing.inline import InlineSystem, run_inline

__all__ = ["START", "InlineSystem", "ManualClock", "run_inline"]
