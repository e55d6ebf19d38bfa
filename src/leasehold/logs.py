"""Where a process's own log lines go: standard error, one line each, for people or for a collector of logs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from leasehold.core.printable import printable
from leasehold.core.wire.strict import cleaned

IDS = ("task", "run", "worker")
"""What a line may be about: named so in ``extra``."""


class PrettyLines(logging.Formatter):
    """One line for people. What a record has more, a traceback or a message of a user's, follows indented.

    So whatever stands in a message, no line of it looks like a record, and none moves the cursor.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, and what follows it."""
        return printable(super().format(record)).replace("\n", "\n    ")


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, and the ids that it is about.

    Half a character, which JSON can spell and most readers of it refuse, is replaced.
    """

    worker: str | None = None
    """The worker that this process is, and so what a line is about that names no other."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        about = {"worker": self.worker, **vars(record)}
        said |= {name: about[name] for name in IDS if about.get(name) is not None}
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps({name: cleaned(str(value)) for name, value in said.items()})


def set_up_logging(level: str, form: str = "pretty") -> None:
    """Send everything of Leasehold at ``level`` and above to standard error, ``pretty`` or as ``json``.

    Warnings of the libraries that it uses go there too, in the same form, unless this process logs them otherwise.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else PrettyLines())
    everybody = logging.getLogger()
    if not everybody.handlers:
        everybody.addHandler(handler)
    log = logging.getLogger("leasehold")
    log.handlers[:] = [handler]
    log.setLevel(level.upper())
    log.propagate = False


def speak_as(worker: str) -> None:
    """From now on this process is that worker: every JSON line says so."""
    for handler in logging.getLogger("leasehold").handlers:
        if isinstance(handler.formatter, JsonLines):
            handler.formatter.worker = worker
