"""Draw the life of a task, from the transition table, into `docs/states.md`.

Run it with Leasehold importable: `python scripts/draw_states.py`. A test holds the committed page to the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from leasehold.core.transitions import NEW, TABLE, Transition

PAGE: Final = Path(__file__).parents[1] / "docs" / "states.md"
BEGIN: Final = "<!-- drawn by scripts/draw_states.py from leasehold.core.transitions.TABLE: do not edit below -->"
END: Final = "<!-- end of what is drawn -->"


class Part(NamedTuple):
    """One diagram: its title, a sentence, and the kinds of line that it shows."""

    title: str
    sentence: str
    kinds: tuple[str, ...]


PARTS: Final = (
    Part(
        "The straight road",
        "What happens when nothing goes wrong. A success may come late; it counts from wherever the task stands then.",
        ("submitted", "due", "dispatched", "started", "completed"),
    ),
    Part(
        "What workers report of a run that did not succeed",
        "`failed` is the code's fault and spends an attempt; `released` and `refused` cost nothing.",
        ("failed", "released", "refused", "draining", "overlap", "late"),
    ),
    Part(
        "What silence means",
        "Nobody reports these. The clock, the queue or the platform says so.",
        ("lapsed", "recalled", "lost", "expired", "unbundled", "dead-lettered", "unsendable", "voided", "refunded"),
    ),
    Part(
        "What people and other tasks do",
        "A cancel works at once, whatever a run still does. A retry gives fresh budgets.",
        ("cancelled", "retried", "parent-ended"),
    ),
)


def main() -> None:
    """Write the page anew."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


def page(old: str) -> str:
    """The page with its drawn part replaced."""
    head, _, rest = old.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{drawn(TABLE)}\n{END}{tail}"


def drawn(table: Sequence[Transition]) -> str:
    """All diagrams, each with its table. Raises ``LookupError`` for a kind that no diagram shows."""
    if forgotten := {row.kind for row in table} - {kind for part in PARTS for kind in part.kinds}:
        raise LookupError(f"no part of scripts/draw_states.py shows {', '.join(sorted(forgotten))}")
    return "\n".join(line for part in PARTS for line in section(part, table))


def section(part: Part, table: Sequence[Transition]) -> Iterator[str]:
    """One diagram and its table."""
    rows = [row for kind in part.kinds for row in table if row.kind == kind]
    yield from (f"## {part.title}", "", part.sentence, "", "```mermaid", "stateDiagram-v2")
    yield from (f"    {identifier(state)} : {state}" for state in states(rows) if identifier(state) != state)
    yield from (f"    {arrow}" for arrow in arrows(rows))
    yield from ("```", "", "| line of the trail | takes a task from | to | or leaves it in |", "|---|---|---|---|")
    for row in rows:
        yield f"| `{row.kind}` | {named(row.before)} | {named(row.after)} | {named(row.stays)} |"
    yield ""


def states(rows: Iterable[Transition]) -> list[str]:
    """Every state that a diagram needs, once; the dot before the first one is no state."""
    found = dict.fromkeys(state for row in rows for state in (*row.before, *row.after))
    return [state for state in found if state != NEW]


def arrows(rows: Iterable[Transition]) -> Iterator[str]:
    """One arrow per pair of states, with every kind that takes that way. What stays is in the table only."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for before in row.before:
            for after in row.after:
                if after != before:
                    kinds.setdefault((before, after), []).append(row.kind)
    for (before, after), through in kinds.items():
        yield f"{identifier(before)} --> {identifier(after)} : {', '.join(dict.fromkeys(through))}"


def identifier(state: str) -> str:
    """A state as Mermaid takes names: `pending/due` is `due`."""
    return "[*]" if state == NEW else state.rpartition("/")[2]


def named(states: Iterable[str]) -> str:
    """States in a cell of a table."""
    return ", ".join(f"`{state}`" for state in states)


if __name__ == "__main__":
    main()
