"""Where the demo plays: a ledger of its own, an orchestrator and two worker nodes, all on this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final, NoReturn

from leasehold.assemble import Parts
from leasehold.core.addresses import not_by_api
from leasehold.core.errors import LedgerUnavailable, UsageError
from leasehold.demo.handlers import QUEUE, app
from leasehold.embedded import EmbeddedSystem
from leasehold.flow.client import Client
from leasehold.settings import Settings, read_settings

APP: Final = "leasehold.demo.handlers:app"
NODES: Final = 2
SLOTS: Final = 2
WINDOW: Final = 2
"""Messages that wait on the queue, at most. The rest waits in the ledger, so what comes back does not wait long."""
LEDGER: Final = "demo.db"
TERM_GRACE: Final = "500ms"
MARGIN: Final = "1500ms"
"""Of a lease of 8 s: enough on one machine to stop a run and say so, and most of the lease is left to work in."""
VALIDITY: Final = "30s"
"""Of a message. One that a worker deletes so late that nobody can tell whether it was in time is waited for as long."""


class AlreadyServed(UsageError):
    """Workers serve the demo's ledger already; the demo kills one of its own, and must know which are its own."""


class Stage:
    """The demo's ledger, a client of it, and the processes that serve it. What an App needs behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = str(settings.ledger_path or settings.ledger_shown)
        """Its file, or the address of its server without a password."""
        self.parts = Parts(settings)
        self.system = EmbeddedSystem(settings, APP, workers=NODES)

    @property
    def client(self) -> Client:
        """Submits and reads."""
        return self.parts.client

    def new_id(self) -> str:
        """A fresh id."""
        return self.parts.ids()

    @cached_property
    def scratch(self) -> Path:
        """A folder for the demo's own files, beside the ledger; where that is a server, in the working directory."""
        path = self.settings.ledger_path or Path(LEDGER).absolute()
        return make_folder(path.with_name(f"{path.name}-files"))

    def serve(self) -> None:
        """Start the orchestrator and the nodes."""
        here = self.settings.ledger_path is not None  # of a server nobody knows who serves it
        if here and self.parts.presence.anyone("worker", None):
            raise AlreadyServed(f"workers serve {self.ledger} already; stop them, or name another with --ledger")
        app.registry.check(self.settings.lease_margin)
        self.system.start()

    def stop(self) -> None:
        """Stop the processes in good order."""
        self.system.stop()

    def close(self) -> None:
        """Stop the processes and release the ledger."""
        self.system.stop()
        self.parts.close()


@contextmanager
def staged(ledger: str | None) -> Generator[Stage]:
    """Set the stage on that ledger, or on a new one in a temporary folder, and behind the demo's App."""
    settings = settings_of(ledger or temporary())
    if settings.api is not None:  # its orchestrator and its nodes run here, on the database
        raise not_by_api(settings.ledger)
    if settings.ledger_path is not None:
        make_folder(settings.ledger_path.parent)
    stage = Stage(settings)
    try:
        with app.behind(stage):
            yield stage
    finally:
        stage.close()


def settings_of(ledger: str) -> Settings:
    """The demo's settings: nothing of the user's environment or file, which are about the user's own system."""
    return read_settings(
        environ={"LEASEHOLD_CONFIG": os.devnull},
        given_by="the demo",
        ledger=ledger,
        queues="embedded",
        topology="two-queue",
        worker_slots=SLOTS,
        worker_queues=[QUEUE],
        window=WINDOW,
        validity=VALIDITY,
        term_grace=TERM_GRACE,
        lease_margin=MARGIN,
        log_level="error",
    )


def temporary() -> str:
    """A ledger in a new temporary folder; it stays there, to be looked at."""
    try:
        return str(Path(tempfile.mkdtemp(prefix="leasehold-demo-")) / LEDGER)
    except OSError as error:
        refuse(Path(tempfile.gettempdir()), error)


def make_folder(folder: Path) -> Path:
    """Make a folder, if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(folder, error)
    return folder


def refuse(folder: Path, error: OSError) -> NoReturn:
    """Say why nothing can be written there, and what to do."""
    raise LedgerUnavailable(
        f"the demo cannot keep anything in {folder} ({error.strerror}); name a file elsewhere with --ledger"
    ) from error
