import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.model import Policy
from leasehold.core.retry import backoff, ceiling

policies = st.builds(
    Policy,
    lease=st.just(60_000),
    backoff_base=st.integers(0, 3_600_000),
    backoff_cap=st.integers(0, 86_400_000),
)
jitters = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("tries", "longest"), [(0, 2_000), (1, 4_000), (8, 512_000), (9, 600_000), (10**9, 600_000)])
def test_the_wait_doubles_up_to_the_cap(tries: int, longest: int) -> None:
    assert ceiling(Policy(lease=60_000), tries) == longest


def test_the_wait_is_spread_over_the_whole_range() -> None:
    policy = Policy(lease=60_000)
    assert [backoff(policy, 0, jitter) for jitter in (0.0, 0.25, 0.9999)] == [0, 500, 1_999]


@given(policies, st.integers(0, 10_000), jitters)
def test_the_wait_is_whole_and_below_its_ceiling(policy: Policy, tries: int, jitter: float) -> None:
    wait = backoff(policy, tries, jitter)
    assert type(wait) is int
    assert 0 <= wait < max(1, ceiling(policy, tries))


@given(policies, st.integers(0, 10_000), jitters)
def test_another_try_never_shortens_the_wait(policy: Policy, tries: int, jitter: float) -> None:
    assert backoff(policy, tries, jitter) <= backoff(policy, tries + 1, jitter)
    assert ceiling(policy, tries) == min(policy.backoff_cap, policy.backoff_base * 2**tries)
