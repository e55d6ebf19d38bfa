from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from leasehold.demo.listen import Segment, recognise
from leasehold.demo.plan import RECORDINGS, damage, transcripts
from leasehold.demo.recogniser import GRAMMAR, Model, Recogniser, SpeechUnavailable, load
from leasehold.demo.wav import UnreadableAudio, open_recording
from leasehold.demo.wer import overall, score
from tests.demo.fakes import unpaced
from tests.demo.sounds import write_wav

SPOKEN = transcripts()


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    pytest.importorskip("pocketsphinx", reason="no wheel for this machine")
    return load(Model.GRAMMAR)


def segments(recogniser: Recogniser, name: str, start: float = 0.0) -> list[Segment]:
    return list(recognise(open_recording(RECORDINGS / name), recogniser, unpaced(), start))


def heard(parts: list[Segment]) -> str:
    return " ".join(part.text for part in parts)


def test_the_shipped_recordings_are_as_stated() -> None:
    files = {path.name: open_recording(path) for path in RECORDINGS.glob("*.wav")}
    assert set(files) == set(SPOKEN)
    assert len(files) >= 20
    assert len(set(SPOKEN.values())) == len(SPOKEN)
    assert {(r.layout.rate, r.layout.width, r.layout.channels) for r in files.values()} == {(16_000, 2, 1)}
    assert sum(path.stat().st_size for path in RECORDINGS.iterdir()) <= 2_000_000


def test_at_most_one_word_in_twenty_of_them_is_heard_wrongly(recogniser: Recogniser) -> None:
    total = overall(score(text, heard(segments(recogniser, name))) for name, text in SPOKEN.items())
    assert total.words == 204
    assert total.rate <= 0.05


def test_each_of_them_has_a_checkpoint_per_clause(recogniser: Recogniser) -> None:
    assert {len(segments(recogniser, name)) for name in SPOKEN} == {3}


def test_a_run_taken_up_at_a_checkpoint_hears_what_the_lost_one_would_have_heard(recogniser: Recogniser) -> None:
    for name in SPOKEN:
        whole = segments(recogniser, name)
        assert segments(recogniser, name, start=whole[0].end) == whole[1:]


def test_the_same_words_are_heard_at_the_rates_and_depths_of_other_recorders(
    recogniser: Recogniser, tmp_path: Path
) -> None:
    name = "silver-star-1.wav"
    block = next(open_recording(RECORDINGS / name).samples())
    doubled = [sample / 32_768 for sample in block for _ in range(2)]  # at 32 kHz, held
    path = write_wav(tmp_path / "studio.wav", doubled, rate=32_000, bits=24, channels=2)
    parts = list(recognise(open_recording(path), recogniser, unpaced()))
    assert parts[0].text == "silver star arrives"


def test_the_model_knows_every_word_of_the_grammar(recogniser: Recogniser) -> None:
    body = re.sub(r"//.*|<\w+>|#.*|grammar \w+;|public", " ", GRAMMAR.read_text())
    words = set(re.findall(r"[a-z]+", body))
    assert words > set(" ".join(SPOKEN.values()).split())
    assert [word for word in sorted(words) if not recogniser.decoder.lookup_word(word)] == []


def test_a_damaged_copy_is_refused_before_anything_is_heard(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio, match="the file ends after"):
        open_recording(damage(RECORDINGS / "silver-star-1.wav", tmp_path / "damaged.wav"))


def test_the_general_model_hears_words_without_a_grammar() -> None:
    pytest.importorskip("pocketsphinx", reason="no wheel for this machine")
    general = load(Model.GENERAL)
    assert len(heard(segments(general, "silver-star-1.wav")).split()) > 2


def test_without_the_recogniser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(SpeechUnavailable, match=r"pip install 'leasehold\[demo\]'"):
        load(Model.GRAMMAR)


def test_the_transcripts_are_sorted_json_that_people_can_read() -> None:
    text = (RECORDINGS / "transcripts.json").read_text()
    assert json.loads(text) == dict(SPOKEN)
