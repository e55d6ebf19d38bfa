"""Where a process's own log lines go: standard error, one line each."""

from __future__ import annotations

import logging
import sys


def set_up_logging(level: str) -> None:
    """Send everything of Leasehold at ``level`` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("leasehold")
    log.handlers[:] = [handler]
    log.setLevel(level.upper())
    log.propagate = False
