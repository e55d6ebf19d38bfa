"""What requests carry that change something. Closed: a field that nobody knows was meant to do something."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from leasehold.core.bundles import LARGEST_BUNDLE
from leasehold.core.queues import NAMED, QUEUE_PATTERN
from leasehold.core.wire.strict import TEXT_PATTERN
from leasehold.flow.findable import MOST
from leasehold.flow.ordering import Wish
from leasehold.flow.registry import LEAST, LONGEST_LEASE, NAME_LENGTH

LONGEST_TEXT = 500
MOST_IDS = 1_000
"""Tasks that one request changes at once; more are an operation."""
FAR = 1_000_000
LONGEST_DELAY = 3_650 * 86_400_000

Text = Annotated[str, Field(max_length=LONGEST_TEXT, pattern=TEXT_PATTERN)]
Named = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=TEXT_PATTERN)]
QueueName = Annotated[str, Field(pattern=f"^{QUEUE_PATTERN}$", description=NAMED.capitalize())]
Id = Annotated[str, StringConstraints(to_lower=True), Field(pattern=r"^[0-9A-Za-z-]{1,64}$", description="A whole id")]
Kind = Literal["cancel", "retry"]
Backoff = Annotated[int, Field(ge=0, le=LONGEST_DELAY)] | None
UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
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
    attempts: Annotated[int, Field(ge=1, le=FAR)] | None = Field(
        default=None, description="Runs that may fail by their own fault. Null: as the handler says, or 5"
    )
    losses: Annotated[int, Field(ge=1, le=FAR)] | None = Field(
        default=None, description="Runs that may be lost with their machine. Null: as the handler says, or 20"
    )
    backoff_base_ms: Backoff = Field(
        default=None, description="The pause before the second try, at most. Null: as the handler says, or 2 s"
    )
    backoff_cap_ms: Backoff = Field(
        default=None, description="The longest pause between two tries. Null: as the handler says, or 10 min"
    )
    bundle: Annotated[int, Field(ge=1, le=LARGEST_BUNDLE)] | None = Field(
        default=None, description="How many tasks may share a message with it. Null: as the handler says, or 1"
    )
    tenant: Named | None = None
    trace: Annotated[str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")] | None = Field(
        default=None,
        description="A W3C `traceparent`: the task's spans belong to that trace",
        examples=["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    )
    find: Annotated[list[Named], Field(max_length=MOST)] | None = Field(
        default=None,
        description="Arguments by which its handler's tasks are to be found, and indexed. Null: as the handler says",
        examples=[["episode"]],
    )
    id: Annotated[str, Field(pattern=UUID7)] | None = Field(
        default=None,
        description="A UUIDv7 of your own making: the same again is the same task, stored once. Null: one is made",
    )

    def wish(self, key: str | None = None) -> Wish:
        """What is wanted; ``key``: where it says none itself."""
        return Wish(
            self.handler,
            self.arguments,
            key=self.key if self.key is not None else key,
            batch=self.batch,
            queue=self.queue,
            priority=self.priority,
            delay=self.delay_ms,
            lease=self.lease_ms,
            attempts=self.attempts,
            losses=self.losses,
            backoff_base=self.backoff_base_ms,
            backoff_cap=self.backoff_cap_ms,
            bundle=self.bundle,
            tenant=self.tenant,
            trace=self.trace,
            find=None if self.find is None else tuple(self.find),
            id=self.id,
        )


class Because(Closed):
    """A change with its reason."""

    reason: Reason = ""


class Chosen(Because):
    """Tasks that are to be changed, by their whole ids."""

    ids: list[Id] = Field(min_length=1, max_length=MOST_IDS, examples=[["01a1ff79-c890-7000-92af-e173442d9ad5"]])


class Asked(Closed):
    """Tasks of which somebody wants to know whether they have ended, by their whole ids."""

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
    even_if_none: bool = Field(default=False, description="Write the operation where no task matches, too")
