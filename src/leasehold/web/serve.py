"""A server for the application: this machine only, until there is authentication."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn

from leasehold.core.errors import BadSettings
from leasehold.web.application import create_app
from leasehold.web.source import Source

BACKLOG = 128
"""Connections that may wait to be taken."""
IDLE = 30
"""Seconds after which a connection without a request is closed."""


def check_address(host: str, port: int) -> None:
    """Raise ``BadSettings`` for an address that other machines can reach."""
    if host == "localhost":
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise BadSettings(
            f"the dashboard has no authentication yet, so it is served on 127.0.0.1 only, not on {host!r}. "
            f"From another machine use a tunnel: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE"
        )


def serve(source: Source, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer until INT or TERM; what is being answered then is answered to its end.

    ``ready`` is told the URL as soon as connections are taken; port 0 stands for any that is free. Raises
    ``BadSettings`` where the address is not local, or taken.
    """
    check_address(host, port)
    with closing(listening(host, port)) as listener:
        serve_on(listener, source, ready)


def serve_on(listener: socket.socket, source: Source, ready: Callable[[str], None] = lambda _: None) -> None:
    """As ``serve``, on a socket that listens on this machine already."""
    app = create_app(source)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=IDLE,
    )
    server = uvicorn.Server(config)
    app.state.live.stopping = lambda: server.should_exit
    ready(url_of(listener))
    server.run(sockets=[listener])


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Raises ``BadSettings`` where there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else str(error)
        raise BadSettings(
            f"the dashboard cannot listen on {host}:{port}: {said}. Name another port with --address or "
            "LEASEHOLD_DASHBOARD_ADDRESS"
        ) from error


def url_of(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
