"""What a run left behind: its files as hashes, and the first difference between two of them in words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

EVERYTHING = (".",)
READ = 1 << 20
SHOWN = 60
"""Characters of a line that are shown."""


class Output(NamedTuple):
    """One file: what is in it, how long it is, and whether it is a folder or a link."""

    kind: str
    size: int
    digest: str


Tree = Mapping[str, Output]


def tree(place: Path, patterns: Sequence[str]) -> Tree:
    """Every file that these globs and folders name below ``place``, by its path."""
    found: dict[str, Output] = {}
    for pattern in patterns or EVERYTHING:
        for path in named(place, pattern):
            for each in [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]:
                if each != place:
                    found[each.relative_to(place).as_posix()] = output(each)
    return found


def named(place: Path, pattern: str) -> list[Path]:
    """What one glob or folder names; a link that leads nowhere too, which a glob does not find."""
    if pattern in EVERYTHING:
        return [place]
    path = place / pattern
    return [path] if path.is_symlink() else sorted(place.glob(pattern.rstrip("/")))


def output(path: Path) -> Output:
    """One file, folder or link; links are not followed."""
    if path.is_symlink():
        target = str(path.readlink())
        return Output("link", len(target), hashlib.sha256(target.encode()).hexdigest())
    if path.is_dir():
        return Output("folder", 0, "")
    if not path.is_file():
        return Output("device", 0, "")
    with path.open("rb") as file:
        return Output("file", path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def difference(expected: Path, found: Path, patterns: Sequence[str]) -> str | None:
    """The first difference between the outputs in two folders, as one sentence; ``None`` where there is none."""
    before, after = tree(expected, patterns), tree(found, patterns)
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            return f"{before[name].kind} {name} is missing"
        if name not in before:
            return f"{after[name].kind} {name} ({after[name].size:,} bytes) is not there after an undisturbed run"
        if before[name] != after[name]:
            return differs(name, expected / name, found / name, before[name], after[name])
    return None


def differs(name: str, expected: Path, found: Path, before: Output, after: Output) -> str:
    """How two files of one name differ."""
    if {before.kind, after.kind} != {"file"}:
        return f"{name} is a {after.kind}, or leads elsewhere, and was a {before.kind}"
    size = f"{after.size:,} bytes instead of {before.size:,}" if after.size != before.size else f"{after.size:,} bytes"
    return f"file {name} has {size}; {where(expected, found)}"


def where(expected: Path, found: Path) -> str:
    """Where two files begin to differ."""
    with expected.open("rb") as one, found.open("rb") as other:
        line, at = 1, 0
        left, right = one.readline(READ), other.readline(READ)
        while left == right and left:
            line, at = line + left.endswith(b"\n"), at + len(left)
            left, right = one.readline(READ), other.readline(READ)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
    return f"the first difference is at byte {at + alike:,}, line {line:,}: {shown(right)} instead of {shown(left)}"


def shown(line: bytes) -> str:
    """A line as people can read it."""
    if not line:
        return "the end"
    text = line.rstrip(b"\n").decode(errors="backslashreplace")
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 3] + "...")
