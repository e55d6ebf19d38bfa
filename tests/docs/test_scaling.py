"""The page on scaling computes from its own constants what it says; constants of the code are those of the code."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from leasehold.backends import BILLED
from leasehold.core.wire import PACK_CEILING
from leasehold.flow.dispatcher import CHUNK
from leasehold.flow.lease import SOON
from leasehold.flow.reporter import AGAIN
from leasehold.flow.window import AHEAD, IN_FLIGHT, WAITING
from leasehold.settings.values import LONGEST_POLL, WINDOW_CEILING
from tests.docs.pages import text_of

PAGE = text_of("docs/scaling.md")
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<value>[\d,.]+)(?: [^|]*)? \| (?P<source>[^|]*) \|", re.MULTILINE)
NEAR = 0.006
"""Values are written with three digits or more."""
OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
FUNCTIONS: Mapping[str, Callable[..., float]] = {"ceil": math.ceil, "ln": math.log, "min": min, "max": max}


class Line(NamedTuple):
    name: str
    value: float
    formula: str | None


def lines() -> list[Line]:
    found: list[Line] = []
    for match in ROW.finditer(PAGE):
        source = match["source"].strip()
        formula = source.removeprefix("`= ").removesuffix("`") if source.startswith("`= ") else None
        found.append(Line(match["name"], float(match["value"].replace(",", "")), formula))
    return found


def value_of(node: ast.expr, known: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return known[name]
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](value_of(left, known), value_of(right, known))
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name](*(value_of(each, known) for each in args))
        case _:
            raise AssertionError(f"the page computes with sums, products and powers, not with {ast.dump(node)}")


LINES = lines()
KNOWN = {line.name: line.value for line in LINES}


def test_the_page_has_constants_and_what_follows_from_them() -> None:
    assert len(KNOWN) == len(LINES) > 40
    assert sum(line.formula is not None for line in LINES) > 20


@pytest.mark.parametrize("line", [line for line in LINES if line.formula is not None], ids=lambda line: line.name)
def test_every_figure_follows_from_those_above_it(line: Line) -> None:
    above = {each.name: each.value for each in LINES[: LINES.index(line)]}
    computed = value_of(ast.parse(line.formula or "", mode="eval").body, above)
    assert line.value == pytest.approx(computed, rel=NEAR)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("guard", IN_FLIGHT),
        ("window", WINDOW_CEILING),
        ("ahead_s", AHEAD / 1_000),
        ("waiting", WAITING),
        ("linger_s", BILLED.linger / 1_000),
        ("hold_s", AGAIN / 1_000),
        ("soon_s", SOON / 1_000),
        ("poll_s", LONGEST_POLL / 1_000),
        ("pack_bytes", PACK_CEILING),
        ("chunk", CHUNK),
    ],
)
def test_constants_of_the_code_are_those_of_the_code(name: str, value: float) -> None:
    assert KNOWN[name] == value
