"""Every refusal as a problem (RFC 9457): one table from errors to problems, read by those who tell and who are told.

A problem's ``type`` is a path of the API, so it is the same text in every installation and can be looked up in each of
them, without a request to any other host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from leasehold.core.errors import (
    BadArguments,
    BadCursor,
    BadFilter,
    BadLease,
    KeyTaken,
    LeaseholdError,
    LedgerDamaged,
    LedgerUnavailable,
    NoSuchBatch,
    NoSuchOperation,
    NoSuchQueue,
    NoSuchTask,
    NoSuchWorker,
    NotEnded,
    QueueUnavailable,
    SchemaMismatch,
    StaleEdit,
    StoreDamaged,
    StoreUnavailable,
    TaskForgotten,
    TooLarge,
    Unavailable,
    UnknownHandler,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"
ROOT = "/api/v1/problems/"
LEAST_OF_A_SERVER = 500
"""The lowest status that says that the server is at fault."""


class Kind(NamedTuple):
    """One type of problem. ``slug`` and ``status`` are promises to programs; the words are for people."""

    slug: str
    status: int
    title: str
    remedy: str
    retry: bool = False
    """Whether the answer says when to try again."""

    @property
    def type(self) -> str:
        """The URI that names it."""
        return ROOT + self.slug


class BadRequest(UsageError):
    """A request that means nothing here, such as a parameter that does not exist."""


class NotFound(UsageError):
    """No page has this address."""


class BadMethod(UsageError):
    """The page is there, but not for this method."""


class BodyTooLarge(UsageError):
    """The request's body is over the limit."""


class ReadOnly(UsageError):
    """Nothing can be changed through this server."""


class NotLoggedIn(UsageError):
    """Nobody knows who asks."""


class SessionEnded(NotLoggedIn):
    """A browser sends a form of a session that is over; to a program the same as ``NotLoggedIn``."""


class BadToken(UsageError):
    """The token is none of this ledger's."""


class TokenExpired(BadToken):
    """The token was good once."""


class TokenRevoked(BadToken):
    """Somebody made the token good for nothing."""


class NotAllowed(UsageError):
    """A viewer may not change anything."""


class ForeignPage(UsageError):
    """The request comes from a page that is not ours, or not of this session."""


class TooManyTries(UsageError):
    """Too many tries to log in."""


class WrongHost(UsageError):
    """The request was meant for another host."""


class Defect(LeaseholdError):
    """An error that nobody foresaw. Its own words stay in the log."""


