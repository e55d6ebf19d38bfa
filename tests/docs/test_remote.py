"""What the page on ledgers over HTTP shows works when it is pasted, on a deployment of real processes."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import click
import pytest

from leasehold.adapters.database.open import open_database
from leasehold.cli.program import program
from tests.docs.pages import blocks, text_of
from tests.remote.processes import Deployment

PAGE = text_of("docs/remote.md")
PROGRAM, SCRIPT = [block.text for block in blocks(PAGE) if block.language == "python"]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    path = tmp_path / "leasehold.db"
    open_database(f"sqlite:///{path}").close()
    return Deployment(tmp_path, str(path), PROGRAM)


def test_the_program_and_the_script_run_at_the_address(deployment: Deployment) -> None:
    with closing(deployment):
        deployment.work()
        elsewhere = deployment.folder / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "sums.py").write_text(PROGRAM)
        (elsewhere / "script.py").write_text(SCRIPT)
        ran = deployment.run("sums.py")
        assert (ran.stdout, ran.stderr) == ("42\n{'completed': 100}\n", "")
        asked = deployment.run("script.py")
        assert asked.stderr == ""
        assert asked.stdout.splitlines()[0] == "completed 8"


def test_the_commands_that_it_names_are_there() -> None:
    part = PAGE[PAGE.index("## On the command line") : PAGE.index("## What is different")]
    words = set(re.findall(r"`([a-z ]+)`", part))
    assert {"submit", "run", "audit"} <= words <= set(program.list_commands(click.Context(program)))


def test_it_runs_where_no_database_driver_is_imported(deployment: Deployment) -> None:
    with closing(deployment):
        code = (
            "import sys, leasehold.remote as r; c = r.connect(); c.views.queues(); print('sqlalchemy' in sys.modules)"
        )
        done = deployment.run("-c", code)
        assert (done.stdout, done.stderr) == ("False\n", "")
