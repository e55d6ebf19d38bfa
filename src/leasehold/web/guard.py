"""Who asks, and whether they may: settled once for each request, before any route is chosen, so no route can forget it.

A request has a bearer token; or the cookie of somebody who logged in; or comes through a proxy that says who asks; or
from this machine, where nobody has to log in; or it is nobody's. Reading takes a viewer, every other method an
operator, but for a POST that only asks. What a browser sends by itself (a cookie, what a proxy adds, being on this
machine) is never enough for a change: the page that sends it has to be ours too.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leasehold.core.errors import LeaseholdError
from leasehold.flow.problems import (
    BadRequest,
    BadToken,
    ForeignPage,
    NotAllowed,
    NotLoggedIn,
    SessionEnded,
    TokenExpired,
    TokenRevoked,
)
from leasehold.flow.tokens import digest
from leasehold.ports.access import Role, Token, Tokens
from leasehold.web.forms import MEDIA_TYPE as FORM
from leasehold.web.forms import fields_of
from leasehold.web.sessions import COOKIE, Seal, Session
from leasehold.web.user import LOCAL, NOBODY, User, address_of

READING = frozenset({"GET", "HEAD"})
LOGIN, LOGOUT = "/login", "/logout"
LONGEST_ADDRESS = 32_000
"""Characters of an address to which a log-in leads back: the longest filter, and so that servers take the detour."""
PUBLIC = ("/static/", "/api/v1/problems/")
"""What anybody may read: it tells nothing of any ledger."""
CSRF_HEADER = "x-csrf-token"
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""What proxies add, and no browser."""
Network = IPv4Network | IPv6Network


