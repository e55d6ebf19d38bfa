"""Sockets that take connections."""

from __future__ import annotations

import socket

BACKLOG = 128
"""Connections that may wait to be taken."""


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 stands for any that is free. Raises ``OSError`` where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
