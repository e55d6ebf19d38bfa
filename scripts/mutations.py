"""Breaks the rules of core/ one at a time, and shows that the tests notice each.

    python -m scripts.mutations [WORD ...]     only what lies in files whose name holds one of the words

Each mutant is a copy of the package with one condition turned, one statement dropped or one number changed; the tests
of core/ (without the long searches) run against it in a process of their own. What survives is printed, and ends the
program with 1, unless ``EQUIVALENT`` says why nobody could tell the difference.
"""

from __future__ import annotations

import ast
import copy
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pydantic
import pytest

from tests.mutants import PACKAGE, ROOT, lay_out, options

LOADED = (hypothesis, pydantic, pytest)
"""Loaded once, here, and not in every fork."""
REWRITES = "ignore::pytest.PytestAssertRewriteWarning"  # of what is loaded already
CORE = PACKAGE / "core"
TESTS = {
    "alarms.py": ["test_silent"],
    "asked.py": ["test_asked", "test_spoken", "test_spoken_ends"],
    "ids.py": ["test_ids"],
    "retry.py": ["test_retry"],
    "silent.py": ["test_silent", "test_spoken", "test_spoken_ends"],
    "spoken.py": ["test_spoken", "test_spoken_ends", "test_silent", "test_asked"],
    "step.py": ["test_spoken", "test_spoken_ends", "test_silent", "test_asked", "test_machine"],
    "wire/capability.py": ["test_wire_capability"],
    "wire/meaning.py": ["test_wire_status"],
    "wire/status.py": ["test_wire_status"],
    "wire/strict.py": ["test_wire_status", "test_wire_tasks"],
    "wire/tasks.py": ["test_wire_tasks"],
}
"""Which tests answer for which file: examples that name the rule, not searches that stumble over it."""

EQUIVALENT = {
    "asked.py on_dispatched: task.why is not Why.DUE or task.open -> task.why is not Why.DUE": (
        "a due task has no open dispatch: a second lock on the door that must never open"
    ),
    "asked.py on_dispatched: False -> True": "run_charged means nothing until a run begins, which sets it",
    "asked.py on_parent_ended: task.cancelled_by == event.parent and task.status is Status.CANCELLED and (not fell)"
    " -> task.cancelled_by == event.parent and (not fell)": "only a cancelled task was cancelled by its parent",
    "step.py charge: not task.run_charged and task.run_id is not None -> not task.run_charged": (
        "a run that can be charged is known; the type checker cannot see that"
    ),
}
"""Mutants that nobody can tell from the original, and why."""

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OTHER: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitOr: ast.BitAnd}


class Mutant(NamedTuple):
    """One file of core/ with one thing changed."""

    file: str
    what: str
    source: str


def mutants(file: str) -> Iterator[Mutant]:
    """Every mutant of one file; docstrings, annotations, imports and plain data are left alone."""
    tree = ast.parse((CORE / file).read_text())
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            nodes = [node for statement in function.body for node in ast.walk(statement)]
            hints = {hint for node in nodes if isinstance(node, ast.AnnAssign) for hint in ast.walk(node.annotation)}
            for node in nodes:
                if node not in hints:
                    yield from changes(tree, file, function.name, node)


def changes(tree: ast.Module, file: str, where: str, node: ast.AST) -> Iterator[Mutant]:
    """The mutants that come of one node."""
    for name, changed in replacements(node):
        before = dict(node.__dict__)
        line = ast.unparse(copy.deepcopy(node)).splitlines()[0]
        node.__dict__.update(changed.__dict__)
        node.__class__, kind = changed.__class__, node.__class__
        yield Mutant(file, f"{where}: {line} -> {name}", ast.unparse(ast.fix_missing_locations(tree)))
        node.__dict__.clear()
        node.__dict__.update(before)
        node.__class__ = kind


def replacements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """(how it reads in the report, the node to put in its place)."""
    if isinstance(node, ast.Compare):
        turned = ast.Compare(node.left, [TURNED[type(op)]() for op in node.ops], node.comparators)
        yield ast.unparse(turned), turned
    elif isinstance(node, ast.BoolOp):
        for left_out in range(len(node.values)):
            rest = [value for at, value in enumerate(node.values) if at != left_out]
            fewer = ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]
            yield ast.unparse(fewer), copy.deepcopy(fewer)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield ast.unparse(node.operand), copy.deepcopy(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in OTHER:
        other = ast.BinOp(node.left, OTHER[type(node.op)](), node.right)
        yield ast.unparse(other), other
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield str(not node.value), ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield str(node.value + 1), ast.Constant(node.value + 1)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "nothing", ast.Pass()
    elif isinstance(node, ast.If):
        yield "never", ast.If(ast.Constant(value=False), node.body, node.orelse)


def survivors(made: list[Mutant], workers: int) -> Iterator[Mutant]:
    """The mutants under which the tests pass. Each is tried in a fork of this process, which has loaded the rest."""
    running: dict[int, tuple[Mutant, tempfile.TemporaryDirectory[str]]] = {}
    waiting = made[::-1]
    while waiting or running:
        if waiting and len(running) < workers:
            mutant, folder = waiting.pop(), tempfile.TemporaryDirectory()
            (lay_out(Path(folder.name), "core") / "core" / mutant.file).write_text(mutant.source)
            running[fork(folder.name, mutant)] = mutant, folder
            continue
        pid, status = os.wait()
        mutant, folder = running.pop(pid)
        folder.cleanup()
        if status == 0:
            yield mutant


def fork(folder: str, mutant: Mutant) -> int:
    """The process that runs the tests on the package in ``folder``; it ends with 0 if they pass."""
    child = os.fork()
    if child:
        return child
    try:
        os._exit(int(run_tests(folder, [f"tests/core/{name}.py" for name in TESTS[mutant.file]])))
    finally:
        os._exit(2)


def run_tests(folder: str, tests: list[str]) -> int:
    """Run them in this process."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(ROOT)
    return int(pytest.main(["-x", *options(folder), "-W", REWRITES, *tests]))


def main() -> int:
    """Print what survived."""
    words = sys.argv[1:]
    files = [file for file in TESTS if not words or any(word in file for word in words)]
    whole = [Mutant(file, "as it is", (CORE / file).read_text()) for file in files]
    if len(list(survivors(whole, 1))) < len(whole):
        print("mutations: the tests fail without any, so they would show nothing")
        return 2
    made = [mutant for file in files for mutant in mutants(file)]
    alive = unexplained = 0
    for mutant in survivors(made, int(os.environ.get("WORKERS", "2"))):
        alive += 1
        if f"{mutant.file} {mutant.what}" not in EQUIVALENT:
            unexplained += 1
            print(f"survives: {mutant.file} {mutant.what}", flush=True)
    print(json.dumps({"mutants": len(made), "noticed": len(made) - alive, "unexplained": unexplained}))
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