class Proxies(NamedTuple):
    """Who is believed when they say who asks, and by which headers."""

    networks: Sequence[Network] = ()
    user_header: str = "x-forwarded-user"
    role_header: str = "x-forwarded-role"

    def trusts(self, address: str) -> bool:
        """Whether a connection from there comes through such a proxy."""
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self.networks)

    def origin(self, scope: Scope, headers: Headers) -> str:
        """Where a request comes from: as such a proxy says, which wrote down the last of the addresses itself.

        Some proxies add it to the line that came in, others write a line of their own below.
        """
        peer = address_of(scope)
        told = ",".join(headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
        return shortened(told) if told and self.trusts(peer) else peer


class Access:
    """How users are known. ``everybody``: whoever reaches this server is its operator, and need not say who he is."""

    def __init__(self, tokens: Tokens | None = None, *, everybody: bool = True, proxies: Proxies | None = None) -> None:
        self.tokens = tokens
        self.everybody = everybody
        self.proxies = proxies or Proxies()

    @cached_property
    def seal(self) -> Seal | None:
        """What makes cookies; ``None`` where there are no tokens to log in with."""
        return None if self.tokens is None else Seal(self.tokens.secret())

    def of_text(self, text: str) -> Token:
        """The good token of this text. Raises ``BadToken``, ``TokenExpired``, ``TokenRevoked``."""
        token = None if self.tokens is None else self.tokens.of_digest(digest(text))
        if token is None or self.tokens is None:
            raise BadToken("this is no token of this ledger. See: leasehold tokens ls")
        standing = token.standing(self.tokens.now())
        if standing == "expired":
            raise TokenExpired(f"the token of {token.name} has expired. Make another: leasehold tokens make")
        if standing == "revoked":
            raise TokenRevoked(f"the token of {token.name} was revoked")
        return token

    def began(self, token: Token) -> str:
        """The cookie of a session that begins with this token."""
        if self.tokens is None or self.seal is None:
            raise BadToken("there are no tokens here")
        return self.seal.began(token.id, self.tokens.now())

    def of_cookie(self, cookie: str) -> tuple[Token, Session] | None:
        """The token of a session that goes on, and the session; ``None`` where it is over, or none of ours."""
        if self.tokens is None or self.seal is None:
            return None
        now = self.tokens.now()
        session = self.seal.read(cookie, now)
        token = None if session is None else self.tokens.of_id(session.token_id)
        if session is None or token is None or token.standing(now) != "good":
            return None
        return token, session

    def known_still(self) -> Callable[[User], bool]:
        """What says of users whether they are known still, and in the same role; it knows all tokens as they are now.

        Whoever is known by no token is: what came with his request does not come again.
        """
        if self.tokens is None:
            return anybody
        now = self.tokens.now()
        roles = {token.id: token.role for token in self.tokens.all() if token.standing(now) == "good"}

        def known(user: User) -> bool:
            lasts = user.until is None or now < user.until
            return user.token_id is None or (roles.get(user.token_id) is user.role and lasts)

        return known


def anybody(user: User) -> bool:
    """Nobody is ever unknown where there are no tokens."""
    del user
    return True


def networks(written: Sequence[str]) -> list[Network]:
    """The networks of a setting."""
    return [ip_network(each) for each in written]


class Known(NamedTuple):
    """Who asks. ``ambient``: the browser sends by itself what shows it."""

    user: User | None
    ambient: bool = True


class Guard:
    """Finds out who asks, and turns away who may not."""

    def __init__(
        self, app: ASGIApp, access: Access, asking: Collection[str] = (), streams: Collection[str] = ()
    ) -> None:
        """``asking``: paths at which a POST only reads, for what it asks for is too long for an address.

        ``streams``: paths whose bodies have no bound, so that none is read to look for a field in it.
        """
        self._app = app
        self._access = access
        self._asking = asking
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        path = str(scope["path"])
        reads = scope["method"] in READING or (scope["method"] == "POST" and path in self._asking)
        known = await self._known(scope, headers, lenient=path in (LOGIN, LOGOUT) or path.startswith(PUBLIC))
        if known.user is not None:
            scope.setdefault("state", {})["user"] = known.user
        elif not (path == LOGIN or (path == LOGOUT and not reads) or (reads and path.startswith(PUBLIC))):
            if reads and is_for_people(headers, path):
                await RedirectResponse(login_for(scope), 303)(scope, receive, send)
                return
            if is_for_people(headers, path):
                raise SessionEnded("your session has ended. Log in, then send it again")
            raise NotLoggedIn("this needs a token: send the header Authorization: Bearer TOKEN, or log in at /login")
        if not reads:
            receive = await self._check_change(scope, headers, receive, known)
        await self._app(scope, receive, send)

    async def _known(self, scope: Scope, headers: Headers, *, lenient: bool) -> Known:
        scheme, _, text = headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() == "bearer":
                token = await run_in_threadpool(self._access.of_text, text.strip())
                origin = self._access.proxies.origin(scope, headers)
                return Known(User(token.name, token.role, origin, token_id=token.id), ambient=False)
            return Known(await self._of_session(scope, headers) or self._of_surroundings(scope, headers))
        except LeaseholdError:
            if lenient:  # whoever wants to log in anew may
                return Known(None)
            raise

    async def _of_session(self, scope: Scope, headers: Headers) -> User | None:
        cookie = cookie_of(headers)
        found = await run_in_threadpool(self._access.of_cookie, cookie) if cookie else None
        if found is None or self._access.seal is None:
            return None
        token, session = found
        csrf = self._access.seal.csrf(cookie)
        origin = self._access.proxies.origin(scope, headers)
        user = User(token.name, token.role, origin, csrf, logged_in=True)
        return user._replace(token_id=token.id, until=session.until)

    def _of_surroundings(self, scope: Scope, headers: Headers) -> User | None:
        proxies = self._access.proxies
        if proxies.trusts(address_of(scope)):
            name = only(headers, proxies.user_header)
            is_operator = only(headers, proxies.role_header).strip().lower() == Role.OPERATOR
            if name:
                role = Role.OPERATOR if is_operator else Role.VIEWER
                return User(shortened(name), role, proxies.origin(scope, headers))
        if not self._access.everybody:
            return None
        if any(name in headers for name in FORWARDED):
            raise NotLoggedIn(
                "a proxy brings others to this server, which takes whoever reaches it for its operator. Let the proxy "
                "say who asks (LEASEHOLD_DASHBOARD_PROXIES), or let everybody log in (LEASEHOLD_DASHBOARD_LOGIN=always)"
            )
        return User(LOCAL, Role.OPERATOR, address_of(scope))

    async def _check_change(self, scope: Scope, headers: Headers, receive: Receive, known: Known) -> Receive:
        """Raise what stands against a change; the body again, where it had to be read."""
        if known.ambient:
            check_page(headers)
        if scope["path"] in (LOGIN, LOGOUT):
            return receive
        user = known.user
        if user is None or user.role is not Role.OPERATOR:
            who = user.name if user else NOBODY
            raise NotAllowed(f"{who} may look, but not change anything: that takes an operator")
        if user.csrf is None or not known.ambient:
            return receive
        sent, again = headers.get(CSRF_HEADER), receive
        is_form = headers.get("content-type", "").startswith(FORM) and scope["path"] not in self._streams
        if sent is None and is_form:
            body = await whole(receive)
            sent, again = dict(fields_of(body)).get("csrf"), replayed(body, receive)
        if sent is None or not hmac.compare_digest(sent.encode(), user.csrf.encode()):
            raise ForeignPage("the form does not belong to this session: load its page again")
        return again


def check_page(headers: Headers) -> None:
    """Raise ``ForeignPage`` for what a page of somebody else makes a browser send.

    Today's browsers say it in ``Sec-Fetch-Site``, older ones by ``Origin``. What says neither is no browser.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:
        ours = origin is None or host_of(origin) == headers.get("host", "")
    if not ours:
        raise ForeignPage("a page of another site may not change anything here")


def host_of(origin: str) -> str | None:
    """Host and port of an origin; ``None`` of what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def is_for_people(headers: Mapping[str, str], path: str) -> bool:
    """Whether a browser goes to a page, and should be led to where one logs in."""
    return "text/html" in headers.get("accept", "") and not path.startswith("/api/")


def login_for(scope: Scope) -> str:
    """Where one logs in, and comes back."""
    query = scope.get("query_string", b"").decode("latin-1")
    return login_before(scope["path"] + (f"?{query}" if query else ""))


def login_before(page: str) -> str:
    """Where one logs in, and comes to a page of ours."""
    return f"{LOGIN}?next={quote(page, safe='/')}" if len(page) <= LONGEST_ADDRESS else LOGIN


def form_page(headers: Mapping[str, str]) -> str:
    """The page of ours on which a form stands, as the browser tells it; the first page where it does not."""
    try:
        told = urlsplit(headers.get("referer", ""))
    except ValueError:
        return "/"
    if not told.netloc or told.netloc != headers.get("host"):
        return "/"
    return told.path + (f"?{told.query}" if told.query else "")


def cookie_of(headers: Headers) -> str:
    """The session's cookie; empty where there is none. Beside it stands whatever other servers of this host set."""
    return cookie_parser("; ".join(headers.getlist("cookie"))).get(COOKIE, "")


def only(headers: Headers, name: str) -> str:
    """What a believed proxy says under this name; ``BadRequest`` where it passed on what its caller said, too."""
    told = headers.getlist(name)
    if len(told) > 1:
        raise BadRequest(
            f"the header {name} came twice: the proxy must take it off what comes in before it adds its own"
        )
    return told[0] if told else ""


def shortened(text: str) -> str:
    """What others say of somebody, as the trail may hold it."""
    return "".join(char for char in text[:100] if char.isprintable()).strip() or "somebody"


async def whole(receive: Receive) -> bytes:
    """All of a body, which the gate bounds."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read, for whoever reads it next."""
    once: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return once.pop() if once else await receive()

    return again
