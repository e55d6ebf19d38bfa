"""The dashboard beside a command that works for a while."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leasehold.cli.output import note
from leasehold.core.errors import BadSettings
from leasehold.settings import Settings

if TYPE_CHECKING:
    from leasehold.assemble import Parts


@contextmanager
def watched(settings: Settings, system: Parts, *, wanted: bool | None) -> Generator[None]:
    """Serve the ledger meanwhile and say where. ``wanted=None``: where a person watches, and the extra is installed."""
    from leasehold.beside import dashboard_beside, installed

    if wanted and not installed():
        raise BadSettings("the dashboard needs packages that are not installed: pip install 'leasehold[web]'")
    if settings.api is not None:
        note(f"Watch it: {settings.api}")
        yield
        return
    if wanted is False or not (wanted or (sys.stderr.isatty() and installed())):
        yield
        return
    system.views.queues()  # the file is there before anybody looks for it
    with dashboard_beside(settings) as url:
        note(f"Watch it: {url}")
        yield
