"""What can be done to a message on its way: bytes changed, cut, spliced; values swapped for others, or said twice."""

import json
import random
from typing import Any

from tests.core.wire_examples import CAPABILITY, RUN_ID, TASK_ID

VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 0.5, -0.0, 1e300, 2**31, 2**31 + 1, 2**63, 10**400),
    *("", "0", "1", "x", "x" * 300, "x" * 9_000, "\0", "\ud800", "\udfff\ud800", "\U0001f600"),
    *([], {}, [[]], {"a": 1}, json.loads("[" * 70 + "]" * 70)),
    *(TASK_ID, RUN_ID, TASK_ID.upper(), CAPABILITY, "completed", "failed", "malformed", "exception"),
    *("null", "NaN", "[1,2", '{"a":1,"a":2}', "1e999"),
]
TOKENS = [
    *("NaN", "Infinity", "-Infinity", "1e999", "-0", "01", "1.", "null", "true", "9" * 5_000),
    *("{", "}", "[", "]", ",", ":", '"', "\\", "/*", "'", "[" * 3_000, '{"a":' * 3_000, '"v":1,', '"n":1,'),
    *("\\u0000", "\\ud800", "\\u00e9", "\xe9", "\0", "\n", "\ufeff"),
]
KEYS = [
    "v",
    "n",
    "kind",
    "result",
    "failure",
    "tasks",
    "reports",
    "args",
    "x",
    "",
    "\ud800",
    "deleted",
    "receipt",
    "ended",
]


def damage_text(chance: random.Random, body: str) -> str:
    at, until = sorted(chance.choices(range(len(body) + 1), k=2))
    until = min(until, at + chance.choice([0, 1, 1, 8, 100_000]))
    inserted = chance.choice(["", chr(chance.randrange(256)), chance.choice(TOKENS), body[at:until] * 2])
    return body[:at] + inserted + body[until:]


def damage_value(chance: random.Random, body: str) -> str:
    document = json.loads(body)
    holder, key = chance.choice(places(document))
    match chance.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[chance.choice(KEYS)] = chance.choice([holder[key], chance.choice(VALUES)])
        case 2 if isinstance(holder, list):
            holder.insert(key, chance.choice([holder[key], chance.choice(VALUES)]))
        case _:
            holder[key] = chance.choice(VALUES)
    return json.dumps(document)


def places(document: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Every (holder, key) in it."""
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [document]
    while waiting:
        holder = waiting.pop()
        items = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
        found += [(holder, key) for key, _ in items]
        waiting += [value for _, value in items if isinstance(value, dict | list)]
    return found


def spliced(chance: random.Random, body: str, other: str) -> str:
    """The beginning of one message and the end of another."""
    return body[: chance.randrange(len(body) + 1)] + other[chance.randrange(len(other) + 1) :]


def flipped(chance: random.Random, body: str) -> str:
    """One to eight bits turned round."""
    raw = bytearray(body.encode("utf-8", "surrogatepass"))
    for _ in range(chance.randrange(1, 9)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return raw.decode("utf-8", "surrogateescape")


def doubled(chance: random.Random, body: str) -> str:
    """One key said twice, with another value."""
    at = body.find('"', chance.randrange(len(body)))
    key, value = chance.choice(KEYS), chance.choice(TOKENS)
    return body if at < 0 else f"{body[:at]}{json.dumps(key)}:{value},{body[at:]}"


def damage(chance: random.Random, bodies: list[str]) -> str:
    """One message, damaged in one way or in several."""
    body = chance.choice(bodies)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        way = chance.randrange(8)
        if way < 3:
            body = damaged_value(chance, body)
        elif way < 5:
            body = damage_text(chance, body)
        elif way == 5:
            body = flipped(chance, body) if body else body
        elif way == 6:
            body = spliced(chance, body, chance.choice(bodies))
        else:
            body = doubled(chance, body) if body else body
    return body


def damaged_value(chance: random.Random, body: str) -> str:
    """As ``damage_value``, where it is still JSON with something in it; else a few characters."""
    try:
        return damage_value(chance, body)
    except (ValueError, IndexError, AttributeError, RecursionError):
        return damage_text(chance, body)
