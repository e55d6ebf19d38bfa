"""A server for the application: for other machines only where people can log in."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn

from leasehold import sockets
from leasehold.core.errors import BadSettings
from leasehold.ports.access import Tokens
from leasehold.web.application import create_app
from leasehold.web.gate import LOCAL_NAMES
from leasehold.web.guard import Access, Proxies
from leasehold.web.source import Source

IDLE = 30
"""Seconds after which a connection without a request is closed."""


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(host: str, port: int) -> None:
    """Raise ``BadSettings`` for an address that other machines can reach. Where nobody can log in, that is refused."""
    if not is_local(host):
        raise BadSettings(
            f"other machines can reach {host!r}, and nobody could log in there: there is no token. Make one: leasehold "
            "tokens make NAME --role operator. Or set LEASEHOLD_DASHBOARD_PROXIES; or stay on 127.0.0.1 and use a "
            f"tunnel: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE"
        )


def access_to(tokens: Tokens, host: str, proxies: Proxies, *, always: bool) -> Access:
    """How users are known at this address.

    On one of this machine's own nobody has to log in, unless ``always``, or where a proxy brings others there.
    """
    everybody = is_local(host) and not always and not proxies.networks
    return Access(tokens, everybody=everybody, proxies=proxies)


def serve(source: Source, access: Access, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer until INT or TERM; what is being answered then is answered to its end.

    ``ready`` is told the URL as soon as connections are taken; port 0 stands for any that is free. Raises
    ``BadSettings`` where nobody could log in at this address, or it is taken.
    """
    if not access.proxies.networks and not has_good(access.tokens):
        check_address(host, port)
    with closing(listening(host, port)) as listener:
        serve_on(listener, source, access, ready)


def serve_on(
    listener: socket.socket, source: Source, access: Access, ready: Callable[[str], None] = lambda _: None
) -> None:
    """As ``serve``, on a socket that listens already."""
    app = create_app(source, access=access, hosts=LOCAL_NAMES | {host_of(listener)} if access.everybody else None)
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
    try:
        return sockets.listening(host, port)
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else str(error)
        raise BadSettings(
            f"the dashboard cannot listen on {host}:{port}: {said}. Name another port with --address or "
            "LEASEHOLD_DASHBOARD_ADDRESS"
        ) from error


def has_good(tokens: Tokens | None) -> bool:
    """Whether there is a token with which somebody could log in."""
    return tokens is not None and any(token.standing(tokens.now()) == "good" for token in tokens.all())


def url_of(listener: socket.socket) -> str:
    """Where a browser finds it."""
    return f"http://{host_of(listener)}:{listener.getsockname()[1]}"


def host_of(listener: socket.socket) -> str:
    """The address as a browser names it; another one of this machine's own than the usual is a name, too."""
    host = str(listener.getsockname()[0])
    return f"[{host}]" if ":" in host else host
