"""Which recordings the demo transcribes, and what goes wrong with which of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
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
EARLY: Final = (*FIRST, DAMAGED, FAILS_TWICE, SLOT_KILL)
FIRST_OF_ALL: Final = 1
"""Priority of what goes wrong: when it is tried again, it does not wait behind the others."""


Arguments = dict[str, str | float]


class Item(NamedTuple):
    """One task of the batch."""

    source: Path
    trouble: Trouble = Trouble()
    spoken: str | None = None  # what was said, where that is known
    ends_well: bool = True  # False: it must fail for good
    priority: int = 0


class Plan(NamedTuple):
    """The whole batch, in order."""

    batch: str
    items: list[Item]
    folder: Path | None = None  # of the user's own recordings

    def arguments(self) -> Mapping[int, list[Arguments]]:
        """Return each task's arguments, in order, by priority: the highest first."""
        found: dict[int, list[Arguments]] = {}
        for item in sorted(self.items, key=lambda item: -item.priority):
            found.setdefault(item.priority, []).append(self.of(item))
        return found

    def of(self, item: Item) -> Arguments:
        """Return the arguments of one task."""
        if self.folder is not None:
            return {"source": str(item.source)}
        model, trouble = Model.GRAMMAR.value, str(item.trouble)
        return {"source": str(item.source), "pace": PACE, "model": model, "trouble": trouble}


class NothingToTranscribe(UsageError):
    """The folder holds no WAV files, or cannot be read."""


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
    items = [
        Item(RECORDINGS / name, troubles.get(name, Trouble()), words, priority=FIRST_OF_ALL if name in EARLY else 0)
        for name, words in spoken.items()
    ]
    items.append(Item(damage(RECORDINGS / FIRST[0], scratch / DAMAGED), ends_well=False, priority=FIRST_OF_ALL))
    return Plan("demo", sorted(items, key=position))


def own(folder: Path) -> Plan:
    """Plan all WAV files of a folder, as fast as they go and without faults. Raises NothingToTranscribe.

    Where `talk.txt` stands beside `talk.wav`, it is what was said there.
    """
    folder = folder.expanduser().resolve()
    sources = [path for path in listed(folder) if path.suffix.lower() in {".wav", ".wave"} and path.is_file()]
    if not sources:
        raise NothingToTranscribe(f"there are no WAV files in {folder}; put recordings there, or name another folder")
    return Plan(str(folder), [Item(source, spoken=beside(source)) for source in sources], folder)


def listed(folder: Path) -> list[Path]:
    """Return what is in a folder, by name."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError as error:
        raise NothingToTranscribe(f"there is no folder {folder}; name one that holds WAV files") from error
    except NotADirectoryError as error:
        raise NothingToTranscribe(f"{folder} is a file; name the folder that holds your WAV files") from error
    except PermissionError as error:
        raise NothingToTranscribe(f"{folder} may not be read by this user; allow that, or name another") from error


def beside(source: Path) -> str | None:
    """Return the words of the text file beside a recording, if there is one that can be read."""
    try:
        text = source.with_suffix(".txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return " ".join(re.findall(r"[\w']+", text.lower())) or None


def transcripts() -> Mapping[str, str]:
    """Return the words spoken in each shipped recording, by file name."""
    spoken: dict[str, str] = json.loads((RECORDINGS / "transcripts.json").read_text(encoding="utf-8"))
    return spoken


def position(item: Item) -> tuple[int, str]:
    """Where an item stands: first what must be under way when the faults strike, then by name."""
    name = item.source.name
    return (EARLY.index(name) if name in EARLY else len(EARLY), name)


def damage(source: Path, target: Path) -> Path:
    """Write the beginning of a recording, as a copy would that was cut short."""
    data = source.read_bytes()
    target.write_bytes(data[: round(len(data) * KEPT_OF_DAMAGED)])
    return target
