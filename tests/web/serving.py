"""An application on a port of its own, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread

import uvicorn
from fastapi import FastAPI

from leasehold.web.serve import listening, url_of

PATIENCE = 60
"""Seconds after which a server that does not end hangs."""


@contextmanager
def on_a_port(app: FastAPI) -> Iterator[str]:
    """Its URL, as long as the block lasts."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    app.state.live.stopping = lambda: server.should_exit
    with closing(listening("127.0.0.1", 0)) as listener:
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield url_of(listener)
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a stream should end with its server"
