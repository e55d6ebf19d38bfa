"""Where a process's own log lines go: standard error, one line each, for people or for a collector of logs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

IDS = ("task", "run", "worker")
"""What a line may be about: named so in ``extra``."""


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, and the ids that it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        said |= {name: value for name in IDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


def set_up_logging(level: str, form: str = "pretty") -> None:
    """Send everything of Leasehold at ``level`` and above to standard error, ``pretty`` or as ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    pretty = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else pretty)
    log = logging.getLogger("leasehold")
    log.handlers[:] = [handler]
    log.setLevel(level.upper())
    log.propagate = False
