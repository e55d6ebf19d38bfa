"""The program as a whole: its help costs nothing, its errors are sentences, its exit codes mean something."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from leasehold.cli import main
from leasehold.cli.program import Program, program
from leasehold.core.errors import LedgerUnavailable, NoSuchTask
from tests.cli.conftest import Said
from tests.fakes import FakeViews

Command = Callable[..., Said]
HEAVY = {
    "pydantic",
    "pydantic_settings",
    "sqlalchemy",
    "alembic",
    "rich",
    "obstore",
    "sqlite3",
    "asyncio",
    "fastapi",
    "starlette",
}


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(every_command(program))


def test_asking_for_help_imports_nothing_heavy() -> None:
    code = "import sys; from leasehold.cli.program import outcome; outcome(['--help']); sys.exit(' '.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Run long jobs on machines that vanish" in ran.stdout
    assert HEAVY & set(ran.stderr.split()) == set()


def test_the_help_lists_every_command(run: Command) -> None:
    said = run("--help").out
    assert all(f"\n  {name} " in said for section in Program.sections.values() for name in section)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(path: tuple[str, ...], run: Command) -> None:
    said = run(*path, "--help")
    assert said.code == 0
    assert "Example" in said.out
    assert f"leasehold {' '.join(path)}" in said.out.partition("Example")[2]


@pytest.mark.parametrize(
    "path", sorted(COMMANDS.keys() - {("worker",), ("orchestrator",), ("dashboard",)}), ids=" ".join
)
def test_every_command_has_json(path: tuple[str, ...]) -> None:
    assert "--json" in {name for parameter in COMMANDS[path].params for name in parameter.opts}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["task"], "leasehold: no such command 'task'. Did you mean 'tasks'? See: leasehold --help\n"),
        (["tasks", "lst"], "leasehold: no such command 'lst'. Did you mean 'ls'? See: leasehold tasks --help\n"),
        (["audit", "--jsn"], "leasehold: no such option '--jsn'. Did you mean '--json'? See: leasehold audit --help\n"),
        (["why"], "leasehold: missing argument 'TASK'. See: leasehold why --help\n"),
        (["tasks", "ls", "--ledger", "mysql://x"], ...),
        (["tasks", "ls", "status:done"], ...),
        (["tasks", "ls", "done"], ...),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_code_2(run: Command, words: list[str], sentence: object) -> None:
    said = run(*words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("leasehold: ")
    assert sentence in (..., said.err)


def test_looking_into_a_folder_without_a_ledger_makes_none(run: Command, tmp_path: Path) -> None:
    said = run("tasks", "ls", "--ledger", "elsewhere.db")
    assert said.code == 3
    assert said.err.startswith(f"leasehold: there is no ledger {tmp_path}/elsewhere.db. The first task makes one")
    assert not (tmp_path / "elsewhere.db").exists()


class Broken(FakeViews):
    """A read side on which every question raises ``error``."""

    error: BaseException = LedgerUnavailable("the disk is gone")

    def find_id(self, prefix: str) -> list[str]:
        del prefix
        raise self.error


@pytest.fixture
def views() -> FakeViews:
    return Broken()


def test_what_cannot_be_reached_is_exit_code_3(run: Command) -> None:
    said = run("why", "x")
    assert (said.code, said.err) == (3, "leasehold: the disk is gone\n")


def test_what_the_caller_can_mend_is_exit_code_2(run: Command, views: Broken) -> None:
    views.error = NoSuchTask("no such task")
    assert run("why", "x").code == 2


def test_a_defect_is_one_sentence_that_says_how_to_report_it(run: Command, views: Broken) -> None:
    views.error = ZeroDivisionError("ouch\nand more")
    said = run("why", "x")
    assert (said.code, said.err.count("\n")) == (70, 1)
    assert "(ZeroDivisionError: ouch)" in said.err
    assert "LEASEHOLD_DEBUG=1" in said.err


def test_a_defect_is_shown_whole_to_whoever_debugs(
    run: Command, views: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEASEHOLD_DEBUG", "1")
    views.error = ZeroDivisionError("ouch")
    with pytest.raises(ZeroDivisionError):
        run("why", "x")


def test_an_interrupt_is_exit_code_130(run: Command, views: Broken) -> None:
    views.error = KeyboardInterrupt()
    assert run("why", "x").code == 130


def test_a_reader_that_stops_reading_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "leasehold", "--help"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_a_ctrl_c_while_it_loads_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "leasehold.cli.program":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "leasehold.cli.program")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err == "leasehold: interrupted\n"
