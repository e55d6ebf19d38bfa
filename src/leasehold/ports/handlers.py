"""What runs in a slot, as the slot sees it: named handlers of an application that is loaded by its spec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

LOADER = "leasehold.flow.application:load"
"""Where a slot's child finds the function that turns a spec into handlers. It is imported there, by this name, so
that slots and road never meet."""


class Command(Protocol):
    """A program to run instead of a function."""

    def argv(self, arguments: Mapping[str, object]) -> list[str]:
        """The program and its arguments, one placeholder filled by one value."""
        ...


class Handler(Protocol):
    """One named piece of the user's code."""

    @property
    def name(self) -> str:
        """The name that messages carry."""
        ...

    @property
    def function(self) -> Callable[..., object]:
        """What is called with the arguments by name."""
        ...

    @property
    def command(self) -> Command | None:
        """The program that is run instead of the function, if any."""
        ...

    @property
    def unrecoverable(self) -> Sequence[int]:
        """Exit codes after which trying again can never help."""
        ...

    @property
    def is_async(self) -> bool:
        """Whether the function must be awaited."""
        ...

    @property
    def concurrency(self) -> int:
        """How many runs of an async function may share one slot."""
        ...

    @property
    def environment(self) -> Sequence[str]:
        """Variables of the worker's environment that it gets while it runs; a trailing ``*`` stands for any ending."""
        ...

    @property
    def coerce(self) -> Callable[[str], dict[str, object]]:
        """The arguments by name from JSON text; raises ``BadArguments``."""
        ...

    @property
    def dump_result(self) -> Callable[[object], str]:
        """The result as JSON text; raises ``BadResult``."""
        ...


class Handlers(Protocol):
    """The handlers of one application."""

    def find(self, name: str) -> Handler | None:
        """The handler of that name."""
        ...

    def all(self) -> Iterable[Handler]:
        """Every handler."""
        ...


Loader = Callable[[str], Handlers]
"""From a spec: ``module:attr``, ``path/to/file.py[:attr]`` or ``command:{...}``. Raises ``BadApplication``."""
