"""``/metrics``: the figures of the ledger for Prometheus. What draws them is imported when they are first asked for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from leasehold.web.source import Source

if TYPE_CHECKING:
    from leasehold.web.metrics import Exposition

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def router_of(source: Source) -> APIRouter:
    """The one route. It is no part of the API, and of no document of it."""
    router = APIRouter(include_in_schema=False)

    @cache
    def exposition() -> Exposition:
        from leasehold.web.metrics import Exposition  # noqa: PLC0415 - a dashboard that nobody scrapes starts without it

        return Exposition(source)

    def metrics() -> Response:
        return Response(exposition().text(), media_type=MEDIA_TYPE)

    router.add_api_route("/metrics", metrics)
    return router
