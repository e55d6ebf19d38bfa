"""What entitles a worker to report on a task."""

from hypothesis import given
from hypothesis import strategies as st

from leasehold.core.wire import capability, verify
from tests.core.wire_examples import TASK_ID, capabilities, ids


@given(st.binary(min_size=32, max_size=32), ids, st.integers(1, 1 << 31), capabilities)
def test_a_capability_entitles_to_one_dispatch_of_one_task(key: bytes, task_id: str, n: int, other: str) -> None:
    given_out = capability(key, task_id, n)
    assert verify(key, task_id, n, given_out)
    assert not verify(key, task_id, n + 1, given_out)
    assert not verify(key, task_id[::-1], n, given_out)
    assert not verify(key[::-1] + b"x", task_id, n, given_out)
    assert verify(key, task_id, n, other) == (other == given_out)


def test_the_capability_is_hmac_sha256_cut_to_128_bits() -> None:
    # printf 0199c3a1-7b1c-7c3d-8a4e-1234567890ab:3 | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
    assert capability(b"k" * 32, TASK_ID, 3) == "a58342dc017d89942396410d4b386622"
