"""What a process says of itself: lines for people, or objects for whoever collects logs."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

import leasehold
from leasehold.logs import JsonLines, PrettyLines, set_up_logging

PROGRAM = """
from leasehold import App, TaskFailed, Unrecoverable

app = App("talks")

@app.task(lease="1m")
def fail() -> None:
    raise Unrecoverable("two\\nlines")

if __name__ == "__main__":
    handle = fail.submit()
    try:
        handle.result(timeout=100)
    except TaskFailed:
        print(handle.id)
"""


def test_a_run_is_told_with_its_ids_as_one_object_a_line(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(PROGRAM)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LEASEHOLD_")}
    environ |= {
        "PYTHONPATH": str(Path(leasehold.__file__).parents[1]),
        "LEASEHOLD_LOG_FORMAT": "json",
        "LEASEHOLD_LOG_LEVEL": "debug",
    }
    done = subprocess.run(
        [sys.executable, "jobs.py"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    (told,) = (line for line in lines if "task" in line)
    assert told["task"] == done.stdout.strip()
    assert told["run"]
    assert told["worker"]
    assert (told["level"], told["logger"]) == ("debug", "leasehold.worker")
    assert told["message"].endswith("is over, failed: Unrecoverable: two\nlines")
    (whole,) = (line for line in lines if line["message"].startswith("draining: "))
    assert whole["worker"] == told["worker"]
    assert "task" not in whole


def test_an_error_comes_with_its_traceback_and_stays_on_one_line() -> None:
    broken = ValueError("a\nb")
    about = (type(broken), broken, None)
    line = JsonLines().format(logging.LogRecord("leasehold.x", logging.ERROR, "", 1, "it %s", ("broke",), about))
    assert "\n" not in line
    said = json.loads(line)
    assert said["message"] == "it broke"
    assert said["error"] == "ValueError: a\nb"
    assert said["time"].endswith("+00:00")


def test_what_stands_in_a_message_is_no_record_and_moves_no_cursor() -> None:
    forged = "two\n2026-11-22 22:00:00,000 CRITICAL leasehold.service: it is over\x1b[2J\x9b1A\r\u202e"
    broken = ValueError(forged)
    about = (type(broken), broken, None)
    text = PrettyLines().format(logging.LogRecord("leasehold.x", logging.ERROR, "", 1, "it %s", (forged,), about))
    first, *others = text.split("\n")
    assert first.endswith(" ERROR leasehold.x: it two")
    assert len(others) == 3
    assert all(line.startswith("    ") for line in others)
    assert text.replace("\n", "").isprintable()


def test_half_a_character_breaks_no_collector() -> None:
    about = {"task": "t\ud800"}
    record = logging.getLogger("leasehold.x").makeRecord(
        "leasehold.x", logging.ERROR, "", 1, "no file %s", ("a\udcff\U0001f3b5.wav",), None, extra=about
    )
    said = json.loads(JsonLines().format(record))
    assert (said["message"], said["task"]) == ("no file a\ufffd\U0001f3b5.wav", "t\ufffd")


SOMEBODY_ELSE = """
import logging
from leasehold.logs import set_up_logging
set_up_logging("info", "json")
logging.getLogger("urllib3").warning("two\\nlines")
logging.getLogger("urllib3").info("not worth a line")
logging.getLogger("leasehold.x").info("ours")
"""


def test_libraries_warn_in_the_same_form() -> None:
    environ = os.environ | {"PYTHONPATH": str(Path(leasehold.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", SOMEBODY_ELSE], env=environ, capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["logger"], line["message"]) for line in lines] == [("urllib3", "two\nlines"), ("leasehold.x", "ours")]


def test_for_people_it_stays_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    kept = logging.getLogger("leasehold").handlers[:], logging.getLogger("leasehold").propagate
    try:
        set_up_logging("info")
        logging.getLogger("leasehold.x").info("said %s", 1, extra={"task": "t"})
        assert capsys.readouterr().err.endswith(" INFO leasehold.x: said 1\n")
    finally:
        logging.getLogger("leasehold").handlers[:], logging.getLogger("leasehold").propagate = kept
        logging.getLogger("leasehold").setLevel(logging.NOTSET)
