"""Whoever gets something wrong is told in one sentence what to do about it, and nothing is stored or lost."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leasehold.adapters.database.version import SCHEMA_VERSION
from leasehold.adapters.presence import Presence
from leasehold.cli.program import outcome
from leasehold.core.errors import LedgerUnavailable
from tests.cli.conftest import Said

JOBS = """
from leasehold import App
app = App("jobs")

@app.task(lease="30s")
def transcribe(source: str, times: int = 1) -> str:
    return source * times
"""
HASTY = JOBS.replace("30s", "3s")
ROWS = "source,times\na.wav,1\nb.wav,many\nc.wav\nd.wav,4\n"

Command = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line for real, in a folder with some jobs and rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # loading jobs.py adds its folder
    for name, text in {"jobs.py": JOBS, "hasty.py": HASTY, "rows.csv": ROWS, "broken.py": "import nonsense"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def command(*words: str) -> Said:
        code = outcome(words)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return command


def tasks_stored(run: Command) -> int:
    run("init")
    return len(run("tasks", "ls", "--json").lines)


SUBMIT = ("submit", "jobs.py:transcribe")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((*SUBMIT, "source=a", "times=one"), "handler 'transcribe' cannot take 'one' for 'times': input should be"),
        ((*SUBMIT, "sorce=a"), "handler 'transcribe' has no argument 'sorce'. It takes: source, times. Did you mean"),
        (SUBMIT, "handler 'transcribe' needs an argument 'source'. It takes: source, times."),
        ((*SUBMIT, "source"), "'source' is no argument: write name=value, or use --arguments with JSON"),
        ((*SUBMIT, "--arguments", '{"source": 1'), "--arguments is no JSON: Expecting ',' delimiter"),
        ((*SUBMIT, "--arguments", "[1]"), '--arguments takes a JSON object, such as \'{"source": "a.wav"}\''),
        ((*SUBMIT, "source=a", "--delay", "soon"), "invalid value for '--delay': 'soon' is no duration; write it like"),
        (("submit", "jobs.py:transcrib"), "'jobs.py:transcrib' has no 'transcrib'; applications and tasks there: app,"),
        (
            ("submit", "transcrib", "--app", "jobs.py"),
            "there is no handler 'transcrib'. The application has: transcribe",
        ),
        (("submit", "jobs.py"), "which handler of jobs.py? There are: jobs.py:transcribe"),
        (
            ("submit", "transcribe"),
            "where is handler 'transcribe'? Name its file or module, such as jobs.py:transcribe,",
        ),
        (("submit", "nowhere.py:f"), "there is no file 'nowhere.py'"),
        (
            ("submit", "broken.py:f"),
            "'broken.py:f' cannot be imported: ModuleNotFoundError: No module named 'nonsense'.",
        ),
        (("submit", "hasty.py:transcribe", "source=a"), "handler 'transcribe' has a lease of 3 s, but 2 s of it are"),
        (
            ("run", "jobs.py:transcribe", "rows.csv", "--lease", "13h"),
            "a lease of 13 h is longer than a queue can hide",
        ),
        (("run", "jobs.py:transcribe", "rows.csv", "--lease", "1s"), "handler 'transcribe' has a lease of 1 s, but"),
        (("run", "jobs.py:transcribe", "gone.csv"), "invalid value for 'FILE': File 'gone.csv' does not exist."),
        (
            ("run", "jobs.py:transcribe", "rows.csv", "--key", "sourc"),
            "rows.csv has no column 'sourc' for --key. Did you",
        ),
        (
            ("run", "echo {source", "rows.csv"),
            "' does not parse: expected '}' before end of string.",
        ),
        (("run", "echo {source}", "rows.csv"), "' has no argument 'times' (a column of rows.csv)."),
        (("run", "echo {source} {x}", "rows.csv", "--ignore", "times"), "rows.csv has no column 'x', which handler"),
        (("run", "jobs.py:transcribe", "rows.csv", "--name", "x"), "--name and --unrecoverable are for commands"),
        (("wait",), "say what to wait for: tasks by their ids, or --batch NAME"),
        (("tasks", "cancel"), "say which tasks to cancel: by their ids, or by --filter"),
        (
            ("tasks", "retry", "x", "--filter", "status:failed"),
            "say which tasks to retry: by their ids, or by --filter",
        ),
        (("batch", "export", "b", "--json", "--format", "csv"), "--json and --format csv contradict each other"),
    ],
)
def test_a_wrong_command_is_one_sentence_and_stores_nothing(
    run: Command, words: tuple[str, ...], sentence: str
) -> None:
    run("init")
    said = run(*words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("leasehold: ")
    assert sentence in said.err
    assert tasks_stored(run) == 0


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.csv", b"", "empty.csv is empty: its first line has to name the columns"),
        (
            "index.csv",
            b",source\n",
            "handler 'transcribe' has no argument '' (a column of index.csv). It takes: source,",
        ),
        ("twice.csv", b"source,source\n", "twice.csv has the column 'source' twice"),
        ("open.csv", b'source\n"a\n', "open.csv is no CSV: unexpected end of data"),
        ("latin.csv", b"source\n\xe9t\xe9.wav\n", "latin.csv is no UTF-8 text (invalid continuation byte at byte"),
        ("array.json", b'[{"source": "a"}]', "array.json begins like a JSON array; write one object per line"),
        ("other.jsonl", b'{"sauce": "a"}\n', "handler 'transcribe' has no argument 'sauce' (a column of other.jsonl)."),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence_and_stores_nothing(
    run: Command, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    said = run("run", "jobs.py:transcribe", name)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(f"leasehold: {sentence}")
    assert tasks_stored(run) == 0


def test_rows_that_do_not_fit_are_told_by_number_and_the_others_go_on(run: Command) -> None:
    said = run("run", "jobs.py:transcribe", "rows.csv", "--dry-run")
    assert said.code == 1
    assert said.err.splitlines()[0].startswith("row 2: handler 'transcribe' cannot take 'many' for 'times': input")
    assert said.err.splitlines()[1:] == ["row 3: it has 1 value, the header has 2", "2 rows did not fit."]
    assert said.out == "2 rows would become tasks of batch 'transcribe-rows.csv'; nothing was stored.\n"
    assert run("run", "jobs.py:transcribe", "rows.csv", "--dry-run", "--json").json["rejected"][1]["row"] == 3


def test_json_lines_that_do_not_fit_are_told_by_number(run: Command, tmp_path: Path) -> None:
    lines = ['{"source": "a"}', "nonsense", "7", '{"times": 2}', '{"source": "b", "x": 1}', "", '{"source": "c"}']
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    said = run("run", "jobs.py:transcribe", "rows.jsonl", "--dry-run", "--json").json
    assert [one["row"] for one in said["rejected"]] == [2, 3, 4, 5]
    assert said["fitting"] == 2


def test_the_same_key_returns_the_task_that_has_it_unless_the_arguments_differ(run: Command) -> None:
    first = run(*SUBMIT, "source=a", "--key", "k", "--json").json
    again = run(*SUBMIT, "source=a", "--key", "k", "--json").json
    assert (first["existed"], again["existed"], again["id"]) == (False, True, first["id"])
    other = run(*SUBMIT, "source=b", "--key", "k")
    assert other.code == 2
    assert other.err.startswith(f"leasehold: key 'k' of handler 'transcribe' is taken by task {first['id']} with other")


def test_arguments_over_the_ceiling_are_refused(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASEHOLD_PAYLOAD_LIMIT", "1KiB")
    said = run(*SUBMIT, f"source={'x' * 2_000}")
    assert said.code == 2
    assert "take 2,013 bytes, over the limit of 1,024. Put large data into object storage" in said.err


def test_a_setting_that_does_not_exist_is_answered_with_the_one_that_was_meant(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEASEHOLD_WORKER_SLOT", "4")
    said = run("tasks", "ls")
    assert said.code == 2
    assert said.err.endswith("(read in the environment). Did you mean 'LEASEHOLD_WORKER_SLOTS'?\n")


@pytest.mark.parametrize(
    ("version", "sentence"),
    [("9999", "made by a newer Leasehold"), ("0000", "Run: leasehold migrate")],
)
def test_a_ledger_of_another_schema_is_refused(run: Command, tmp_path: Path, version: str, sentence: str) -> None:
    run("init")
    with sqlite3.connect(tmp_path / "leasehold.db") as database:
        database.execute("UPDATE schema_version SET version_num = ?", [version])
    database.close()
    said = run("tasks", "ls")
    assert (said.code, said.err.count("\n")) == (3, 1)
    assert sentence in said.err


@pytest.mark.parametrize(
    ("ledger", "sentence"),
    [
        ("/proc/jobs.db", "it cannot be opened. Check that its folder exists and that this user may write there."),
        ("gone/jobs.db", "it cannot be opened. Check that its folder exists and that this user may write there."),
        ("rows.csv", "the file is no SQLite database, or is encrypted. Name another file, or move this one away."),
    ],
)
def test_a_ledger_that_cannot_be_opened_is_one_sentence(run: Command, ledger: str, sentence: str) -> None:
    said = run(*SUBMIT, "source=a", "--ledger", ledger)
    assert (said.code, said.out, said.err.count("\n")) == (3, "", 1)
    assert sentence in said.err


def test_what_would_destroy_is_refused_where_nobody_can_be_asked(run: Command) -> None:
    task = run(*SUBMIT, "source=a").out.strip()
    said = run("tasks", "cancel", task)
    assert said.code == 2
    assert said.err.startswith("leasehold: cancel 1 task? Nobody can be asked here: add --yes to do it, or --dry-run")
    assert run("tasks", "cancel", task, "--dry-run").out == "Would cancel 1 task; nothing was done.\n"
    assert run("tasks", "show", task, "--json").json["status"] == "pending"


def test_a_task_is_cancelled_and_retried_by_id(run: Command) -> None:
    task = run(*SUBMIT, "source=a").out.strip()
    assert run("tasks", "cancel", task, "--yes", "--reason", "too dear").out == "Cancelled 1 task.\n"
    assert run("tasks", "show", task, "--json").json["reason"].endswith(": too dear")
    assert run("tasks", "cancel", task, "--yes", "--json").json == {
        "changed": [],
        "left": [{"id": task, "reason": "it is cancelled already"}],
    }
    assert run("tasks", "retry", task).out == "Will retry 1 task.\n"


def test_tasks_are_changed_by_filter_as_an_operation(run: Command) -> None:
    run(*SUBMIT, "source=a", "--batch", "one two")
    looked = run("tasks", "cancel", "--filter", 'batch:"one two"', "--dry-run", "--json").json
    assert looked == {"dry_run": True, "matching": 1, "concerned": 1, "more": False, "operation": None}
    retried = run("tasks", "retry", "--filter", 'batch:"one two"', "--dry-run").out
    assert retried.endswith("1 task matches now, 0 of them would change. Nothing was done.\n")
    asked = run("tasks", "cancel", "--filter", 'batch:"one two"', "--yes", "--json").json
    operation = asked["operation"]["id"]
    assert run("operations", "ls", "--json").lines[0]["id"] == operation
    assert run("operations", "cancel", operation).out == f"Operation {operation} is stopped.\n"
    assert run("operations", "cancel", operation, "--json").json == {"id": operation, "cancelled": False}


def test_init_can_be_repeated(run: Command, tmp_path: Path) -> None:
    assert run("init", "--ledger", "a.db").out.startswith(f"made     ledger {tmp_path}/a.db: ")
    assert run("init", "--ledger", "a.db").out.startswith(f"ok       ledger {tmp_path}/a.db: ")
    assert run("init", "--ledger", "a.db", "--json").json["made"] is False


def test_a_column_without_a_name_can_be_left_out(run: Command, tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(",source\n0,a.wav\n", encoding="utf-8")
    assert run("run", "jobs.py:transcribe", "index.csv").err.endswith("To leave the column out: --ignore ''\n")
    said = run("run", "jobs.py:transcribe", "index.csv", "--ignore", "", "--dry-run")
    assert (said.code, said.err) == (0, "")


def test_a_ledger_of_this_version_needs_no_migration(run: Command, tmp_path: Path) -> None:
    run("init")
    assert run("migrate").out == f"The ledger has schema {SCHEMA_VERSION}, as it should.\n"
    assert run("migrate", "--dry-run", "--json").json["migrated"] is False
    (tmp_path / "new.db").touch()
    assert run("migrate", "--ledger", "new.db", "--dry-run").out.startswith("Would bring the ledger from schema none")
    assert run("migrate", "--ledger", "new.db").code == 2
    assert (
        run("migrate", "--ledger", "new.db", "--yes").out
        == f"Brought the ledger from schema none to {SCHEMA_VERSION}.\n"
    )


@pytest.mark.parametrize(
    ("version", "sentence"),
    [("9999", "made by a newer Leasehold"), ("0000", f"no step leads from its schema to {SCHEMA_VERSION}")],
)
def test_a_migration_that_leads_nowhere_is_one_sentence(
    run: Command, tmp_path: Path, version: str, sentence: str
) -> None:
    run("init")
    with sqlite3.connect(tmp_path / "leasehold.db") as database:
        database.execute("UPDATE schema_version SET version_num = ?", [version])
    database.close()
    said = run("migrate", "--yes")
    assert (said.code, said.out, said.err.count("\n")) == (3, "", 1)
    assert sentence in said.err
    assert run("migrate").code == (3 if version == "9999" else 2)  # it does not ask for what it cannot do


def test_a_role_that_cannot_leave_its_mark_beside_the_ledger_says_so(tmp_path: Path) -> None:
    """As in a folder that is mounted read-only. These tests may run as root, whom no permission stops."""
    (tmp_path / "a.db-workers").mkdir()
    presence = Presence(tmp_path / "a.db")
    with pytest.raises(LedgerUnavailable, match=r"a\.db-workers cannot be opened \(Is a directory\)\. Give this user"):
        presence.anyone("worker")
    with pytest.raises(LedgerUnavailable, match="Is a directory"), presence.of("worker"):
        pass


def test_a_wait_that_is_over_before_anything_ends_exits_with_2(run: Command) -> None:
    task = run(*SUBMIT, "source=a").out.strip()
    said = run("wait", task, "--timeout", "1ms")
    assert (said.code, said.out) == (2, "none ended, 1 not ended in time\n")
    assert said.err == (
        "Nobody serves this ledger now, and waiting starts nothing: run leasehold orchestrator and leasehold worker "
        "in another terminal.\n"
    )
