"""``leasehold dashboard``: the ledger over HTTP, in the foreground."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from threading import Thread
from typing import TYPE_CHECKING

import click

from leasehold.cli.commands import Command
from leasehold.cli.cost import place_of, prices_of
from leasehold.cli.options import with_app, with_ledger
from leasehold.cli.output import note
from leasehold.cli.roles import obeying_signals
from leasehold.cli.tools import Tools, pass_tools
from leasehold.core.errors import BadSettings, LeaseholdError

if TYPE_CHECKING:
    from leasehold.assemble import Parts
    from leasehold.flow.auditing.queues import Look
    from leasehold.flow.registry import Handler


@click.command(cls=Command)
@click.option("--address", metavar="HOST:PORT", help="Where to listen. Default: LEASEHOLD_DASHBOARD_ADDRESS.")
@click.option("--listener", type=int, hidden=True, help="A socket that listens, of a parent to end with.")
@with_app
@with_ledger
@pass_tools
def dashboard(tools: Tools, address: str | None, listener: int | None, app: str | None, ledger: str | None) -> None:
    """Serve the ledger over HTTP until stopped: pages for a browser, and a REST API (/api/v1/openapi.json).

    On 127.0.0.1 nobody has to log in; on an address that others can reach everybody has to, with a token (`leasehold
    tokens make`). Needs the extra `web`. With an application, submitted arguments are
    checked against its handlers, which say queue and lease too.

    Examples:
      leasehold dashboard
      leasehold dashboard --address 127.0.0.1:8400
      curl -s 'http://127.0.0.1:8300/api/v1/tasks?filter=status:failed'
    """
    from leasehold.flow.looking import Looking
    from leasehold.flow.ordering import Ordering

    try:
        from leasehold.web.guard import Proxies, networks
        from leasehold.web.hiding import Hiding
        from leasehold.web.serve import access_to, serve, serve_on
        from leasehold.web.source import Source, Writing
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"the dashboard needs {error.name}, which is not installed: pip install 'leasehold[web]'"
        ) from error

    settings = tools.existing(ledger, app=app, dashboard_address=address)
    host, port = settings.dashboard_address
    proxies = Proxies(
        networks(settings.dashboard_proxies), settings.dashboard_user_header, settings.dashboard_role_header
    )
    beside = None if listener is None else socket.socket(fileno=listener)
    host = host if beside is None else beside.getsockname()[0]
    with tools.opened(settings) as system:
        writing = Writing(system.client, Ordering(handlers_of(settings.app), settings.lease_margin))
        hiding = Hiding(system.redaction, settings.dashboard_hide)
        tariff = place_of(settings), prices_of(settings)
        looking = Looking(partial(look_and_count, system), tools.now)
        source = Source(system.views, lambda: system.store, writing, tariff, hiding, looking)
        access = access_to(system.tokens, host, proxies, always=settings.dashboard_login == "always")
        source.views.queues()  # a ledger that is away, or has another schema, is told at once
        obeying_signals(settings)
        if beside is not None:
            Thread(target=end_with_parent, daemon=True).start()
            serve_on(beside, source, access)
            return
        serve(source, access, host, port, lambda url: announce(settings.ledger_shown, url))


def look_and_count(system: Parts) -> Look:
    """How full the queues are; what it cost is told to the ledger where that may be written."""
    from leasehold.flow.auditing.queues import look_at

    found = look_at(system.views, system.queues, system.settings.topology)
    with suppress(LeaseholdError):
        system.accounts.write()
    return found


def announce(ledger: str, url: str) -> None:
    """Say where it is."""
    note(f"Dashboard of {ledger}: {url}, API: {url}/api/v1; Ctrl-C stops it.")


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
