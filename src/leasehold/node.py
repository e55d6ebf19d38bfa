"""A process of an embedded system: ``python -m leasehold.node ROLE``, started by ``leasehold.embedded`` only.

Its standard input says what to do: first a line of JSON with its settings, later ``stop`` or ``now``; its end means
that the parent is gone, and stops it too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from threading import Event, Thread

from leasehold.assemble import run_orchestrator, run_worker
from leasehold.core.errors import LeaseholdError
from leasehold.flow.service import Stop
from leasehold.logs import set_up_logging
from leasehold.settings import read_settings

NO_FILE = {"LEASEHOLD_CONFIG": os.devnull}
"""The parent has read the settings; a file in the working directory may belong to another ledger."""


def main(role: str) -> int:
    """Serve until told to stop; the exit code."""
    told = json.loads(sys.stdin.readline())
    name = told.pop("name")
    stop, at_once = Stop(), Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: stop.ask(f"signal {signal.Signals(number).name}"))
    Thread(target=listen, args=(stop, at_once), daemon=True).start()
    try:
        settings = read_settings(environ=NO_FILE, given_by="the parent process", **told)
        set_up_logging(settings.log_level, settings.log_format)
        if role == "orchestrator":
            run_orchestrator(settings, stop)
        else:
            run_worker(settings, stop, name=name, at_once=at_once.is_set)
    except LeaseholdError as error:
        print(f"leasehold: {role} {name}: {error}", file=sys.stderr)  # noqa: T201 - this is the process's own voice
        return 3
    return 0


def listen(stop: Stop, at_once: Event) -> None:
    """Obey the parent, and do not outlive it."""
    for line in sys.stdin:
        if line.strip() == "now":
            at_once.set()
        stop.ask("its system is stopping")
    stop.ask("its parent process is gone")


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stderr.flush()
    os._exit(code)  # a thread abandoned in its last step must not keep the process
