"""A refusal as a page: the same kinds and words as the problems of the API."""

from __future__ import annotations

from fastapi import Request, Response

from leasehold.core.errors import LeaseholdError
from leasehold.flow.problems import kind_of
from leasehold.web.pages.render import page
from leasehold.web.problems import PATIENCE


def refusal_page(request: Request, error: LeaseholdError) -> Response:
    """The page that tells of an error. One that passes by itself is asked for again by the script, and by caches."""
    kind = kind_of(type(error))
    retry = PATIENCE if kind.retry else None
    answer = page(
        request,
        "problem.html",
        kind.status,
        title=kind.title,
        detail=sentence(str(error)),
        remedy=kind.remedy,
        retry=retry,
    )
    if retry is not None:
        answer.headers["retry-after"] = str(retry)
    return answer


def sentence(text: str) -> str:
    """An error's words as a sentence."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?")) else ".")
