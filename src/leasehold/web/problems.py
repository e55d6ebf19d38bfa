"""What is answered where something is refused: a problem to a program, a page to a reader of pages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from leasehold.core.errors import LeaseholdError, UsageError
from leasehold.flow.problems import (
    MEDIA_TYPE,
    BadMethod,
    BadRequest,
    BodyTooLarge,
    Defect,
    NotFound,
    kind_of,
    told,
)
from leasehold.web.json import written

log = logging.getLogger("leasehold.web")

UNREADABLE, UNAUTHENTICATED, NO_PAGE, NO_METHOD, TOO_LARGE = 400, 401, 404, 405, 413
LONGEST_PATH = 200
"""Characters of an address that are told again."""
PATIENCE = 5
"""Seconds after which it is worth asking again for what was away."""


async def answer(request: Request, error: Exception) -> Response:
    """The one handler: whatever is raised while a request is answered becomes a problem; for a reader of pages, a page.

    The application says how such a page is made: it is drawn with the same words.
    """
    if wants_page(request):
        shown: Callable[[Request, LeaseholdError], Response] = request.app.state.refusal_page
        return shown(request, known(error, request))
    if isinstance(error, RequestValidationError):
        return problem(known(error, request), errors=[invalid(each) for each in error.errors()])
    if isinstance(error, HTTPException):
        return problem(known(error, request), allowed(request) if error.status_code == NO_METHOD else error.headers)
    return problem(known(error, request))


def wants_page(request: Request) -> bool:
    """Whether it is a browser that goes to a page, and not a program that asks the API."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def known(error: Exception, request: Request) -> LeaseholdError:
    """An error as one of our own."""
    if isinstance(error, LeaseholdError):
        return error
    if isinstance(error, RequestValidationError):
        told = (f"{wrong['parameter']}: {wrong['message']}" for wrong in map(invalid, error.errors()))
        return BadRequest("; ".join(told))
    return refusal(error, request) if isinstance(error, HTTPException) else defect(error)


def refusal(error: HTTPException, request: Request) -> LeaseholdError:
    """What the framework itself refuses, as one of our own errors."""
    path, words = request.url.path, str(error.detail)
    if error.status_code == NO_PAGE:
        hint = ". Leave out the slash at its end" if path.endswith("/") else ""
        return NotFound(f"nothing has the address {path[:LONGEST_PATH]}{hint}")
    if error.status_code == NO_METHOD:
        return BadMethod(f"{path[:LONGEST_PATH]} takes {allowed(request)['allow']}, not {request.method}")
    if error.status_code == TOO_LARGE:
        return BodyTooLarge(words)
    if error.status_code == UNREADABLE:
        return UsageError("the body cannot be read: a JSON object in UTF-8 is needed")
    return UsageError(words)


def allowed(request: Request) -> dict[str, str]:
    """The header that says what can be done at an address: by all of its routes, of which the framework names one."""
    mounted: Sequence[tuple[str, APIRouter]] = request.app.state.mounted
    path = request.url.path
    found = {
        method
        for prefix, router in mounted
        for route in router.routes
        if isinstance(route, Route) and path.startswith(prefix) and route.path_regex.match(path.removeprefix(prefix))
        for method in route.methods or ()
    }
    if "GET" in found or not found:  # what no router has is the document of the API
        found |= {"GET", "HEAD"}
    return {"allow": ", ".join(sorted(found))}


def defect(error: Exception) -> Defect:
    """Write down what nobody foresaw; the asker gets a sentence and no word of it."""
    log.error("a request failed", exc_info=error)
    return Defect("the server has made a mistake, and has written it into its log")


def problem(error: LeaseholdError, headers: Mapping[str, str] | None = None, **more: object) -> Response:
    """The answer that tells of an error."""
    kind = kind_of(type(error))
    known = {"retry-after": str(PATIENCE)} if kind.retry else {}
    known |= {"www-authenticate": "Bearer"} if kind.status == UNAUTHENTICATED else {}
    return Response(written(told(error, **more)), kind.status, {**(headers or {}), **known}, MEDIA_TYPE)


def invalid(error: Mapping[str, Any]) -> dict[str, object]:
    """One parameter that is not as it should be: where it is, and what is wrong, without what was sent."""
    place: Sequence[object] = error["loc"]
    if error["type"] == "extra_forbidden":
        return {"parameter": str(place[-1]), "message": "there is no such parameter here"}
    if error["type"] == "json_invalid" and place[0] == "body":
        told = f"this is no JSON: {error['ctx']['error']}, at character {place[-1]}"
        return {"parameter": "body", "message": told}
    if tuple(place) == ("body",):
        return {"parameter": "body", "message": "a JSON object is needed, sent with Content-Type: application/json"}
    return {"parameter": ".".join(map(str, place[1:])), "message": str(error["msg"])}
