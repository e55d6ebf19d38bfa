"""Prometheus' own checker of texts, rules and tests of rules."""

from __future__ import annotations

import shutil


def promtool() -> str:
    """Where it is."""
    found = shutil.which("promtool")
    assert found is not None, "promtool is not installed: apt-get install prometheus (no server has to run)"
    return found