KINDS: Mapping[type[LeaseholdError], Kind] = {
    BadFilter: Kind("bad-filter", 400, "The filter does not parse", "Mend the filter as the detail says."),
    BadCursor: Kind("bad-cursor", 400, "The cursor is of no use here", "Begin again without a cursor."),
    UsageError: Kind("usage", 400, "The request cannot be carried out", "Mend it as the detail says."),
    BadArguments: Kind("bad-arguments", 400, "The arguments do not fit", "Mend them as the detail says."),
    BadLease: Kind("bad-lease", 400, "The lease does not fit", "Mend it as the detail says."),
    UnknownHandler: Kind("unknown-handler", 400, "There is no such handler", "See what the application has."),
    WrongHost: Kind("wrong-host", 400, "The header Host is not of this server", "Use the address that was announced."),
    NotFound: Kind("not-found", 404, "There is nothing at this address", "See /api/v1/openapi.json."),
    NoSuchTask: Kind("no-such-task", 404, "There is no such task", "Ask for it by its whole id."),
    NoSuchBatch: Kind("no-such-batch", 404, "There is no such batch", "List the batches."),
    NoSuchQueue: Kind("no-such-queue", 404, "There is no such queue", "List the queues."),
    NoSuchWorker: Kind("no-such-worker", 404, "No such worker runs anything", "List the workers."),
    NoSuchOperation: Kind("no-such-operation", 404, "There is no such operation", "List the operations."),
    NotLoggedIn: Kind("not-logged-in", 401, "It is not known who asks", "Send a token, or log in."),
    BadToken: Kind("bad-token", 401, "The token is not known", "Use a token of this ledger."),
    TokenExpired: Kind("token-expired", 401, "The token has expired", "Use another one."),
    TokenRevoked: Kind("token-revoked", 401, "The token was revoked", "Use another one."),
    NotAllowed: Kind("not-allowed", 403, "This takes an operator", "Use the token of an operator."),
    ForeignPage: Kind("foreign-page", 403, "The request is not from a page of this session", "Load the page again."),
    ReadOnly: Kind("read-only", 403, "This server is for reading only", "Change it by another way."),
    BadMethod: Kind("bad-method", 405, "The method is not for this address", "See the header Allow."),
    NotEnded: Kind("not-ended", 409, "The task has not ended", "Ask again when it has.", retry=True),
    KeyTaken: Kind("key-taken", 409, "The key is taken", "Use another key or another batch."),
    StaleEdit: Kind("stale-edit", 409, "The task has changed since it was read", "Read it again, then edit it."),
    TaskForgotten: Kind("task-forgotten", 410, "The task is not kept any more", "Its events are still there."),
    BodyTooLarge: Kind("body-too-large", 413, "The body is too large", "Send less at once."),
    TooLarge: Kind("too-large", 413, "A value is too large", "Put it into object storage, and pass its address."),
    BadRequest: Kind("bad-request", 422, "A parameter is not as it should be", "See errors: one for each."),
    TooManyTries: Kind("too-many-tries", 429, "Too many tries", "Wait a minute, then try again.", retry=True),
    LeaseholdError: Kind("error", 500, "Something is wrong on this side", "See the detail, and the log of the server."),
    Defect: Kind("defect", 500, "This should not have happened", "Report what the log of the server says."),
    LedgerDamaged: Kind("ledger-damaged", 500, "A row of the ledger cannot be read", "Run: leasehold audit"),
    StoreDamaged: Kind("store-damaged", 500, "A stored object is not what was put there", "Take it from a backup."),
    Unavailable: Kind("unavailable", 503, "Something is away", "Try again later; nothing is lost.", retry=True),
    LedgerUnavailable: Kind(
        "ledger-unavailable", 503, "The ledger is away", "Try again later; nothing is lost.", retry=True
    ),
    QueueUnavailable: Kind(
        "queue-unavailable", 503, "A queue is away", "Try again later; nothing is lost.", retry=True
    ),
    StoreUnavailable: Kind(
        "store-unavailable", 503, "The store is away", "Try again later; nothing is lost.", retry=True
    ),
    SchemaMismatch: Kind("schema-mismatch", 503, "The ledger has another schema", "Run: leasehold migrate", retry=True),
}


def kind_of(error: type[LeaseholdError]) -> Kind:
    """The kind of the nearest class that has one."""
    return next(KINDS[each] for each in error.__mro__ if each in KINDS)


def told(error: LeaseholdError, **more: object) -> dict[str, object]:
    """What is said of an error."""
    kind = kind_of(type(error))
    if isinstance(error, StaleEdit):
        more["changes"] = list(error.changes)
    if isinstance(error, KeyTaken) and error.task_id is not None:
        more["task"] = error.task_id
    return {"type": kind.type, "title": kind.title, "status": kind.status, "detail": str(error), **more}


def read(problem: Mapping[str, object]) -> LeaseholdError:
    """The error of which that is told: ``told`` backwards. One of an unknown kind is as its status says."""
    words = wrong_in(problem) or str(problem.get("detail") or problem.get("title") or "it said nothing more")
    slug = str(problem.get("type", "")).rpartition("/")[2]
    known = next((error for error, kind in KINDS.items() if kind.slug == slug), None)
    if known is None:
        status = problem.get("status")
        known = UsageError if isinstance(status, int) and status < LEAST_OF_A_SERVER else LeaseholdError
    if known is KeyTaken:
        return KeyTaken(words, cast("str | None", problem.get("task")))
    if known is StaleEdit:
        return StaleEdit(words, cast("Sequence[Mapping[str, object]]", problem.get("changes", ())))
    return known(words)


def wrong_in(problem: Mapping[str, object]) -> str:
    """What is wrong with each parameter, where that is told apart."""
    wrong = cast("Sequence[Mapping[str, object]]", problem.get("errors", ()))
    return "; ".join(f"{each.get('parameter')}: {each.get('message')}" for each in wrong)
