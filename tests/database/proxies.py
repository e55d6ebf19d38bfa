"""A way to PostgreSQL that breaks at a commit, before or after the server has heard of it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit

BEFORE, AFTER = "before", "after"
SIZE = 65_536
COMMIT = b"COMMIT\0"
"""As the protocol sends it: the end of the text is part of it."""


class Proxy:
    """Passes on what is said; ``cut`` breaks the next connection that commits."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = ("127.0.0.1", parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        plain = "sslmode=disable&gssencmode=disable"
        self.url = f"{url.replace(f':{parts.port}/', f':{port}/')}?{plain}"
        self._cut: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, when: str) -> None:
        self._cut.append(when)

    @property
    def is_cut(self) -> bool:
        return not self._cut

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                for here, there, is_client in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=(here, there, is_client), daemon=True).start()

    def _pass_on(self, here: socket.socket, there: socket.socket, is_client: bool) -> None:
        with here, there, suppress(OSError):
            while data := here.recv(SIZE):
                if is_client and COMMIT in data and self._cut:
                    when = self._cut.pop()
                    here.shutdown(socket.SHUT_RDWR)  # nobody hears the answer
                    if when == AFTER:
                        there.sendall(data)
                    break
                there.sendall(data)
            there.shutdown(socket.SHUT_RDWR)
