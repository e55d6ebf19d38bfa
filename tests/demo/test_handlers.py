from __future__ import annotations

import pytest

from leasehold.core.model import Status
from leasehold.demo.handlers import transcribe, transcribe_own
from leasehold.demo.plan import RECORDINGS, transcripts
from leasehold.demo.wer import score
from leasehold.testing import run_inline

NAME = "silver-star-1.wav"
pytest.importorskip("pocketsphinx", reason="no wheel for this machine")


def test_a_handler_is_an_ordinary_function() -> None:
    found = transcribe(str(RECORDINGS / NAME))
    assert score(transcripts()[NAME], found["text"]).rate <= 0.2
    assert found["starts"] == [0.0]


def test_as_a_task_it_fails_twice_when_told_to_and_then_works() -> None:
    with run_inline(transcribe.app):
        handle = transcribe.submit(str(RECORDINGS / NAME), trouble="fail-twice")
        assert handle.result()["starts"] == [0.0, 0.0, 0.0]
        assert handle.view().task.attempts == 2


def test_one_that_is_not_audio_fails_for_good_at_once() -> None:
    with run_inline(transcribe_own.app):
        outcome = transcribe_own.submit(str(RECORDINGS / "transcripts.json")).outcome()
        assert outcome.status is Status.FAILED
        assert outcome.reason == (
            "transcripts.json is not readable audio: it does not begin like a WAV file; convert it to WAV first"
        )
