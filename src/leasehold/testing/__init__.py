"""Tools for testing with Leasehold: clocks that stand still, suites that every adapter has to pass."""
