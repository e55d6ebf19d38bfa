"""What the routes have in common: their parameters, and how they are told in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from leasehold.core.errors import (
    BadCursor,
    BadFilter,
    LeaseholdError,
    LedgerUnavailable,
    NoSuchTask,
    SchemaMismatch,
    UsageError,
)
from leasehold.flow.problems import (
    MEDIA_TYPE,
    BadRequest,
    BadToken,
    BodyTooLarge,
    ForeignPage,
    Kind,
    NotAllowed,
    NotLoggedIn,
    ReadOnly,
    TokenExpired,
    TokenRevoked,
    WrongHost,
    kind_of,
)
from leasehold.flow.shapes import Shape
from leasehold.web.examples import EXAMPLES
from leasehold.web.json import reply
from leasehold.web.models import Problem

T = TypeVar("T")
DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 1_000

Limit = Annotated[int, Field(ge=1, le=HIGHEST_LIMIT, description="How many at most")]
TaskId = Annotated[
    str,
    StringConstraints(to_lower=True),
    Path(description="The whole id of the task", examples=["01a1ff79-c890-7000-92af-e173442d9ad5"]),
]
OperationId = Annotated[str, Path(description="The whole id of the operation, or how it begins or ends")]
Responses = dict[int | str, dict[str, Any]]


class Nothing(BaseModel):
    """No parameters: one that is given is refused, for it was meant to change something."""

    model_config = ConfigDict(extra="forbid")


class Limited(Nothing):
    """The parameters of a list."""

    limit: Limit = DEFAULT_LIMIT
    cursor: str | None = Field(default=None, description="That of the page before")


class Long(Nothing):
    """The parameters of a list of what happened to one task: all of it, but for very few tasks."""

    limit: Limit = HIGHEST_LIMIT
    cursor: str | None = Field(default=None, description="That of the page before, of the same task")


class Filtered(Nothing):
    """The parameter of what concerns the tasks that match."""

    filter: list[str] = Field(
        default=[],
        description="Words of the filter language: `status:failed,cancelled batch:november age:>1h "
        "args.episode:42`. Given several times, all must fit",
        examples=[["status:failed", "batch:november"]],
    )

    @property
    def words(self) -> str:
        """All of the filter."""
        return " ".join(self.filter)


class Paged(Filtered):
    """The parameters of a page of tasks."""

    limit: Limit = DEFAULT_LIMIT
    cursor: str | None = Field(default=None, description="That of the page before, with the same filter")


Unasked = Annotated[Nothing, Query()]
AskedList = Annotated[Limited, Query()]
AskedLong = Annotated[Long, Query()]
AskedFilter = Annotated[Filtered, Query()]
AskedPage = Annotated[Paged, Query()]

COMMON: Sequence[type[LeaseholdError]] = (
    BadRequest,
    WrongHost,
    NotLoggedIn,
    BadToken,
    TokenExpired,
    TokenRevoked,
    LedgerUnavailable,
    SchemaMismatch,
)
FILTERING: Sequence[type[LeaseholdError]] = (BadFilter,)
PAGING: Sequence[type[LeaseholdError]] = (BadFilter, BadCursor)
CHANGING: Sequence[type[LeaseholdError]] = (UsageError, ReadOnly, NotAllowed, ForeignPage, BodyTooLarge)
OF_A_TASK: Sequence[type[LeaseholdError]] = (NoSuchTask,)


def told(model: type[BaseModel], *errors: type[LeaseholdError], status: int = 200) -> Responses:
    """What a route answers: a model with its example, or one of these problems, or one of those that all may have."""
    answers: Responses = {status: {"model": model, "content": {"application/json": {"example": EXAMPLES[model]}}}}
    return answers | problems(*errors)


def changing(model: type[BaseModel], *errors: type[LeaseholdError], status: int = 200) -> Responses:
    """What a route answers that changes something."""
    return told(model, *errors, *CHANGING, status=status)


def problems(*errors: type[LeaseholdError]) -> Responses:
    """These problems, and those that all may have."""
    kinds: dict[int, list[Kind]] = {}
    for kind in dict.fromkeys(kind_of(error) for error in (*errors, *COMMON)):
        kinds.setdefault(kind.status, []).append(kind)
    return {status: documented(found) for status, found in sorted(kinds.items())}


def documented(kinds: Sequence[Kind]) -> dict[str, Any]:
    """Problems of one status, as the OpenAPI document tells them."""
    examples = {
        kind.slug: {"value": {"type": kind.type, "title": kind.title, "status": kind.status, "detail": kind.remedy}}
        for kind in kinds
    }
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    answer: dict[str, Any] = {
        "description": "; ".join(kind.title for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    if any(kind.retry for kind in kinds):
        answer["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return answer


def a_page(items: Sequence[T], cursor: str | None, shape: Callable[[T], Shape]) -> Response:
    """A page, and where the next one begins."""
    return reply({"items": [shape(one) for one in items], "more": cursor is not None, "cursor": cursor})


def listed(items: Sequence[object]) -> Mapping[str, object]:
    """All that there are."""
    return {"items": items}
