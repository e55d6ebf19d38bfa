"""How long to wait before the next try."""

from __future__ import annotations

from leasehold.core.model import Policy


def ceiling(policy: Policy, tries: int) -> int:
    """The longest wait (ms) after ``tries`` earlier tries: the base, doubled each time, up to the cap."""
    doublings = min(tries, policy.backoff_cap.bit_length())  # the cap is reached by then; 2**tries may be astronomic
    return min(policy.backoff_cap, policy.backoff_base << doublings)


def backoff(policy: Policy, tries: int, jitter: float) -> int:
    """How long to wait (whole ms, in [0, ``ceiling``)) before trying again; ``jitter`` is a random number in [0, 1).

    "Full jitter" of the AWS Architecture Blog, "Exponential Backoff And Jitter" (Marc Brooker, 2015): of the
    variants compared there it finishes the same work with the fewest calls, because it spreads them evenly.
    """
    return int(jitter * ceiling(policy, tries))
