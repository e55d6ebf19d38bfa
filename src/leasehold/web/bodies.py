"""What requests carry that change something. Closed: a field that nobody knows was meant to do something."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from leasehold.core.wire.strict import TEXT_PATTERN
from leasehold.flow.ordering import Wish
from leasehold.flow.registry import LEAST, LONGEST_LEASE, NAME_LENGTH

LONGEST_TEXT = 500
MOST_IDS = 1_000
"""Tasks that one request changes at once; more are an operation."""
FAR = 1_000_000
LONGEST_DELAY = 3_650 * 86_400_000

Text = Annotated[str, Field(max_length=LONGEST_TEXT, pattern=TEXT_PATTERN)]
Named = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=TEXT_PATTERN)]
QueueName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Letters, digits, - and _")]
Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$", description="A whole id")]
Kind = Literal["cancel", "retry"]
Reason = Annotated[Text, Field(description="Why, for the audit trail")]
Arguments = Annotated[
    dict[str, JsonValue], Field(description="By name", examples=[{"source": "s3://in/a.wav", "language": "de"}])
]


class Closed(BaseModel):
    """Fields that do not exist are refused."""

    model_config = ConfigDict(extra="forbid")


class NewTask(Closed):
    """A task to be done."""

    handler: str = Field(min_length=1, max_length=NAME_LENGTH, pattern=TEXT_PATTERN, examples=["transcribe"])
    arguments: Arguments = {}
    key: Named | None = Field(
        default=None,
        description="Unique per handler and batch: with it, the same task again is the task that is there",
        examples=["s3://in/a.wav"],
    )
    batch: Named | None = Field(default=None, examples=["november"])
    queue: QueueName | None = Field(default=None, description="Null: the handler's")
    priority: Annotated[int, Field(ge=-FAR, le=FAR)] | None = Field(
        default=None, description="Higher goes first. Null: the handler's"
    )
    delay_ms: int = Field(default=0, ge=0, le=LONGEST_DELAY, description="The shortest time before its first run")
    lease_ms: Annotated[int, Field(ge=LEAST, le=LONGEST_LEASE)] | None = Field(
        default=None,
        description="How long one run may take. Null: as the handler says, where the server knows the application",
        examples=[1_800_000],
    )
    attempts: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        default=None, description="Runs that may fail by their own fault. Null: as the handler says, or 5"
    )

    def wish(self, key: str | None = None) -> Wish:
        """What is wanted; ``key``: where it says none itself."""
        chosen = self.key if self.key is not None else key
        return Wish(
            self.handler,
            self.arguments,
            chosen,
            self.batch,
            self.queue,
            self.priority,
            self.delay_ms,
            self.lease_ms,
            self.attempts,
        )


class Because(Closed):
    """A change with its reason."""

    reason: Reason = ""


class Chosen(Because):
    """Tasks that are to be changed, by their whole ids."""

    ids: list[Id] = Field(min_length=1, max_length=MOST_IDS, examples=[["01a1ff79-c890-7000-92af-e173442d9ad5"]])


class Edited(Because):
    """Other arguments for a task that has ended."""

    version: int = Field(ge=1, le=2**31, description="Of the task, when it was read", examples=[4])
    arguments: Arguments


class Recall(Closed):
    """A machine that is certainly gone."""

    worker: Named = Field(
        description="The whole name of a worker, or what stands before the slash for all workers of a machine",
        examples=["i-0123456789abcdef0"],
    )


class NewOperation(Because):
    """A change of all tasks that match a filter now."""

    kind: Kind
    filter: str = Field(
        max_length=10_000,
        pattern=TEXT_PATTERN,
        description="Words of the filter language; empty: all tasks",
        examples=["group:7f3a02c1"],
    )
    dry_run: bool = Field(default=False, description="Only count")
