"""``leasehold dashboard``: the ledger over HTTP, in the foreground."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import cache
from threading import Thread
from typing import TYPE_CHECKING

import click

from leasehold.cli.commands import Command
from leasehold.cli.cost import place_of, prices_of
from leasehold.cli.options import with_app, with_ledger
from leasehold.cli.output import note
from leasehold.cli.roles import obeying_signals
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import BadSettings

if TYPE_CHECKING:
    from leasehold.flow.registry import Handler


@click.command(cls=Command)
@click.option("--address", metavar="HOST:PORT", help="Where to listen. Default: LEASEHOLD_DASHBOARD_ADDRESS.")
@click.option("--listener", type=int, hidden=True, help="A socket that listens, of a parent to end with.")
@with_app
@with_ledger
@pass_tools
def dashboard(tools: Tools, address: str | None, listener: int | None, app: str | None, ledger: str | None) -> None:
    """Serve the ledger over HTTP until stopped: pages for a browser, and a REST API (/api/v1/openapi.json).

    It can be reached from this machine only. Needs the extra `web`. With an application, submitted arguments are
    checked against its handlers, which say queue and lease too.

    Examples:
      leasehold dashboard
      leasehold dashboard --address 127.0.0.1:8400
      curl -s 'http://127.0.0.1:8300/api/v1/tasks?filter=status:failed'
    """
    from leasehold.flow.ordering import Ordering

    try:
        from leasehold.web.serve import check_address, serve, serve_on
        from leasehold.web.source import Source, Writing
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"the dashboard needs {error.name}, which is not installed: pip install 'leasehold[web]'"
        ) from error

    settings = tools.existing(ledger, app=app, dashboard_address=address)
    host, port = settings.dashboard_address
    if listener is None:
        check_address(host, port)
    with tools.opened(settings) as system:
        writing = Writing(system.client, Ordering(handlers_of(settings.app), settings.lease_margin))
        source = Source(system.views, lambda: system.store, writing, (place_of(settings), prices_of(settings)))
        source.views.queues()  # a ledger that is away, or has another schema, is told at once
        obeying_signals(settings)
        if listener is not None:
            Thread(target=end_with_parent, daemon=True).start()
            serve_on(socket.socket(fileno=listener), source)
            return
        shown = settings.ledger_shown
        serve(source, host, port, lambda url: note(f"Dashboard of {shown}: {url}, API: {url}/api/v1; Ctrl-C stops it."))


def handlers_of(app: str | None) -> Callable[[str], Handler] | None:
    """Finds handlers of an application, which is loaded when the first one is looked for: most never submit here."""
    if app is None:
        return None
    from leasehold.cli.targets import loaded

    registry = cache(lambda: loaded(app))
    return lambda name: registry().get(name)


def end_with_parent() -> None:
    """Ask this process to end when whoever started it has ended: its standard input is closed then."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
