"""Kills the real roles at every boundary that they cross: one point, all of them, or pairs, from the command line.

::

    PYTHONPATH=src python -m tests.crash --count                             how many boundaries there are, by role
    PYTHONPATH=src python -m tests.crash --site 'sqlite two-queue' 57.after  one point, and its story
    PYTHONPATH=src python -m tests.crash --all                               every single point
    PYTHONPATH=src python -m tests.crash --pairs 1..5000 --record docs/records/crash_pairs.jsonl

Pairs are drawn from all sites, or from ``--site`` alone.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from shutil import which
from time import monotonic
from typing import Any

from tests.crash.history import Outcome, Place, played
from tests.crash.sites import SITES, sites
from tests.crash.story import boundaries, command, parsed, points, table, told

PIECE = 25
"""Pairs in one line of the record."""
NEAR = 40
"""Boundaries after the first death within which half of all second deaths lie."""


class Theatre:
    """Plays histories on any site; of each it knows how one without a death goes."""

    def __init__(self, places: dict[str, Place]) -> None:
        self.places = places
        self._bases: dict[str, Outcome] = {}

    def base(self, site: str) -> Outcome:
        """Nobody dies."""
        if site not in self._bases:
            self._bases[site] = played(self.places[site])
            assert not self._bases[site].problems, told(self._bases[site], whole=True)
        return self._bases[site]

    def killed(self, site: str, deaths: Sequence[int]) -> Outcome:
        """Somebody dies at each of these points."""
        return played(self.places[site], deaths, base=self.base(site).ended, seed="0")

    def points(self, site: str, piece: int = 0, pieces: int = 1) -> list[int]:
        """Every so many-th point of a site."""
        return points(self.base(site).ended.journal)[piece::pieces]

    def pair(self, seed: int) -> tuple[str, tuple[int, int]]:
        """Two points drawn by the seed: the second one soon after the first, where all is being mended, or anywhere."""
        dice = Random(seed)
        site = dice.choice([*self.places])
        last = 2 * self.base(site).boundaries
        first = dice.randrange(last - 2)
        span = 2 * NEAR if dice.random() < 0.5 else last
        return site, (first, first + 1 + dice.randrange(min(span, max(2, last - first - 1))))


def main(arguments: Sequence[str] | None = None) -> int:
    """What the command line asks for; 1 if a law was broken."""
    given = read(arguments)
    names = [given.site] if given.site else SITES
    with tempfile.TemporaryDirectory(prefix="leasehold-crash-") as folder, sites(Path(folder), names) as places:
        theatre = Theatre(dict(places))
        gc.freeze()
        if given.serve:
            return serve(theatre)
        if given.count:
            for name in names:
                say(*table(name, theatre.base(name).ended.journal))
            return 0
        if given.pairs:
            first, _, last = given.pairs.partition("..")
            return pairs(theatre, range(int(first), int(last or first) + 1), given.record)
        if given.all:
            return every(theatre, names)
        outcome = theatre.killed(names[0], [parsed(point) for point in given.points])
        say(told(outcome, whole=True))
        return bool(outcome.problems)


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash", description="Kill processes at the boundaries they cross."
    )
    parser.add_argument("--site", choices=SITES)
    parser.add_argument("--count", action="store_true", help="count the boundaries of each role")
    parser.add_argument("--all", action="store_true", help="every single point")
    parser.add_argument("--pairs", metavar="SEED..SEED", help="two deaths in one history, drawn by seed")
    parser.add_argument("--record", type=Path, help="a file of JSON lines: what it holds already is not played again")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("points", nargs="*", metavar="POINT", help="NUMBER.before or NUMBER.after")
    given = parser.parse_args(arguments)
    if given.points and not given.site:
        parser.error("name the --site of these points")
    return given


def serve(theatre: Theatre) -> int:
    """Play what each line of the standard input asks for: ``[site, piece, pieces]``; without a piece, nobody dies."""
    for line in sys.stdin:
        site, piece, pieces = json.loads(line)
        chosen = [] if piece is None else theatre.points(site, piece, pieces)
        failed = [told(each) for each in killed(theatre, site, chosen)]
        alive = theatre.base(site) if chosen else played(theatre.places[site])
        crossed = [note.said for note in boundaries(alive.ended)]
        say(json.dumps({"points": len(chosen), "failed": failed, "crossed": crossed}))
    return 0


def killed(theatre: Theatre, site: str, chosen: Iterable[int]) -> Iterable[Outcome]:
    """The histories of these points that broke a law."""
    return (outcome for point in chosen if (outcome := theatre.killed(site, [point])).problems)


def every(theatre: Theatre, names: Sequence[str]) -> int:
    """Every single point of these sites."""
    wrong = 0
    for name in names:
        began, chosen = monotonic(), theatre.points(name)
        for outcome in killed(theatre, name, chosen):
            wrong += 1
            say(told(outcome))
        each = (monotonic() - began) / len(chosen)
        say(f"{name}: {len(chosen)} points, {each:.2f} s each; broken so far: {wrong}")
    return bool(wrong)


def pairs(theatre: Theatre, seeds: range, record: Path | None) -> int:
    """Pieces of pairs that the record does not hold yet, one line each."""
    held = record.read_text().splitlines() if record is not None and record.exists() else []
    done = {(*line["sites"], *line["seeds"]) for line in map(json.loads, held)}
    wrong = 0
    for start in range(seeds.start, seeds.stop, PIECE):
        piece = range(start, min(start + PIECE, seeds.stop))
        if (*theatre.places, piece.start, piece.stop - 1) in done:
            continue
        line = played_piece(theatre, piece)
        failures = len(line["failures"])
        wrong += failures
        if record is not None:
            with record.open("a") as file:
                file.write(json.dumps(line) + "\n")
        say(json.dumps({**line, "failures": failures}))
    return bool(wrong)


def played_piece(theatre: Theatre, piece: range) -> dict[str, Any]:
    began = monotonic()
    failures: list[dict[str, object]] = []
    twice = 0
    for seed in piece:
        site, deaths = theatre.pair(seed)
        outcome = theatre.killed(site, deaths)
        twice += len(outcome.died) == 2
        problems = [problem for problem in outcome.problems if not problem.startswith("nobody came to")]
        if problems:
            failures.append({"seed": seed, "again": command(site, deaths), "broken": problems})
            say(told(outcome))
    return {
        "sites": [*theatre.places],
        "seeds": [piece.start, piece.stop - 1],
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "points": len(piece),
        "two deaths": twice,
        "seconds": round(monotonic() - began, 1),
        "failures": failures,
    }


def say(*lines: str) -> None:
    """Print, at once."""
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


def commit() -> str:
    """What is checked out here."""
    git = which("git") or "git"
    return subprocess.run(
        [git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
