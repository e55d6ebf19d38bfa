"""``python -m tests.soak``: soaks of a given length from a seed, one after the other; each adds a line to a record."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

from tests.soak.plan import KINDS
from tests.soak.soak import ROOT, Options, soak

PER_MINUTE = 120
"""Tasks, unless told otherwise."""
TOPOLOGIES = ("two-queue", "single-queue")


def main(arguments: list[str]) -> int:
    """Run them; 0 if every verdict is good."""
    asked = parsed(arguments)
    good = True
    for options in wanted(asked):
        began = datetime.now(UTC)
        verdict = soak(options)
        line = {"date": f"{began:%Y-%m-%d %H:%M}", "commit": commit(), **terms(options), **verdict["figures"]}
        sys.stdout.write(verdict["text"] + "\n" + json.dumps(line) + "\n")
        sys.stdout.flush()
        good = good and verdict["ok"]
        if asked.record:
            with asked.record.open("a") as file:
                file.write(json.dumps(line) + "\n")
    return 0 if good else 1


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make soak ARGS=...", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of blows, for each topology (default: 1)")
    parser.add_argument("--tasks", type=int, help=f"to submit meanwhile (default: {PER_MINUTE} a minute)")
    parser.add_argument("--seed", type=int, default=1, help="of everything (default: 1)")
    parser.add_argument("--topology", choices=TOPOLOGIES, help="default: both, one after the other")
    parser.add_argument("--pieces", type=int, default=1, help="so many soaks, from consecutive seeds (default: 1)")
    parser.add_argument("--only", default=",".join(KINDS), help="blows, separated by commas (default: all)")
    parser.add_argument("--record", type=Path, help="JSON lines; what stands there already is not run again")
    parser.add_argument("--keep", type=Path, help="where histories and logs are kept")
    return parser.parse_args(arguments)


def wanted(asked: argparse.Namespace) -> Iterator[Options]:
    """What is to be run and does not stand in the record."""
    known = recorded(asked.record)
    only = tuple(asked.only.split(","))
    tasks = asked.tasks or round(asked.minutes * PER_MINUTE)
    for seed in range(asked.seed, asked.seed + asked.pieces):
        for topology in [asked.topology] if asked.topology else TOPOLOGIES:
            keep = asked.keep.resolve() / f"{seed}-{topology}" if asked.keep else None
            options = Options(seed, asked.minutes, tasks, topology, only, keep)
            if terms(options) not in known:
                yield options


def terms(options: Options) -> dict[str, Any]:
    """What one soak is known by."""
    few = {} if options.only == KINDS else {"only": ",".join(options.only)}
    return {**{name: getattr(options, name) for name in TERMS}, **few}


TERMS = ("seed", "topology", "minutes", "tasks")


def recorded(record: Path | None) -> list[dict[str, Any]]:
    """The terms of what was run before."""
    if record is None or not record.exists():
        return []
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return [{name: line[name] for name in (*TERMS, "only") if name in line} for line in lines]


def commit() -> str:
    """What is being run; a record under way makes it no other."""
    changed = git("status", "--porcelain", "--", "src", "tests")
    return git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def git(*arguments: str) -> str:
    """What git says."""
    command = [which("git") or "git", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that nothing stays behind
    sys.exit(main(sys.argv[1:]))
