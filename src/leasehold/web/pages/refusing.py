"""A refusal as a page: the same kinds and words as the problems of the API."""

from __future__ import annotations

from fastapi import Request, Response

from leasehold.core.errors import LeaseholdError, Unavailable, UsageError
from leasehold.flow.problems import SessionEnded, kind_of
from leasehold.web.guard import READING, form_page, login_before
from leasehold.web.pages.render import page
from leasehold.web.problems import PATIENCE

UNCHANGED = "Nothing was changed."
"""What is certain of a change that the caller has to mend: such errors are raised before anything is stored."""
LOOK_FIRST = "Look whether it was done before you do it again."
"""What to do about a change that failed otherwise: it may have been lost on the way there, or on the way back."""


def refusal_page(request: Request, error: LeaseholdError) -> Response:
    """The page that tells of an error. One that passes by itself is asked for again by the script, and by caches.

    A change never is: asking for the page again would be doing it again.
    """
    kind = kind_of(type(error))
    reads = request.method in READING
    retry = PATIENCE if kind.retry and reads else None
    answer = page(
        request,
        "problem.html",
        kind.status,
        title=kind.title,
        detail=sentence(str(error)),
        remedy=kind.remedy if reads else remedy(error),
        login=login_before(form_page(request.headers)) if isinstance(error, SessionEnded) else None,
        retry=retry,
    )
    if retry is not None:
        answer.headers["retry-after"] = str(retry)
    return answer


def remedy(error: LeaseholdError) -> str:
    """What to do about a change that was refused, or that failed: first of all, whether it was made."""
    if isinstance(error, SessionEnded):
        return UNCHANGED
    if isinstance(error, Unavailable):
        return LOOK_FIRST
    return f"{UNCHANGED if isinstance(error, UsageError) else LOOK_FIRST} {kind_of(type(error)).remedy}"


def sentence(text: str) -> str:
    """An error's words as a sentence."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?")) else ".")
