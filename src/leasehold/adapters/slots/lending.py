"""Variables that a handler asked for: in the child's environment while it runs, and not before or after."""

from __future__ import annotations

import os
from collections.abc import Sequence

Loan = Sequence[tuple[str, str | None]]
"""Variables to set; ``None``: to take away."""


class Lending:
    """The environment of a child, changed for the runs in it. Runs at the same time have the same loan."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}

    def lend(self, loan: Loan) -> None:
        """Set these until ``take_back``."""
        for name, value in loan:
            self._before.setdefault(name, os.environ.get(name))
            put(name, value)

    def take_back(self) -> None:
        """As it was before."""
        for name, value in self._before.items():
            put(name, value)
        self._before.clear()


def put(name: str, value: str | None) -> None:
    """Set a variable, or take it away."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
