"""Small files, functions that fit in the head."""

import ast
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from tests.tooling.repository import ROOT, files, texts

FILE = 400
FUNCTION = 40
MEDIAN = 10


class Function(NamedTuple):
    """A function and the lines of its body, the docstring apart."""

    place: str
    lines: int


def functions(*patterns: str) -> Iterator[Function]:
    """Every function with a body of its own: not a protocol's, whose body is its docstring."""
    for path in files(*patterns):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            body = node.body[1:] if ast.get_docstring(node) else node.body
            body = [statement for statement in body if not is_ellipsis(statement)]
            if body:
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1
                yield Function(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length)


def is_ellipsis(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and statement.value.value is Ellipsis
    )


def test_every_file_has_fewer_than_400_lines() -> None:
    sizes = {name: text.count("\n") for name, text in texts("*.py", "scripts", "Makefile")}
    assert {name: size for name, size in sizes.items() if size >= FILE} == {}


def test_every_function_fits_in_the_head() -> None:
    assert [function for function in functions("*.py") if function.lines > FUNCTION] == []


def test_half_of_the_functions_are_shorter_than_ten_lines() -> None:
    lengths = [function.lines for function in functions("src/*.py")]
    assert not lengths or statistics.median(lengths) < MEDIAN
