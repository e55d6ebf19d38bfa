"""Commands run in this process, on a read side in plain lists, at a standing clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

import pytest

from leasehold.assemble import Parts
from leasehold.cli.program import outcome
from leasehold.cli.tools import Tools
from leasehold.core.errors import QueueUnavailable
from leasehold.core.redaction import Redaction
from leasehold.ports.queue import Depth
from tests.fakes import NOW, FakeViews


class Said(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """One document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class FakeQueue:
    """Says how full it is."""

    tasks: int
    mute: str

    def depth(self) -> Depth:
        if self.mute:
            raise QueueUnavailable(self.mute)
        return Depth(self.tasks, 0)


@dataclass
class FakeSystem:
    """A system of which only the read side works."""

    views: FakeViews
    closed: bool = False
    redaction: Redaction = field(default_factory=Redaction)

    @property
    def queues(self) -> Self:
        return self

    def tasks(self, name: str) -> FakeQueue:
        del name
        return FakeQueue(
            sum(view.task.open for view in self.views.rows.values() if not view.task.terminal), self.views.mute
        )

    def status(self) -> FakeQueue:
        return FakeQueue(0, "")

    def dead(self) -> None:
        return None

    def close(self) -> None:
        self.closed = True


Command = Callable[..., Said]


def commands_in(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs commands in this process, in a folder."""
    monkeypatch.chdir(folder)

    def command(*words: str) -> Said:
        code = outcome(words)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return command


def beside_a_ledger(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs commands in this process, in a folder with a real ledger."""
    command = commands_in(folder, monkeypatch, capsys)
    assert command("init").code == 0
    return command


@pytest.fixture
def views() -> FakeViews:
    return FakeViews()


@pytest.fixture
def run(
    views: FakeViews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a command line on ``views``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leasehold.db").touch()
    tools = Tools(assemble=lambda _: cast("Parts", FakeSystem(views)), now=lambda: NOW, zone=UTC)

    def command(*words: str) -> Said:
        code = outcome(words, obj=tools)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return command


def words(said: str) -> Sequence[str]:
    """Lines without the blanks between columns."""
    return [" ".join(line.split()) for line in said.splitlines()]
