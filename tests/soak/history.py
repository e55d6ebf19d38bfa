"""What really happened, line by line, beside the system: files that many processes append to."""

from __future__ import annotations

import json
import os
import time


def note(file: str, what: str, **more: object) -> None:
    """Append one line, whole: no other comes between. Instants are ns since the epoch."""
    line = json.dumps({"what": what, "at": time.time_ns(), **more}, separators=(",", ":"))
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)
