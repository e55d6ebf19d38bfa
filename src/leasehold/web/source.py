"""What the routes read from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple, cast

from fastapi import Depends, Request

from leasehold.ports.store import Store
from leasehold.ports.views import Views


class Source(NamedTuple):
    """One ledger, for readers. Used by many threads at once."""

    views: Views
    store: Callable[[], Store]
    """Where large values are; asked for when the first one is read."""


async def source_of(request: Request) -> Source:
    """What the application was made with. On the event loop: a plain function would take a thread for nothing."""
    return cast("Source", request.app.state.source)


Reads = Annotated[Source, Depends(source_of)]
"""The argument by which a route asks for it."""
