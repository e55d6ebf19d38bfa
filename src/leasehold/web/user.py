"""Who asks: found once for each request, before any route is chosen."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Request
from starlette.types import Scope

from leasehold.ports.access import Role


class User(NamedTuple):
    """Somebody who asks for something."""

    name: str
    role: Role
    address: str
    """Of the machine from which it is asked."""
    csrf: str | None = None
    """What a form of a page has to send back as ``csrf``, or a script as the header ``X-CSRF-Token``; ``None``: nothing
    need be sent."""
    logged_in: bool = False
    """Whether there is a session that can be ended."""
    token_id: str | None = None
    """The token by which somebody is known; ``None``: by what came with the request."""
    until: int | None = None
    """When the session is over, in ms by the ledger's clock."""

    @property
    def may_change(self) -> bool:
        """Whether pages should offer what changes something."""
        return self.role is Role.OPERATOR

    @property
    def by(self) -> str:
        """Who and from where, for the audit trail."""
        return f"{self.name} from {self.address}"


NOBODY = "nobody"
"""What somebody is called on the few pages that everybody may see."""
LOCAL = "local operator"
"""What somebody is called of whom nothing is known but that the request came from this machine."""


def address_of(scope: Scope) -> str:
    """Where the connection comes from."""
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else "an unknown address"


def asking(request: Request) -> User:
    """Who asks, as the gate found out."""
    found: User | None = getattr(request.state, "user", None)
    return found or User(NOBODY, Role.VIEWER, address_of(request.scope))


async def user_of(request: Request) -> User:
    """Who asks. On the event loop: a plain function would take a thread for nothing."""
    return asking(request)


Asker = Annotated[User, Depends(user_of)]
"""The argument by which a route asks for it."""
