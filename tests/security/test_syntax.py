"""Nothing in the package runs what a message says: its syntax trees hold no call that could, but for those listed.

What is listed stands with its reason. A new line of this kind makes the test fail until somebody has given one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tooling.repository import ROOT

SOURCE = ROOT / "src" / "leasehold"
MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "yaml",
    "code",
    "codeop",
}
"""Their loaders make objects, or code, of bytes."""
IMPORTERS = {"importlib", "imp", "runpy", "pkgutil", "zipimport"}
"""They import by a name that is data."""
CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
SHELLS = {"system", "popen"}

REASONS = {
    ("__init__.py", "importlib"): "public names, from a table in the same file",
    ("adapters/database/compile.py", "importlib"): "books of statements, by names that stand in the package",
    ("adapters/slots/child.py", "importlib"): "the loader, by a name that the worker's own code passes on start",
    (
        "adapters/slots/frames.py",
        "marshal",
    ): "frames between worker and child: plain values, held to a shape (heard.py)",
    ("beside.py", "importlib"): "looks whether the packages of an extra are installed",
    ("cli/lazy.py", "importlib"): "commands, from a table in the package",
    ("demo/recogniser.py", "importlib"): "looks whether the package of the demo is installed",
    ("flow/application.py", "importlib"): "the application that the operator names, in the child; never by message",
    ("testing/postgres.py", "importlib"): "looks whether a package is installed",
}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def found_in(tree: ast.AST) -> Iterator[str]:
    """Everything in a tree that could run or make what is data."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (n.name.partition(".")[0] for n in names if n.name.partition(".")[0] in MODULES | IMPORTERS)
            case ast.ImportFrom(module=str(module), level=0) if module.partition(".")[0] in MODULES | IMPORTERS:
                yield module.partition(".")[0]
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id="builtins" | "__builtins__"), attr=name)):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)) if name in SHELLS:
                yield f"os.{name}"
            case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                yield "shell=True"
            case _:
                pass


def test_nothing_in_the_package_runs_or_unpickles_what_is_data_but_for_what_is_listed_with_a_reason() -> None:
    found = {(place, what) for place, tree in trees() for what in found_in(tree)}
    assert found - REASONS.keys() == set()


def test_each_reason_is_still_needed() -> None:
    found = {(place, what) for place, tree in trees() for what in found_in(tree)}
    assert REASONS.keys() - found == set()


@pytest.mark.parametrize(
    "line",
    [
        *(
            "import pickle",
            "from pickle import loads",
            "import yaml",
            "import importlib.util",
            "from marshal import loads",
        ),
        *("eval('1')", "exec('1')", "compile('1', '', 'eval')", "__import__('os')", "builtins.eval('1')"),
        *("os.system('ls')", "os.popen('ls')", "subprocess.run('ls', shell=True)", "def f():\n  import shelve"),
    ],
)
def test_the_walk_sees_what_it_looks_for(line: str) -> None:
    assert list(found_in(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["re.compile('x')", "statement.compile()", "from leasehold.code import x", "json.loads('1')"]
)
def test_and_takes_nothing_else_for_it(line: str) -> None:
    assert not list(found_in(ast.parse(line)))


def test_what_reads_messages_imports_nothing_by_name() -> None:
    """The wire, the road's readers and the recorder: in these no name from a message can become an import."""
    readers = [Path("core"), Path("flow/intake.py"), Path("flow/recorder.py"), Path("flow/dead_letters.py")]
    for place, tree in trees():
        if any(Path(place).is_relative_to(reader) for reader in readers):
            assert not list(found_in(tree)), place
