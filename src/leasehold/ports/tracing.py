"""Where the spans of a task's way go, for a tracing system of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol


class Span(NamedTuple):
    """Something that was done for one task, told when it is over. Instants are wall clock, ms since the epoch."""

    name: str
    kind: Literal["producer", "consumer", "internal"]
    trace: str
    """The ``traceparent`` that the task was submitted with."""
    began: int
    ended: int
    attributes: Mapping[str, str | int]
    own: str | None = None
    """The run that this span is: it has the id that follows from the run's."""
    under: str | None = None
    """The run whose span is its parent; ``None``: what the task was submitted in."""
    error: str | None = None


class Tracing(Protocol):
    """Never raises for what it is told, and never waits for whoever collects spans."""

    def submitted(self, name: str, queue: str, task_id: str) -> str | None:
        """A task is submitted, within the present span if there is one: its ``traceparent``; ``None``: not traced."""
        ...

    def within(self, trace: str | None, run_id: str) -> str | None:
        """The ``traceparent`` for what a run does itself, given that of its task."""
        ...

    def told(self, trace: str) -> bool:
        """Whether spans of a task with this ``traceparent`` are wanted."""
        ...

    def tell(self, span: Span) -> None:
        """Hand over a span."""
        ...


class Untraced:
    """Nobody collects spans here. What a task was submitted with goes on to its runs all the same."""

    def submitted(self, name: str, queue: str, task_id: str) -> str | None:
        """It is not traced."""
        del name, queue, task_id

    def within(self, trace: str | None, run_id: str) -> str | None:
        """That of the task: the run has no span."""
        del run_id
        return trace

    def told(self, trace: str) -> bool:
        """They are not."""
        del trace
        return False

    def tell(self, span: Span) -> None:
        """It is for nobody."""


UNTRACED = Untraced()
