"""What is answered where something is refused: a problem to a program, a page to a reader of pages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

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

UNAUTHENTICATED = 401
PATIENCE = 5
"""Seconds after which it is worth asking again for what was away."""


async def answer(request: Request, error: Exception) -> Response:
    """The one handler: whatever is raised while a request is answered becomes a problem; for a reader of pages, a page.

    The application says how such a page is made: it is drawn with the same words.
    """
    if wants_page(request):
        shown: Callable[[Request, LeaseholdError], Response] = request.app.state.refusal_page
        return shown(request, known(error))
    if isinstance(error, RequestValidationError):
        return problem(BadRequest("see errors"), errors=[invalid(each) for each in error.errors()])
    if isinstance(error, HTTPException):
        refused = refusal(error)
        return problem(refused, error.headers)
    return problem(error if isinstance(error, LeaseholdError) else defect(error))


def wants_page(request: Request) -> bool:
    """Whether it is a browser that goes to a page, and not a program that asks the API."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def known(error: Exception) -> LeaseholdError:
    """An error as one of our own."""
    if isinstance(error, LeaseholdError):
        return error
    if isinstance(error, RequestValidationError):
        told = (f"{wrong['parameter']}: {wrong['message']}" for wrong in map(invalid, error.errors()))
        return BadRequest("; ".join(told))
    return refusal(error) if isinstance(error, HTTPException) else defect(error)


def refusal(error: HTTPException) -> LeaseholdError:
    """What the framework itself refuses, as one of our own errors."""
    words = str(error.detail)
    known = {404: NotFound("no page has this address"), 405: BadMethod(words), 413: BodyTooLarge(words)}
    return known.get(error.status_code, UsageError(words))


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
    return {"parameter": ".".join(map(str, place[1:])), "message": str(error["msg"])}
