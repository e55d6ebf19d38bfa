"""Text of others, shown and never obeyed."""

from __future__ import annotations

import pytest

from leasehold.core.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u00e9 \U0001f3b5", "plain \u00e9 \U0001f3b5"),
        ("Traceback:\n  x\r", "Traceback:\n  x\ufffd"),
        ("\x1b[2J\x9b1A\u202e\ud800", "\ufffd[2J\ufffd1A\ufffd\ufffd"),
    ],
)
def test_nothing_but_line_ends_is_obeyed(text: str, shown: str) -> None:
    assert printable(text) == shown
