"""What is answered to a change, as the OpenAPI document tells it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from leasehold.core.model import Status
from leasehold.web.models import TASK_ID, Operation


class Submitted(BaseModel):
    """A task that is stored, and will be accounted for. ``existed``: its key was known."""

    id: str = TASK_ID
    existed: bool
    status: Status


class Left(BaseModel):
    """A task that was left as it is."""

    id: str = TASK_ID
    reason: str


class Changed(BaseModel):
    """What became of each task."""

    changed: list[str]
    left: list[Left]


class Switched(BaseModel):
    """A queue that was paused or resumed."""

    queue: str
    paused: bool


class Recalled(BaseModel):
    """Workers that are counted as gone, and how many tasks will run elsewhere."""

    recalled: list[str]
    tasks: int


class Bulk(BaseModel):
    """An operation, and how many tasks match now; ``more``: counting stopped there."""

    matching: int
    concerned: int = Field(description="Of those, how many would change now: a task that has ended is not cancelled")
    more: bool
    operation: Operation | None = Field(description="Null where nothing matches, and with dry_run")


class Stopped(BaseModel):
    """An operation that was to be stopped; not ``cancelled``: it had ended already."""

    id: str
    cancelled: bool
