"""The one module that knows pocketsphinx: sound in, words out.

Words are those of CMU pocketsphinx 5.0.4 with the US English model inside its package; nothing is downloaded.
"""

from __future__ import annotations

import importlib
from array import array
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, cast

from leasehold.core.errors import LeaseholdError
from leasehold.demo.pauses import Bounds

GRAMMAR: Final = Path(__file__).parent / "recordings" / "harbour.gram"


class Model(StrEnum):
    """What the recogniser expects to hear."""

    GRAMMAR = "grammar"  # the sentences of the shipped recordings
    GENERAL = "general"  # any English


BOUNDS: Final = {
    Model.GRAMMAR: Bounds(pause=0.14, speech=0.2, longest=5.0, hush=0.05),
    Model.GENERAL: Bounds(pause=0.35, speech=1.0, longest=15.0, hush=0.1),  # a word is understood by its neighbours
}


class Hypothesis(Protocol):
    """What pocketsphinx thinks it heard."""

    hypstr: str


class Decoder(Protocol):
    """The part of `pocketsphinx.Decoder` that is used here."""

    def start_utt(self) -> None:
        """Begin an utterance."""
        ...

    def process_raw(self, data: bytes, *, full_utt: bool) -> int:
        """Decode 16-bit samples; `full_utt` says that they are the whole utterance."""
        ...

    def end_utt(self) -> None:
        """End the utterance."""
        ...

    def hyp(self) -> Hypothesis | None:
        """Return what was heard, or None."""
        ...

    def lookup_word(self, word: str) -> str | None:
        """Return how the model pronounces a word, or None if it does not know it."""
        ...


class DecoderFactory(Protocol):
    """`pocketsphinx.Decoder` itself."""

    def __call__(self, **config: str) -> Decoder:
        """Load a model."""
        ...


class SpeechUnavailable(LeaseholdError):
    """This Python has no speech recogniser: install it, or use a Python that has one."""


class Recogniser:
    """One loaded model. What it hears in a piece of sound does not depend on what it heard before."""

    def __init__(self, decoder: Decoder, bounds: Bounds) -> None:
        self.decoder = decoder
        self.bounds = bounds

    def hear(self, samples: array[int]) -> str:
        """Return the words in 16-bit samples at the model's rate; empty if there are none."""
        self.decoder.start_utt()
        # As one whole utterance its level is normalised over itself, not over whatever this process decoded earlier:
        # a resumed run hears exactly what the lost one would have heard.
        self.decoder.process_raw(samples.tobytes(), full_utt=True)
        self.decoder.end_utt()
        heard = self.decoder.hyp()
        return heard.hypstr if heard else ""


def load(model: Model) -> Recogniser:
    """Load a model: about 0.3 s, so once per process. Raises SpeechUnavailable where pocketsphinx is missing."""
    search = {"jsgf": str(GRAMMAR)} if model is Model.GRAMMAR else {}
    return Recogniser(decoder_factory()(loglevel="FATAL", **search), BOUNDS[model])


def decoder_factory() -> DecoderFactory:
    """Find pocketsphinx, which has no type stubs and may be absent."""
    try:
        module = importlib.import_module("pocketsphinx")
    except ImportError as error:
        message = (
            "the demo needs the speech recogniser pocketsphinx 5.0.4. Install it with: pip install 'leasehold[demo]' "
            "(it has wheels for Python 3.11, 3.12 and 3.13 on x86-64 Linux, macOS and Windows)"
        )
        raise SpeechUnavailable(message) from error
    return cast("DecoderFactory", module.Decoder)
