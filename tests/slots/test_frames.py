"""Pieces of a pipe become messages again."""

import pytest

from leasehold.adapters.slots.frames import BEGAN, Decoder, Garbage, encode

WORD = (BEGAN, 1, 0)


def test_pieces_of_any_size_are_put_together() -> None:
    decoder = Decoder()
    found = [decoder.feed(bytes([byte])) for byte in encode([WORD])]
    assert found[-1] == [WORD]
    assert not any(found[:-1])


@pytest.mark.parametrize("garbage", [b"nonsense" * 8, encode([])[:4] + b"\x04\0\0\0" + b"????"])
def test_what_was_said_before_garbage_counts(garbage: bytes) -> None:
    """A run that began and then wrote into the pipe has begun: it must not be taken for one that never did."""
    decoder = Decoder()
    assert decoder.feed(encode([WORD]) + garbage) == [WORD]
    with pytest.raises(Garbage):
        decoder.feed(b"")
