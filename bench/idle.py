"""What an idle system costs: an orchestrator and two workers of two slots with nothing to do.

``python -m bench.idle [--seconds 60] [--at file|postgres|postgres+sqs|file+sqs]``. On SQS it also counts what looking
for messages costs.
"""

from __future__ import annotations

import argparse
import time

from bench._places import PLACES
from bench._processes import cpu_seconds, resident_mebibytes, tree
from bench._system import bench_system
from bench._tables import show


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--at", choices=PLACES, default="file")
    given = parser.parse_args()
    with bench_system(at=given.at) as bench:
        time.sleep(5)  # what the warm-up left behind is folded away
        pids = {name: pid for name, pid in bench.pids().items() if name != "client"}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        asked = bench.place.requests()
        time.sleep(given.seconds)
        requests = {name: count * 60 / given.seconds for name, count in (bench.place.requests() - asked).items()}
        share = {name: (cpu_seconds(pid) - before[name]) / given.seconds * 100 for name, pid in pids.items()}
        memory = {name: [round(resident_mebibytes(each)) for each in tree(pid)] for name, pid in pids.items()}
    rows = [{"process": name, "% of a core": f"{share[name]:.2f}", "MiB, each": memory[name]} for name in pids]
    total = sum(share.values())
    rows.append({"process": "all", "% of a core": f"{total:.2f}", "MiB, each": sum(map(sum, memory.values()))})
    figures = {"percent": total, "by process": share, "MiB": memory, "requests a minute": requests}
    show(f"idle for {given.seconds:g} s, {given.at}", rows, figures)
    if requests:
        show("requests to SQS a minute, of all processes", [{k: f"{v:.1f}" for k, v in requests.items()}], requests)


if __name__ == "__main__":
    main()
