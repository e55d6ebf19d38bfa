"""Switches the rules R1 to R13 off, one at a time, and shows that named tests notice each.

    python -m tests.mutations [WORD ...]     only those whose rule or description holds one of the words

Each mutant is a copy of the package in which one piece of text is replaced; it must be found exactly once, or the table
is out of date. Then the tests that are named beside it run on that copy: every one of them must fail.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.mutants import PACKAGE, ROOT, Mutant, lay_out, options
from tests.switched_off import SWITCHED_OFF

PATIENCE = 30
"""s that a test has: one that waits for what never comes has noticed."""
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?:\[|\s|$)", re.MULTILINE)


class Result(NamedTuple):
    """What the named tests said of one mutant."""

    mutant: Mutant
    unnoticed: tuple[str, ...]
    """Tests that pass all the same."""
    output: str


def text_of(mutant: Mutant, package: Path = PACKAGE) -> str:
    """The file as the mutant has it. Raises ``ValueError`` where the table is out of date."""
    before = (package / mutant.file).read_text()
    if (times := before.count(mutant.old)) != 1:
        raise ValueError(f"{mutant.rule}, {mutant.what}: {mutant.file} holds its text {times} times\n{mutant.old}")
    return before.replace(mutant.old, mutant.new)


def tried(mutant: Mutant) -> Result:
    """Run its tests on a package in which it is so."""
    with tempfile.TemporaryDirectory() as folder:
        copy = lay_out(Path(folder), mutant.file.split("/", maxsplit=1)[0]) / mutant.file
        copy.write_text(text_of(mutant))
        environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "HYPOTHESIS_PROFILE": "test"}
        command = [sys.executable, "-m", "pytest", "-m", "", *options(folder, PATIENCE), "-rfE", "--tb=line"]
        done = subprocess.run(
            [*command, *mutant.tests], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
    failed = set(FAILED.findall(done.stdout))
    return Result(mutant, tuple(test for test in mutant.tests if test not in failed), done.stdout + done.stderr)


def results(mutants: list[Mutant], workers: int) -> Iterator[Result]:
    """Each in its turn, several at once."""
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(tried, mutants)


def main(words: list[str]) -> int:
    """Print what the tests noticed; 1 if anything went unnoticed."""
    chosen = [each for each in SWITCHED_OFF if not words or any(word in f"{each.rule} {each.what}" for word in words)]
    unnoticed = 0
    for result in results(chosen, int(os.environ.get("WORKERS", "2"))):
        mutant = result.mutant
        print(f"{mutant.rule:<4} {'UNNOTICED' if result.unnoticed else 'noticed'}  {mutant.what}", flush=True)
        for test in mutant.tests:
            print(f"       {'passes' if test in result.unnoticed else 'fails'}  {test}")
        unnoticed += bool(result.unnoticed)
    print(f"{len(chosen)} mutants, {unnoticed} unnoticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
