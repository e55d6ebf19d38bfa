"""Secrets are planted wherever one may be, real processes run into real failures, and nobody is shown any of them.

They may stand in two places, which docs/security.md names: the row of the task's arguments, and the message to its
worker. Everything else that is written or printed is searched: each table, each object, each line of each command.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leasehold.cli.program import outcome
from tests.tooling.repository import ROOT

Look = Callable[..., str]

CANARIES = {
    name: f"canary-{name}-{number:04d}/+'\"\\"
    for number, name in enumerate(("argument", "nested", "marked", "added", "lent"), 1111)
}
"""Each with characters that are written otherwise in JSON, in Python and in a shell."""
HIDDEN = {
    "AWS_SECRET_ACCESS_KEY": "canary-aws-5555",
    "AWS_SESSION_TOKEN": "canary-aws-6666",
    "PGPASSWORD": "canary-pg-7777",
    "LEASEHOLD_CAPABILITY_KEY": "c0ffee" * 10 + "abcd",
    "GITHUB_TOKEN": "canary-env-8888",
}
"""In the environment of the worker; no run is given them."""
JOBS = """
import logging, os, subprocess, sys
from leasehold import App, Secret, Unrecoverable, current
from leasehold.flow.registry import Retry
app = App("jobs")
ONCE = Retry(attempts=1)

def say_everything(*secrets):
    for secret in secrets:
        print("print", secret)
        print(repr(secret), file=sys.stderr)
        logging.getLogger("job").warning("logged %s", secret)
        subprocess.run(["printf", "%s\\\\n", secret])
        current().progress(1, 2, "note " + secret)
        current().save({"said": 1}, done=1, total=2, note=secret)
    print(dict(os.environ))
    print("x" * 20_000, *secrets)

@app.task(lease="60s", retry=ONCE, env=["API_TOKEN"])
def log_in(how: str, db_password: str, options: dict[str, object], key: Secret, patient: str) -> str:
    secrets = (db_password, str(options["token"]), key.reveal(), patient, os.environ["API_TOKEN"])
    say_everything(*secrets)
    if how == "raises":
        raise Unrecoverable("cannot log in with " + " ".join(secrets) + repr(secrets))
    if how == "chains":
        try:
            {}[db_password]
        except KeyError as error:
            raise ValueError(options) from error
    if how == "exits":
        sys.exit(key.reveal())
    if how == "dies":
        os.abort()
    return "done"

@app.task(lease="60s", retry=ONCE)
def count(password: int, key: Secret) -> int:
    return password
"""
ONE = ("--batch", "b", "--workers", "1", "--slots", "1")
HOWS = ("works", "raises", "chains", "exits", "dies")


class Place:
    """A folder with an application, and all that was ever printed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        (folder / "jobs.py").write_text(JOBS)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")}
        here = {"PYTHONPATH": str(ROOT / "src"), "LEASEHOLD_LOG_LEVEL": "debug", "LEASEHOLD_REDACT_KEYS": "patient"}
        self.environment = {**clean, **HIDDEN, **here, "API_TOKEN": CANARIES["lent"]}

    def command(self, *words: str, **more: str) -> int:
        """Its exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "leasehold", *words],
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        self.printed += done.stdout + done.stderr
        return done.returncode

    def tables(self) -> Iterator[tuple[str, str]]:
        """Every value of every table, by the table's name."""
        with closing(sqlite3.connect(self.folder / "leasehold.db")) as ledger:
            names = [name for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                for row in ledger.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 - names of the ledger's own tables
                    yield name, repr(row) + " ".join(map(str, row))

    def objects(self) -> Iterator[str]:
        """Every object of the store."""
        for path in (self.folder / "leasehold.store").rglob("*"):
            if path.is_file():
                yield path.read_bytes().decode(errors="replace")


def spellings() -> list[str]:
    """The part of each canary that is written alike everywhere."""
    return [*(canary.partition("/")[0] for canary in CANARIES.values()), *HIDDEN.values()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def look(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Look:
    """Commands that only look, run in this process: dozens of them, in the same environment."""
    monkeypatch.chdir(place.folder)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)

    def command(*words: str) -> str:
        outcome(words)
        said = capsys.readouterr()
        place.printed += said.out + said.err
        return said.out

    return command


def rows(folder: Path) -> str:
    options = {"token": CANARIES["nested"], "host": "h"}
    given = {"db_password": CANARIES["argument"], "options": options, "patient": CANARIES["added"]}
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps({"how": how, **given, "key": CANARIES["marked"]}) + "\n" for how in HOWS))
    return path.name


@pytest.mark.timeout(400)  # ten processes, and those of a run with five failures
def test_no_secret_is_shown_by_any_command_kept_in_any_log_or_told_by_any_error(place: Place, look: Look) -> None:
    assert place.command("run", "jobs.py:log_in", rows(place.folder), *ONE) == 1
    assert place.command("submit", "jobs.py:count", f"password={CANARIES['argument']}", "key=x") == 2
    ids = [json.loads(line)["id"] for line in look("tasks", "ls", "--json").splitlines()]
    assert len(ids) == len(HOWS)
    for id in ids:
        for words in (["tasks", "show", id], ["tasks", "logs", id], ["why", id]):
            look(*words)
            look(*words, "--json")
    for words in (["failures"], ["batch", "show", "b"], ["batch", "export", "b"], ["queue", "quarantine"], ["audit"]):
        look(*words)
        look(*words, "--json")
    look("batch", "export", "b", "--format", "csv")
    place.command("doctor")
    place.command("tasks", "ls", LEASEHOLD_DEBUG="1")
    assert "***" in place.printed
    assert "cannot log in with *** *** *** *** ***" in place.printed
    assert [canary for canary in spellings() if canary in place.printed] == []


def test_they_stand_in_the_arguments_of_the_ledger_and_nowhere_else_at_rest(place: Place) -> None:
    place.command("run", "jobs.py:log_in", rows(place.folder), *ONE)
    found = {table for table, value in place.tables() for canary in spellings() if canary in value}
    assert found == {"bodies"}
    assert sum(1 for _ in place.objects()) >= len(HOWS) - 1  # long logs
    assert [canary for canary in spellings() for value in place.objects() if canary in value] == []


@pytest.mark.parametrize("words", [("tasks", "ls"), ("doctor", "--no-trip"), ("audit",), ("init",), ("orchestrator",)])
def test_the_password_in_a_ledgers_address_is_in_no_message(place: Place, words: tuple[str, ...]) -> None:
    address = "postgresql://ann:canary-url-9999@127.0.0.1:1/jobs"
    assert place.command(*words, LEASEHOLD_LEDGER=address) != 0
    assert "127.0.0.1" in place.printed
    assert "canary" not in place.printed
