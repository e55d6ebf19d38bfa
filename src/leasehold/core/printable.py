"""Text that others wrote, where a terminal or a reader of lines shows it."""

from __future__ import annotations


def printable(text: str) -> str:
    """What users put into names and messages is shown, never obeyed: no control characters but line ends."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)
