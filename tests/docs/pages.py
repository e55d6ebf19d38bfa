"""The pages of the documentation, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.tooling.repository import ROOT, files

FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<word>[\w-]*)(?P<more>[^\n]*)\n(?P<text>.*?)^(?P=fence)$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<to>[^)\s]+)\)")
HEADING = re.compile(r"^#+ +(?P<title>.+)$", re.MULTILINE)
CODE = re.compile(r"(`+)[^`].*?\1")


class Block(NamedTuple):
    """One fenced block: the language it names, and its text."""

    language: str
    text: str


class Link(NamedTuple):
    """One relative link: the page that has it, and where it leads as it is written there."""

    page: Path
    to: str


def pages() -> list[Path]:
    """Every Markdown file of the repository."""
    return files("*.md")


def text_of(name: str) -> str:
    """A page by its name from the root."""
    return (ROOT / name).read_text("utf-8")


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(found["word"], found["text"]) for found in FENCE.finditer(text)]


def prose(text: str) -> str:
    """A page without its fenced blocks and without code inside lines."""
    return CODE.sub("", FENCE.sub("", text))


def links(page: Path) -> Iterator[Link]:
    """Every link of a page that leads to a file of the repository."""
    for found in LINK.finditer(prose(page.read_text("utf-8"))):
        if not re.match(r"[a-z]+:", found["to"]):
            yield Link(page, found["to"])


def anchors(page: Path) -> set[str]:
    """Where links may lead inside a page: its headings, as code hosts name them."""
    return {anchor(found["title"]) for found in HEADING.finditer(FENCE.sub("", page.read_text("utf-8")))}


def anchor(title: str) -> str:
    """A heading as code hosts name it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    below = text.split(f"# {heading}\n", 1)[1]
    rows = re.findall(r"^\|(.*)\|$", re.split(r"^#", below, maxsplit=1, flags=re.MULTILINE)[0], re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in rows[2:]]
