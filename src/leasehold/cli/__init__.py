"""The command line: a face over client and views. Every command is imported when it runs."""

from __future__ import annotations

from leasehold.cli.program import main

__all__ = ["main"]
