"""What becomes of a place whose process died before it had loaded the application."""

from __future__ import annotations

QUICK = 1_000
"""ms of loading that a lease hardly notices."""
FIRST_DELAY = 500
LONGEST_DELAY = 30_000
DEATHS = 3
"""Processes that may die without a word while the application was never loaded."""
FAILURES = 8
"""Starts in a row that may fail after it was loaded once: its files are being replaced, perhaps."""


class Starts:
    """Counts failed starts in a row."""

    def __init__(self) -> None:
        self._loaded = False
        self._failed = 0
        self._told = False
        self.excuse = ""
        self.quick = False
        """Whether a job may be taken for a child that is only starting."""

    def loaded(self, took: int) -> None:
        """The application was loaded, in so many ms."""
        self._loaded = True
        self.quick = took <= QUICK
        self._failed = 0

    def fail(self, told: str | None, printed: str) -> int:
        """A start failed; how many ms to wait before the next."""
        self._failed += 1
        self._told = told is not None
        self.excuse = told or f"its process died while loading it\n{printed}".rstrip()
        return min(LONGEST_DELAY, FIRST_DELAY << self._failed) if self._loaded else 0

    def hopeless(self, *, alive: bool) -> bool:
        """Whether to give up: at once where the application says what is wrong with it and never worked."""
        if not self._failed or alive:
            return False
        if self._loaded:
            return self._failed >= FAILURES
        return self._told or self._failed >= DEATHS
