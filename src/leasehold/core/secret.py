"""A value that is meant for a handler's eyes only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

from leasehold.core.redaction import HIDDEN, MARK

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core.core_schema import CoreSchema


class Secret:
    """A text that no log, message, error or command shows: the hint for a handler's secret arguments.

    ``def fetch(url: str, password: Secret)``; in it, ``password.reveal()``. Who submits passes a text, or a ``Secret``.
    It is not encrypted: the task's row holds it, and the message to the worker.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret('{HIDDEN}')"

    def __str__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: pass what reveal() gives, if you must")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: type[Any], _handler: GetCoreSchemaHandler) -> CoreSchema:
        """A text, a ``Secret`` or what stands for one in JSON; written as the latter."""
        from pydantic_core import core_schema  # noqa: PLC0415 - a child whose handlers have no secrets never loads it

        return core_schema.no_info_plain_validator_function(
            taken, serialization=core_schema.plain_serializer_function_ser_schema(marked)
        )


def taken(value: object) -> Secret:
    """A ``Secret`` of what may stand for one. Raises ``ValueError``, which does not quote it."""
    if isinstance(value, Secret):
        return value
    found = value
    if isinstance(value, dict):
        members = cast("dict[object, object]", value)
        found = members[MARK] if members.keys() == {MARK} else None
    if not isinstance(found, str):
        raise ValueError("a secret is a text")  # noqa: TRY004 - pydantic makes a finding of a ValueError only
    return Secret(found)


def marked(secret: Secret) -> dict[str, str]:
    """What stands for it in JSON."""
    return {MARK: secret.reveal()}
