"""Who may look at a ledger over HTTP, and who may change it."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    """Read."""
    OPERATOR = "operator"
    """Read, and change."""
