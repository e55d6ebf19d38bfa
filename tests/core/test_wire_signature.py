"""The signed form of a task message: the signature stands before the very text that was signed."""

import pytest

from leasehold.core.errors import MalformedMessage
from leasehold.core.wire import decode_task_message, encode_task_message
from leasehold.core.wire.signature import Signed, joined, key_id, taken_apart, to_sign, unwrapped
from tests.core.wire_examples import a_task_message

SIGNED = Signed("0123456789abcdef", bytes(range(64)), encode_task_message(a_task_message()))


def test_what_is_joined_comes_apart_unchanged() -> None:
    assert taken_apart(joined(SIGNED)) == SIGNED


def test_a_message_without_a_signature_has_no_parts() -> None:
    assert taken_apart(SIGNED.payload) is None
    assert unwrapped(SIGNED.payload) == SIGNED.payload
    assert unwrapped(b"\xff") == b"\xff"


def test_who_has_no_keys_reads_it_all_the_same() -> None:
    assert decode_task_message(joined(SIGNED)) == a_task_message()


@pytest.mark.parametrize(
    "body",
    [
        "ed25519.",
        "ed25519.0123456789abcdef." + "0" * 127 + ".{}",
        "ed25519.0123456789ABCDEF." + "0" * 128 + ".{}",
        "ed25519.0123456789abcdef." + "A" * 128 + ".{}",
        "ed25519.0123456789abcdef." + "0" * 128 + "{}",
        "ed25519.0123456789abcde." + "0" * 128 + ".{}",
        joined(SIGNED) + "\xe9",
    ],
)
def test_a_signature_has_one_spelling(body: str) -> None:
    with pytest.raises(MalformedMessage, match="its signature is none"):
        taken_apart(body)


def test_what_is_signed_says_what_it_is_and_by_which_key() -> None:
    assert to_sign("0123456789abcdef", "{}") == b"leasehold task message 1.0123456789abcdef.{}"


def test_a_key_is_called_by_the_beginning_of_its_hash() -> None:
    assert key_id(b"") == "e3b0c44298fc1c14"
