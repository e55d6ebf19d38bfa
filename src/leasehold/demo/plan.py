"""Which recordings the demo transcribes, and what goes wrong with which of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from leasehold.core.errors import UsageError
from leasehold.demo.recogniser import Model
from leasehold.demo.trouble import Kind, Trouble

RECORDINGS: Final = Path(__file__).parent / "recordings"
PACE: Final = 1.25  # seconds of sound per second: a recording takes about two, so faults find work under way
KEPT_OF_DAMAGED: Final = 0.6  # of the file, as after a copy that was cut short

NODE_KILL: Final = "blue-heron-2.wav"
SLOT_KILL: Final = "golden-eagle-2.wav"
FAILS_TWICE: Final = "morning-glory-1.wav"
DAMAGED: Final = "damaged.wav"
FIRST: Final = ("silver-star-1.wav", NODE_KILL, "silver-star-4.wav", "blue-heron-1.wav")
"""What the slots begin with: whichever node has the run that calls for its death holds another run beside it."""


class Item(NamedTuple):
    """One task of the batch."""

    source: Path
    trouble: Trouble = Trouble()
    spoken: str | None = None  # what was said, where that is known
    ends_well: bool = True  # False: it must fail for good


class Plan(NamedTuple):
    """The whole batch, in order."""

    items: list[Item]
    model: Model
    pace: float

    def arguments(self) -> Iterator[dict[str, str | float]]:
        """Return each task's arguments."""
        for item in self.items:
            yield {
                "source": str(item.source),
                "pace": self.pace,
                "model": self.model.value,
                "trouble": str(item.trouble),
            }


class NothingToTranscribe(UsageError):
    """The folder holds no WAV files."""


def shipped(scratch: Path) -> Plan:
    """Plan the shipped recordings and one damaged copy, with a fault of each kind.

    `scratch` is an existing folder that the workers can read: the damaged copy is made there, and there the file will
    appear that calls for a node to be killed.
    """
    spoken = transcripts()
    troubles = {
        NODE_KILL: Trouble(Kind.KILL_NODE, scratch / "kill-my-node"),
        SLOT_KILL: Trouble(Kind.KILL_SLOT),
        FAILS_TWICE: Trouble(Kind.FAIL_TWICE),
    }
    items = [Item(RECORDINGS / name, troubles.get(name, Trouble()), spoken[name]) for name in in_order(spoken)]
    items.insert(len(FIRST), Item(damage(RECORDINGS / FIRST[0], scratch / DAMAGED), ends_well=False))
    return Plan(items, Model.GRAMMAR, PACE)


def own(folder: Path) -> Plan:
    """Plan all WAV files of a folder, as fast as they go and without faults. Raises NothingToTranscribe."""
    sources = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".wav", ".wave"})
    if not sources:
        raise NothingToTranscribe(f"there are no WAV files in {folder}; put recordings there, or name another folder")
    return Plan([Item(source) for source in sources], Model.GENERAL, pace=0.0)


def transcripts() -> Mapping[str, str]:
    """Return the words spoken in each shipped recording, by file name."""
    spoken: dict[str, str] = json.loads((RECORDINGS / "transcripts.json").read_text(encoding="utf-8"))
    return spoken


def in_order(names: Mapping[str, str]) -> list[str]:
    """Put first what must be under way when the faults strike; the others follow by name."""
    return [*FIRST, *sorted(set(names) - set(FIRST))]


def damage(source: Path, target: Path) -> Path:
    """Write the beginning of a recording, as a copy would that was cut short."""
    data = source.read_bytes()
    target.write_bytes(data[: round(len(data) * KEPT_OF_DAMAGED)])
    return target
