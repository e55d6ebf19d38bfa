"""What the routes read from, and write with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple, cast

from fastapi import Depends, Request

from leasehold.core.costing import Place, Prices
from leasehold.flow.client import Client
from leasehold.flow.looking import Looking
from leasehold.flow.ordering import Ordering
from leasehold.flow.problems import ReadOnly
from leasehold.ports.store import Store
from leasehold.ports.views import Views
from leasehold.web.hiding import Hiding, ShownViews
from leasehold.web.user import asking


class Writing(NamedTuple):
    """The way to change one ledger. Used by many threads at once."""

    client: Client
    ordering: Ordering


class Source(NamedTuple):
    """One ledger. Used by many threads at once."""

    views: Views
    store: Callable[[], Store]
    """Where large values are; asked for when the first one is read."""
    writing: Writing | None = None
    """What changes are made with; ``None``: it is for reading only."""
    tariff: tuple[Place, Prices] = (Place.DATABASE, Prices())
    """What requests to queues cost here."""
    hiding: Hiding = Hiding()
    """What is shown to whom."""
    looking: Looking | None = None
    """Knows how full the queues are; ``None``: they are not looked at."""


async def source_of(request: Request) -> Source:
    """What the application was made with, as this user may see it. On the event loop: else it would take a thread."""
    source = cast("Source", request.app.state.source)
    return source._replace(views=cast("Views", ShownViews(source.views, source.hiding, asking(request))))


Reads = Annotated[Source, Depends(source_of)]
"""The argument by which a route asks for it."""


async def writing_of(request: Request) -> Writing:
    """What the application changes things with; raises ``ReadOnly``."""
    writing = (await source_of(request)).writing
    if writing is None:
        raise ReadOnly("this server only reads: what it was started with cannot change a ledger")
    return writing


Writes = Annotated[Writing, Depends(writing_of)]
"""The argument by which a route asks for it."""
