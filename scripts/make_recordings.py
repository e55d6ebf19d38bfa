"""Speak the demo's recordings with espeak-ng, and write the spoken words beside them.

Run it with Leasehold importable and espeak-ng installed (Debian, Ubuntu: apt-get install espeak-ng). The same espeak-ng
gives the same bytes; the committed ones are of espeak-ng 1.51.
"""

from __future__ import annotations

import json
import random
import subprocess
import wave
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from leasehold.demo.resample import MODEL_RATE, resample
from leasehold.demo.wav import open_recording

FOLDER: Final = Path(__file__).parents[1] / "src" / "leasehold" / "demo" / "recordings"
CEILING: Final = 2_000_000  # bytes of all recordings and transcripts together
LEAD: Final = 0.06  # seconds of silence before the first clause
GAP: Final = 0.18  # seconds of silence after each clause but the last
TAIL: Final = 0.06  # seconds of silence after the last: too short to be a segment of its own
HISS: Final = 6  # loudest noise under everything, out of 32,767: no room is as silent as a row of zeros
AUDIBLE: Final = 0.03  # of the loudest sample: what is softer at the ends of a clause is trimmed


class Voice(NamedTuple):
    """One of espeak-ng's voices, its words per minute, and its pitch of 0 to 99."""

    name: str
    speed: int
    pitch: int


ADAM: Final = Voice("en-us+adam", 250, 50)
EDWARD: Final = Voice("en-us+edward", 250, 45)
KLATT: Final = Voice("en-us+klatt4", 250, 60)
FAITH: Final = Voice("en-us+f2", 245, 50)
RADIO: Final = Voice("en-us+announcer", 270, 50)
MARTIN: Final = Voice("en-us+m1", 230, 50)
GENE: Final = Voice("en-us+Gene", 230, 50)

SPOKEN: Final = [
    ("silver-star-1", ADAM, "silver star arrives, at noon, five tons of coffee"),
    ("silver-star-2", FAITH, "send the pilot, terminal two is ready, at midnight"),
    ("silver-star-3", KLATT, "silver star is waiting, strong north wind, at nine"),
    ("silver-star-4", EDWARD, "silver star departs, twelve boxes of copper, at sunset"),
    ("northern-light-1", RADIO, "northern light departs, at seven, gentle east wind"),
    ("northern-light-2", ADAM, "thirty barrels of salt, dock five is closed, at noon"),
    ("northern-light-3", KLATT, "northern light arrives, return the tugboat, at eleven"),
    ("northern-light-4", MARTIN, "at midnight, northern light is waiting, strong west wind"),
    ("blue-heron-1", EDWARD, "blue heron is waiting, terminal nine is occupied, at seven"),
    ("blue-heron-2", FAITH, "blue heron arrives, at sunrise, forty boxes of apples"),
    ("blue-heron-3", ADAM, "send the doctor, blue heron departs, at eleven"),
    ("blue-heron-4", KLATT, "two tons of machinery, gentle south wind, at noon"),
    ("golden-eagle-1", FAITH, "golden eagle departs, at nine, dock three is ready"),
    ("golden-eagle-2", EDWARD, "golden eagle arrives, twenty tons of timber, at midnight"),
    ("golden-eagle-3", GENE, "return the inspector, golden eagle is waiting, at seven"),
    ("golden-eagle-4", ADAM, "strong east wind, at sunset, seven barrels of cotton"),
    ("morning-glory-1", KLATT, "morning glory arrives, at sunrise, send the tugboat"),
    ("morning-glory-2", RADIO, "morning glory is waiting, dock eleven is closed, at noon"),
    ("morning-glory-3", EDWARD, "three boxes of paper, morning glory departs, at nine"),
    ("old-captain-1", ADAM, "old captain departs, gentle west wind, at eleven"),
    ("old-captain-2", FAITH, "old captain is waiting, return the doctor, at sunset"),
    ("old-captain-3", KLATT, "old captain arrives, at seven, forty tons of salt"),
    ("old-captain-4", EDWARD, "send the inspector, strong south wind, at midnight"),
]


def speak(clause: str, voice: Voice, scratch: Path) -> array[int]:
    """Let espeak-ng say one clause; return its samples at the model's rate, without the silence around them."""
    command = ["espeak-ng", "-v", voice.name, "-s", str(voice.speed), "-p", str(voice.pitch), "-w", str(scratch)]
    subprocess.run([*command, clause], check=True)
    raw = open_recording(scratch)
    samples = array("h")
    for block in resample(raw.samples(), raw.layout.rate):
        samples.extend(block)
    threshold = AUDIBLE * max(map(abs, samples))
    loud = [index for index, sample in enumerate(samples) if abs(sample) > threshold]
    return samples[loud[0] : loud[-1] + 1]


def silence(seconds: float) -> array[int]:
    """Return samples at zero."""
    return array("h", bytes(2 * round(seconds * MODEL_RATE)))


def record(name: str, clauses: list[str], voice: Voice, scratch: Path) -> bytes:
    """Say the clauses with pauses between them, over a little noise; return 16-bit samples."""
    samples = silence(LEAD)
    for clause in clauses:
        samples += speak(clause, voice, scratch) + silence(GAP)
    del samples[-round((GAP - TAIL) * MODEL_RATE) :]
    noise = random.Random(name)  # noqa: S311 - the same noise each time is wanted
    return array("h", [max(-32_768, min(32_767, sample + noise.randint(-HISS, HISS))) for sample in samples]).tobytes()


def main() -> None:
    """Write all recordings and their transcripts, and check that they stay small."""
    transcripts: dict[str, str] = {}
    with TemporaryDirectory() as scratch:
        for name, voice, text in SPOKEN:
            clauses = text.split(", ")
            data = record(name, clauses, voice, Path(scratch) / "clause.wav")
            with wave.open(str(FOLDER / f"{name}.wav"), "wb") as file:
                file.setparams((1, 2, MODEL_RATE, 0, "NONE", "not compressed"))
                file.writeframes(data)
            transcripts[f"{name}.wav"] = " ".join(clauses)
            print(f"{name}.wav  {len(data) / 2 / MODEL_RATE:.2f} s  {voice.name}")
    (FOLDER / "transcripts.json").write_text(json.dumps(transcripts, indent=2) + "\n")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(transcripts)} recordings, {size:,} bytes")
    if size > CEILING:
        raise SystemExit(f"make_recordings: {size:,} bytes are more than {CEILING:,}; say less or faster")


if __name__ == "__main__":
    main()
