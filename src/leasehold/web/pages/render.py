"""A page: a template, and what every page has. The gate adds the policy that keeps anything foreign from running."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from time import time
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leasehold.core.filters import term
from leasehold.core.units import SECOND
from leasehold.web.guard import READING
from leasehold.web.pages.assets import address
from leasehold.web.pages.words import FILTERS
from leasehold.web.user import asking

TEMPLATES = Path(__file__).parents[1] / "templates"

PAGES: Sequence[tuple[str, str]] = (
    ("/", "Overview"),
    ("/tasks", "Tasks"),
    ("/failures", "Failures"),
    ("/batches", "Batches"),
    ("/queues", "Queues"),
    ("/workers", "Workers"),
    ("/operations", "Operations"),
)


def navigation(routers: Iterable[APIRouter]) -> Sequence[tuple[str, str]]:
    """The pages that these routers have, each with its name."""
    known = {getattr(route, "path", None) for router in routers for route in router.routes}
    return [(path, name) for path, name in PAGES if path in known]


def now() -> int:
    """This instant, in ms."""
    return int(time() * SECOND)


@cache
def environment() -> Environment:
    """The templates. Whatever they print is escaped; a name that was not given is an error."""
    made: Any = Environment(  # its tables of filters and globals have no types
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(FILTERS)
    made.globals.update(asset=address, now=now, term=term)
    return cast("Environment", made)


def page(request: Request, template: str, status: int = 200, **context: object) -> Response:
    """Render a template. It knows ``here`` (its path), ``address`` (path and query) and ``user`` besides.

    And ``posted``: it answers a change, so that loading it again would make the change again.
    """
    query = request.url.query
    path = request.url.path
    known = {
        "here": path,
        "address": f"{path}?{query}" if query else path,
        "user": asking(request),
        "posted": request.method not in READING,
        "navigation": request.app.state.navigation,
    }
    text = environment().get_template(template).render(known, **context)
    content = text.encode("utf-8", "replace")  # what users write may hold half a surrogate pair
    return Response(content, status, media_type="text/html")
