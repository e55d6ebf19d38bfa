"""The tables of ``bench.compare``: medians, with the lowest and highest round, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bench._lineup import Contestant

Row = Mapping[str, Any]
SERVERS = ("postgres", "sqs", "redis")
EXACT = ("sqs requests", "redis commands")
"""Counted exactly; PostgreSQL tells its transactions some seconds late, so they are shown for idling only."""
OURS = ("client", "workers", "orchestrator")
CORES = 2


def tables(rows: Sequence[Row]) -> str:
    """One table for each thing that was measured."""
    systems: dict[str, list[Row]] = {}
    for row in rows:
        systems.setdefault(row["name"], []).append(row)
    shown = [
        table("No-op tasks", {name: noop(rounds) for name, rounds in systems.items()}),
        table("No-op tasks that all wait already", {name: waiting(rounds) for name, rounds in systems.items()}),
        table("50 ms of CPU a task", {name: burn(rounds) for name, rounds in systems.items()}),
        table("Pick-up at 20 tasks/s", {name: pickup(rounds) for name, rounds in systems.items()}),
        table("Idle", {name: idling(rounds) for name, rounds in systems.items()}),
    ]
    return "\n\n".join(text for text in shown if text)


def settings(contestants: Iterable[Contestant]) -> str:
    """Who takes part, with which settings, and where those are documented."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for each in contestants:
        versions = ", ".join(f"{package} {version}" for package, version in each.versions().items())
        docs = "<br>".join(each.docs)
        alike.setdefault((versions, "; ".join(each.settings), docs), []).append(each.name)
    lines = ["| systems | versions | settings | documented |", "|---|---|---|---|"]
    lines += [f"| {', '.join(names)} | {' | '.join(said)} |" for said, names in alike.items()]
    return "\n".join(lines)


def table(title: str, systems: Mapping[str, Mapping[str, str]]) -> str:
    """Markdown; empty without figures."""
    columns = list(dict.fromkeys(column for cells in systems.values() for column in cells))
    if not columns:
        return ""
    lines = [f"### {title}", "", f"| system | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, cells in systems.items():
        if cells:
            lines.append(f"| {name} | {' | '.join(cells.get(column, '') for column in columns)} |")
    return "\n".join(lines)


def noop(rounds: Sequence[Row]) -> dict[str, str]:
    """Rates, CPU seconds per 1,000 tasks, requests, memory."""
    found = [row["noop"] for row in rounds if "noop" in row]
    if not found:
        return {"tasks/s": "failed"} if any("failed" in row for row in rounds) else {}
    return {
        "lacks": ", ".join(rounds[0]["lacks"]),
        "tasks/s": spread(found, lambda run: run["rate"], 0),
        "submits/s": middle(found, "submit rate", 0),
        "CPU s per 1,000": spread(found, own, 3),
        "client": middle(found, "cpu client", 3),
        "workers": middle(found, "cpu workers", 3),
        "orchestrator": middle(found, "cpu orchestrator", 3),
        "servers": spread(found, serving, 3),
        "requests per task": "; ".join(asked(found, "{}/task", 3, EXACT)),
        "worker MiB": middle([row["memory"] for row in rounds if "memory" in row], "workers", 0),
        "rounds": f"{len(found)} of {found[0]['tasks']:,}",
    }


def waiting(rounds: Sequence[Row]) -> dict[str, str]:
    """What the workers do when submits hold nothing up."""
    found = [row["backlog"] for row in rounds if "backlog" in row]
    if not found:
        return {}
    return {
        "tasks/s": spread(found, lambda run: run["rate"], 0),
        "requests per task, submit included": "; ".join(asked(found, "{}/task", 3, EXACT)),
    }


def burn(rounds: Sequence[Row]) -> dict[str, str]:
    """How much of the cores was spent in the handlers, and what was spent besides."""
    found = [row["burn"] for row in rounds if "burn" in row]
    if not found:
        return {}
    return {
        "tasks/s": spread(found, lambda run: run["rate"], 1),
        "of the cores in the handler": spread(found, lambda run: run["rate"] * 0.05 / CORES * 100, 1, " %"),
        "CPU s per 1,000 besides": spread(found, lambda run: own(run) + serving(run) - 50, 2),
    }


def pickup(rounds: Sequence[Row]) -> dict[str, str]:
    """All rounds' tasks together."""
    waits = sorted(wait for row in rounds for wait in row.get("latency", ()))
    if not waits:
        return {}
    return {
        "p50 ms": f"{waits[len(waits) // 2]:.1f}",
        "p99 ms": f"{waits[int(len(waits) * 0.99)]:.1f}",
        "longest ms": f"{waits[-1]:.1f}",
        "tasks": str(len(waits)),
    }


def idling(rounds: Sequence[Row]) -> dict[str, str]:
    """Requests a minute, and what idling costs of a core."""
    found = [row["idle"] for row in rounds if "idle" in row]
    if not found:
        return {}
    ours = [f"% {name}" for name in OURS]
    return {
        "requests a minute": "; ".join(asked(found, "{}/min", 1, (*EXACT, "postgres transactions"))),
        "% of a core": spread(found, lambda run: sum(run.get(name, 0.0) for name in ours), 2),
        "servers, % of a core": spread(found, lambda run: sum(run.get(f"% {name}", 0.0) for name in SERVERS), 2),
    }


def own(run: Row) -> float:
    """CPU of the system without its servers."""
    return sum(run.get(f"cpu {name}", 0.0) for name in OURS)


def serving(run: Row) -> float:
    """CPU of the servers."""
    return sum(run.get(f"cpu {name}", 0.0) for name in SERVERS)


def asked(found: Sequence[Row], key: str, digits: int, names: Iterable[str]) -> Iterable[str]:
    for name in names:
        if any(key.format(name) in run for run in found):
            yield f"{middle(found, key.format(name), digits)} {name}"


def middle(found: Sequence[Row], key: str, digits: int) -> str:
    """The median; empty where nobody has it."""
    if not any(key in run for run in found):
        return ""
    return f"{statistics.median(run.get(key, 0.0) for run in found):,.{digits}f}"


def spread(found: Sequence[Row], value: Callable[[Row], float], digits: int, unit: str = "") -> str:
    """``median (lowest to highest)``."""
    values = [value(run) for run in found]
    if not any(values):
        return ""
    shown = f"{statistics.median(values):,.{digits}f}{unit}"
    return shown if len(values) == 1 else f"{shown} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
