"""The application: routes, gate and the one handler of errors, put together. Opens nothing by itself."""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from leasehold import __version__
from leasehold.core.errors import LeaseholdError
from leasehold.flow.attention import Attention
from leasehold.web import live
from leasehold.web.gate import LARGEST_BODY, LOCAL_NAMES, Gate
from leasehold.web.guard import Access, Guard
from leasehold.web.models import Problem
from leasehold.web.pages.refusing import refusal_page
from leasehold.web.pages.render import navigation
from leasehold.web.pages.routers import ROUTERS
from leasehold.web.problems import answer
from leasehold.web.routes import changes, exporting, lists, metrics, outcomes, submitting, tasks
from leasehold.web.routes import live as following
from leasehold.web.routes.outcomes import OUTCOMES_PATH
from leasehold.web.routes.submitting import STREAM_PATH
from leasehold.web.source import Source
from leasehold.web.tries import Tries

PREFIX = "/api/v1"
OPENAPI = f"{PREFIX}/openapi.json"
DESCRIPTION = """\
The ledger of a Leasehold deployment: the same views, shapes, filters and changes as on the command line.

Fields may be added to every object, and are never changed. Every refusal is a problem (RFC 9457,
`application/problem+json`).
"""


class Api(FastAPI):
    """An application whose OpenAPI document knows its problems."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            made = get_openapi(title=self.title, version=self.version, description=DESCRIPTION, routes=self.routes)
            schemas = cast("dict[str, Any]", made["components"]["schemas"])
            told = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= told.pop("$defs")
            schemas[Problem.__name__] = told
            made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"token": []}, {}]
            self.openapi_schema = made
        return self.openapi_schema


def create_app(
    source: Source,
    *,
    access: Access | None = None,
    hosts: Collection[str] | None = LOCAL_NAMES,
    largest_body: int = LARGEST_BODY,
) -> FastAPI:
    """The application over one ledger.

    ``access``: how users are known (``None``: whoever asks is the operator); ``hosts``: the names by which it may be
    asked (``None``: any, where everybody has to say who he is); ``largest_body``: bytes of a request.
    """
    app = Api(
        title="Leasehold",
        version=__version__,
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # its redirects name a scheme and a host, which behind a proxy are not those of users
    )
    app.state.source = source
    app.state.access = access or Access()
    app.state.tries = Tries()
    app.state.attention = Attention(monotonic)
    app.state.live = live.Live(source.views, app.state.access)
    app.state.refusal_page = refusal_page
    app.state.navigation = navigation(ROUTERS)
    for kind in (LeaseholdError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
    streams = {PREFIX + STREAM_PATH}
    app.add_middleware(Guard, access=app.state.access, asking={PREFIX + OUTCOMES_PATH}, streams=streams)
    app.add_middleware(Gate, hosts=hosts, largest_body=largest_body, streams=streams)
    app.state.mounted = [
        *((PREFIX, each.router) for each in (submitting, changes, exporting, tasks, outcomes, lists, following)),
        *(("", router) for router in (*ROUTERS, metrics.router_of(source))),
    ]
    for prefix, router in app.state.mounted:
        app.include_router(router, prefix=prefix)
    return app
