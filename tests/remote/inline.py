"""A system in the test's own process, asked over HTTP: whoever waits drives it, and no second passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from leasehold.flow.ids import IdMaker
from leasehold.flow.ordering import Ordering
from leasehold.remote.client import RemoteClient
from leasehold.remote.http import Api
from leasehold.testing import InlineSystem
from leasehold.testing.inline import MARGIN, PAYLOAD_LIMIT
from leasehold.web.application import create_app
from leasehold.web.source import Source, Writing
from tests.web.serving import on_a_port


class OverHttp:
    """What an App has behind it."""

    def __init__(self, system: InlineSystem, url: str) -> None:
        random = Random(1)
        self._api = Api(url, None, system, random)
        self.new_id = IdMaker(system.clock, random)
        self.client = RemoteClient(
            self._api, system, system.clock, ids=self.new_id, payload_limit=PAYLOAD_LIMIT, owns=True
        )

    def serve(self) -> None:
        """It is served whenever somebody waits."""

    def close(self) -> None:
        """Release the connections; the system is not ours."""
        self._api.close()


@contextmanager
def over_http(system: InlineSystem) -> Iterator[OverHttp]:
    """The same system behind its API, on a port of its own."""
    app = create_app(Source(system.views, lambda: system.store, Writing(system.client, Ordering(None, MARGIN))))
    with on_a_port(app) as url:
        remote = OverHttp(system, url)
        yield remote
        remote.close()
