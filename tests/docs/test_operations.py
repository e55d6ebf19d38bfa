"""The messages that troubleshooting quotes are the ones that are printed."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator

from leasehold.flow.audit import CHECKS
from tests.docs.pages import table, text_of
from tests.tooling.repository import files

PAGE = text_of("docs/operations.md")
GAP = "\0"
"""Stands for what a message fills in."""


def printed() -> Iterator[str]:
    """Every text in the source, with gaps for what is filled in."""
    for path in files("src/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else GAP for part in node.values]
                yield "".join(str(part) for part in parts)


def quoted() -> list[str]:
    """The messages in the first column of the table."""
    cells = [cell for cell, _, _ in table(PAGE, "Troubleshooting")]
    return [words for cell in cells for words in cell.split("`")[1::2]]


def test_every_message_that_is_quoted_is_printed() -> None:
    source = "\n".join(printed())
    missing = [
        piece
        for words in quoted()
        for piece in words.split("...")
        if piece.strip(" ()':") and piece.strip(" ()':") not in source and not hasattr(signal, piece)
    ]
    assert len(quoted()) > 15
    assert missing == []


def test_every_check_of_the_audit_is_explained() -> None:
    explained = {word for cell, _, _ in table(PAGE, "The audit") for word in cell.split("`")[1::2]}
    assert explained == set(CHECKS)
