"""``/login`` and ``/logout``: a token becomes the session of a browser."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from leasehold.core.errors import LeaseholdError
from leasehold.flow.problems import TooManyTries, kind_of
from leasehold.ports.access import Token
from leasehold.web.forms import SentForm
from leasehold.web.guard import LOGIN, LOGOUT, LONGEST_ADDRESS, Access
from leasehold.web.pages.render import page
from leasehold.web.sessions import cookie
from leasehold.web.tries import Tries
from leasehold.web.user import address_of

router = APIRouter(include_in_schema=False)
Next = Annotated[str, Query(alias="next")]


async def access_of(request: Request) -> Access:
    """How users of this application are known."""
    return cast("Access", request.app.state.access)


Knows = Annotated[Access, Depends(access_of)]


@router.get(LOGIN)
def ask(request: Request, to: Next = "/") -> Response:
    """The page on which one logs in."""
    return shown(request, to)


@router.post(LOGIN)
async def log_in(request: Request, access: Knows, form: SentForm) -> Response:
    """Begin a session; where the token is not good, the page once more, with why."""
    fields = dict(form)
    to, text = inside(fields.get("next", "/")), fields.get("token", "").strip()
    tries: Tries = request.app.state.tries
    try:
        token = await run_in_threadpool(
            good, access, tries, access.proxies.origin(request.scope, request.headers), text
        )
    except LeaseholdError as error:
        return shown(request, to, error)
    answer = RedirectResponse(to, 303)
    value = await run_in_threadpool(access.began, token)
    answer.headers["set-cookie"] = cookie(value, secure=is_secure(request, access))
    return answer


@router.post(LOGOUT)
def log_out(request: Request, access: Knows) -> Response:
    """End the session."""
    answer = RedirectResponse(LOGIN, 303)
    answer.headers["set-cookie"] = cookie("", secure=is_secure(request, access), seconds=0)
    return answer


def good(access: Access, tries: Tries, address: str, text: str) -> Token:
    """The token of this text; raises why not, and ``TooManyTries`` after some of these."""
    if not tries.allowed(address):
        raise TooManyTries("too many tries from your address. Wait a minute, then try again")
    try:
        return access.of_text(text)
    except LeaseholdError:
        tries.failed(address)
        raise


def shown(request: Request, to: str, error: LeaseholdError | None = None) -> Response:
    """The page, with what was wrong."""
    status = 200 if error is None else kind_of(type(error)).status
    wrong = None if error is None else str(error)
    return page(request, "login.html", status, title="Log in", to=inside(to), wrong=wrong)


def inside(to: str) -> str:
    """Where one goes afterwards: a page of this server, whatever was asked for."""
    is_ours = to.startswith("/") and not to.startswith("//") and "\\" not in to and to.isprintable()
    return to if is_ours and len(to) <= LONGEST_ADDRESS else "/"


def is_secure(request: Request, access: Access) -> bool:
    """Whether the browser speaks TLS: to us, or to a proxy that is believed."""
    if request.url.scheme == "https":
        return True
    told = request.headers.get("x-forwarded-proto", "").strip().lower()
    return told == "https" and access.proxies.trusts(address_of(request.scope))
