"""The reference says what the code says."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

import leasehold
from leasehold.core import errors, filters
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import decode_status_message, decode_task_message
from leasehold.ports.run import Run
from leasehold.settings import KEYS, read_settings
from leasehold.testing.sqs_server import KINDS
from tests.docs.pages import blocks, table, text_of
from tests.docs.sandbox import Sandbox

PAGE = text_of("docs/reference.md")


def code(cell: str) -> list[str]:
    """What stands in backticks."""
    return cell.split("`")[1::2]


def public(kind: type) -> list[str]:
    """The members of a class that are meant for others."""
    return [name for name in vars(kind) if not name.startswith("_")]


def test_every_setting_is_listed_with_what_it_takes() -> None:
    assert {code(name)[0]: takes for name, takes, _ in table(PAGE, "Settings")} == {
        name: takes for name, (_, takes) in KEYS.items()
    }


@pytest.mark.parametrize(
    "name", ["queues", "topology", "worker_queues", "validity", "window", "payload_limit", "log_level", "term_grace"]
)
def test_the_listed_defaults_are_the_defaults(name: str, tmp_path: Path) -> None:
    (listed,) = [default for found, _, default in table(PAGE, "Settings") if code(found) == [name]]
    written = code(listed)[0] if code(listed) else listed.replace(",", "").split(".")[0]
    settings = read_settings(environ={}, folder=tmp_path)
    assert getattr(read_settings(environ={}, folder=tmp_path, **{name: written}), name) == getattr(settings, name)


def test_the_listed_margin_and_store_are_the_defaults(tmp_path: Path) -> None:
    settings = read_settings(environ={}, folder=tmp_path, ledger="jobs.db")
    assert settings.lease_margin == settings.term_grace + 1_000
    assert settings.store_folder == tmp_path / "jobs.store"


def test_every_error_is_listed() -> None:
    known = [name for name, found in inspect.getmembers(errors, inspect.isclass) if found.__module__ == errors.__name__]
    assert sorted(code(name)[0] for name, _ in table(PAGE, "Errors")) == sorted(known)


def test_every_filter_is_listed_with_its_values() -> None:
    rows = {code(key)[0]: code(meaning) for key, meaning in table(PAGE, "Filters")}
    assert set(rows) == set(filters.KEYS)
    for key, values in filters.CHOICES.items():
        assert tuple(rows[key]) == values


def test_every_filter_that_is_shown_parses() -> None:
    shown = [word for name in ("reference", "operations") for word in code(text_of(f"docs/{name}.md"))]
    words = [word for word in shown if word.lstrip("-").split(":")[0] in filters.KEYS and ":" in word]
    assert len(words) >= 8
    for word in words:
        filters.parse(word)


def test_every_kind_of_report_is_listed() -> None:
    sentence = PAGE.split("Kinds: ", 1)[1].split(".\n", 1)[0]
    assert code(sentence) == [kind.value for kind in UpdateKind]


def test_the_shown_messages_are_messages() -> None:
    task, status = [block.text for block in blocks(PAGE) if block.language == "json"]
    an_id, capability = "01a1ff79-c890-7000-92af-e173442d9ad5", "0" * 32
    for name in ('"id"', '"status_id"', '"task_id"', '"run_id"'):
        task, status = (text.replace(f'{name}: "..."', f'{name}: "{an_id}"') for text in (task, status))
    task, status = (text.replace('"capability": "..."', f'"capability": "{capability}"') for text in (task, status))
    assert decode_task_message(task).name == "transcribe"
    message = decode_status_message(status)
    assert message.malformed == []
    assert message.updates[0].result == "42"


def test_the_shown_tests_pass(tmp_path: Path) -> None:
    section = PAGE.split("## Testing your handlers", 1)[1].split("\n## ", 1)[0]
    (shown,) = [block.text for block in blocks(section)]
    sandbox = Sandbox(tmp_path)
    sandbox.write("test_jobs.py", shown)
    said = sandbox.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_jobs.py")
    assert said[-1].startswith("2 passed")


def test_the_shown_use_of_the_sqs_server_works(tmp_path: Path) -> None:
    (shown,) = [block.text for block in blocks(PAGE.split("## Testing against SQS", 1)[1])]
    sandbox = Sandbox(tmp_path)
    sandbox.write("shown.py", shown)
    sandbox.run(sys.executable, "-W", "error", "shown.py")


def test_every_fault_of_the_sqs_server_is_listed() -> None:
    section = PAGE.split("## Testing against SQS", 1)[1]
    assert [kind for kind in KINDS if f"`{kind}`" not in section] == []


def test_the_public_names_are_listed() -> None:
    sentence = PAGE.split("Everything public is in `leasehold`: ", 1)[1].split(". For", 1)[0]
    assert code(sentence) == leasehold.__all__


@pytest.mark.parametrize(
    ("heading", "members"),
    [
        ("App", {"task", "command", "submit", "cancel_where", "retry_where", "executor", "close"}),
        ("Handle", {"id", "status", "view", "result", "outcome", "cancel", "retry"}),
        ("Batch", {"name", "submitted", "existing", "failed", "rejected", "counts", "as_completed", "wait"}),
        ("The run", set(public(Run)) - {"link", "n", "r"}),
    ],
)
def test_every_member_is_listed(heading: str, members: set[str]) -> None:
    listed = " ".join(code(row[0])[0] if len(code(row[0])) == 1 else row[0] for row in table(PAGE, heading))
    assert [member for member in members if not re.search(rf"\b{member}\b", listed)] == []


def test_no_public_member_of_an_app_is_forgotten() -> None:
    listed = " ".join(row[0] for row in table(PAGE, "App"))
    for_us = {"behind", "connection"}
    assert [name for name in public(leasehold.App) if name not in for_us and f".{name}" not in listed] == []
