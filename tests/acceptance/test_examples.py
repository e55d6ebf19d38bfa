"""The examples run as they stand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leasehold.demo.plan import RECORDINGS
from tests.tooling.repository import ROOT

pytest.importorskip("pocketsphinx", reason="no wheel for this machine")


def transcribe(folder: Path, *files: str) -> list[str]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "transcribe.py"), *files],
        cwd=folder,
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return sorted(ran.stdout.splitlines())


def test_transcribe_tells_words_and_failures_and_does_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_text("no sound at all")
    files = [str(RECORDINGS / "silver-star-1.wav"), "noise.wav"]
    first = transcribe(tmp_path, *files)
    words, failure = first
    assert words.startswith("silver-star-1.wav: ")
    assert len(words.split()) > 4, "the general model hears something, if not the right thing"
    assert "noise.wav is not readable audio" in failure
    assert transcribe(tmp_path, *files) == first
