"""Reads a request's fields: strings, numbers and lists where SQS wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from leasehold.testing.sqs_server.errors import SqsError, invalid

Fields = Mapping[str, Any]


def malformed(name: str, wanted: str) -> SqsError:
    """The field has another type than the protocol says."""
    return SqsError("MalformedInput", f"{name} must be {wanted}")


def text(fields: Fields, name: str) -> str | None:
    """A string, or ``None`` where there is none."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise malformed(name, "a string")


def number(fields: Fields, name: str, low: int, high: int) -> int | None:
    """A whole number from ``low`` to ``high``, or ``None`` where there is none."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise malformed(name, "a whole number")
    if not low <= value <= high:
        raise invalid(value, name, f"Must be between {low} and {high}, if provided.")
    return value


def mapping(fields: Fields, name: str) -> dict[str, Any]:
    """An object; empty where there is none."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise malformed(name, "an object")
    return cast("dict[str, Any]", value)


def texts(fields: Fields, name: str) -> list[str]:
    """A list of strings; empty where there is none."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in cast("list[object]", value)):
        raise malformed(name, "a list of strings")
    return cast("list[str]", value)


def objects(fields: Fields, name: str) -> list[Fields]:
    """A list of objects; empty where there is none."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in cast("list[object]", value)):
        raise malformed(name, "a list of objects")
    return cast("list[Fields]", value)
