"""What the README shows works when it is pasted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.docs.pages import blocks, text_of
from tests.docs.sandbox import Sandbox

README = text_of("README.md")
FIRST, SECOND = [block.text for block in blocks(README) if block.language == "python"]
(SHELL,) = [block.text for block in blocks(README) if block.language == "sh"]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def test_the_first_example_works_and_does_not_do_its_work_twice(sandbox: Sandbox) -> None:
    sandbox.write("jobs.py", FIRST)
    expected = [f"{hashlib.sha256(FIRST.encode()).hexdigest()}  jobs.py"]
    assert sandbox.python("jobs.py") == expected
    assert sandbox.python("jobs.py") == expected
    assert sandbox.ledger("select count(*) from runs") == [(1,)]


def test_the_first_example_is_as_short_as_it_says() -> None:
    code = [line for line in FIRST.splitlines() if line and not line.startswith(("import", "from"))]
    assert len(code) <= 10


def test_the_second_example_works_as_a_function_and_as_a_task(sandbox: Sandbox) -> None:
    sandbox.write("sums.py", SECOND)
    assert sandbox.python("sums.py") == ["6", "6"]


def test_it_begins_with_one_sentence_and_two_commands() -> None:
    title, _, sentence, *_ = README.splitlines()
    assert title == "# Leasehold"
    assert sentence.endswith(".")
    commands = [line.split()[:2] for line in blocks(README)[0].text.splitlines()]
    assert commands == [["make", "demo"], ["make", "test"]]


def test_the_commands_work_in_the_folder_of_the_first_example(sandbox: Sandbox) -> None:
    sandbox.write("jobs.py", FIRST)
    said = [sandbox.shell(line) for line in SHELL.splitlines()]
    assert said[1][0].startswith("Batch 'checksum-files.csv': 1 task, 1 completed")
    assert said[2][0].endswith(" s.")
    assert len(said[3]) == 3
    assert said[4][-1].startswith("Nothing is lost: 2 tasks")
