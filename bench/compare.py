"""The same work for Leasehold and its alternatives, each in its own environment, in turn, round after round.

``python -m bench.compare [PATTERN] [--tasks 5000] [--backlog 2000] [--burns 200] [--stamps 100] [--idle 0] [--rounds 3]
[--out FILE]``: ``PATTERN`` chooses by name (``--list`` shows them). Every round starts each system afresh on fresh
servers and warms it up. It submits no-op tasks and waits until all are done, does so again with tasks that all wait
before the workers set out, submits single tasks at 20 a second for the pick-up latency, and runs tasks of 50 ms of CPU.
Who does not finish with every task done is shown as failed. A figure of 0 leaves its step out. Needs Linux, the peers'
packages (installed by itself, see ``bench/_lineup.py``), PostgreSQL's binaries, and Debian's redis-server for those on
Redis.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench._comparison import settings, tables
from bench._contest import Failed, backlog, contest, idle, latency, ready, throughput
from bench._lineup import PEERS, Contestant, chosen, lineup, machine

PER_SECOND = 20


def one_round(contestant: Contestant, given: argparse.Namespace) -> dict[str, Any]:
    """What one system does in one round."""
    figures: dict[str, Any] = {}
    with contest(contestant) as driver:
        if given.tasks:
            figures["noop"] = throughput(driver, "noop", int(given.tasks * contestant.share))
            figures["memory"] = driver.memory()
        if given.backlog:
            figures["backlog"] = backlog(driver, int(given.backlog * contestant.share))
        if given.stamps:
            figures["latency"] = latency(driver, given.stamps, PER_SECOND)
        if given.burns:
            figures["burn"] = throughput(driver, "burn", given.burns)
        if given.idle:
            figures["idle"] = idle(driver, given.idle)
    return figures


def told(contestant: Contestant) -> dict[str, Any]:
    """What is known of it beforehand."""
    return {"name": contestant.name, "lacks": contestant.lacks, "versions": contestant.versions()}


def commit() -> str:
    """Of this repository."""
    asked = ["git", "-C", PEERS, "describe", "--always", "--dirty"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--list", action="store_true", help="show who takes part, and with which settings")
    parser.add_argument("--tasks", type=int, default=5_000, help="no-op tasks a round")
    parser.add_argument("--backlog", type=int, default=2_000, help="no-op tasks a round that all wait already")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--burns", type=int, default=200, help="tasks of 50 ms of CPU a round")
    parser.add_argument("--stamps", type=int, default=100, help="tasks at 20 a second a round")
    parser.add_argument("--idle", type=float, default=0, help="seconds of idling a round")
    parser.add_argument("--out", type=Path, help="append a line of JSON for each round of each system")
    parser.add_argument("--tables", type=Path, nargs="*", help="no rounds: tables from such files")
    return parser.parse_args()


def main() -> None:
    """Run and print."""
    given = arguments()
    if given.list:
        print(settings(lineup()))
        return
    if given.tables:
        rows = [json.loads(line) for file in given.tables for line in file.read_text().splitlines()]
        print(tables(rows))
        return
    rows = list(rounds([each for each in chosen(given.pattern) if ready(each)], given))
    print(tables(rows))
    if not given.out:
        print("\n".join(json.dumps(row) for row in rows))
    if failed := Counter(row["name"] for row in rows if "failed" in row):
        raise SystemExit(f"compare: failed rounds: {dict(failed)}")


def rounds(contestants: Sequence[Contestant], given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Everyone in turn, and again."""
    about = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit(), "machine": machine()}
    for number in range(given.rounds):
        for contestant in contestants:
            print(f"round {number + 1}: {contestant.name}", file=sys.stderr)
            row = {**about, **told(contestant), "round": number}
            try:
                row |= one_round(contestant, given)
            except Failed as error:
                row["failed"] = str(error)
                print(error, file=sys.stderr)
            if given.out:
                with given.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            yield row


if __name__ == "__main__":
    main()
