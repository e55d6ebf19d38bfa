"""The verdict: figures, problems, and the whole story of each task that has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.soak.checker.causes import Causes
from tests.soak.checker.evidence import MS, SECOND, Evidence, Row
from tests.soak.checker.ledger import Problem, counters, outcomes, submits, trails
from tests.soak.checker.runs import Runs

STORIES = 20
"""Problems whose stories are told in full."""
PARTING = {0, 3}
"""Codes with which a process may end by itself: as told, or because something outside could not be had."""


def verdict(evidence: Evidence) -> dict[str, Any]:
    """Judge everything."""
    causes = Causes(evidence)
    runs = Runs(evidence, causes)
    problems = [
        *submits(evidence),
        *outcomes(evidence, causes),
        *trails(evidence),
        *counters(evidence),
        *runs.problems(),
        *processes(evidence),
    ]
    figures = counted(evidence, runs, problems)
    return {
        "ok": not problems,
        "text": "\n".join(said(evidence, figures, problems)),
        "figures": figures,
        "problems": [problem._asdict() for problem in problems],
    }


def processes(evidence: Evidence) -> Iterator[Problem]:
    """No process ended as none should, none was left behind, and the system's own audit agrees."""
    for line in evidence.noted("ended"):
        if not line["expected"] and line["code"] not in PARTING:
            yield Problem("process", "", f"{line['process']} ended with {line['code']}: {line['last'][-500:]}")
    for line in evidence.noted("stopped"):
        if line["code"] != 0:
            yield Problem("process", "", f"{line['process']} was asked to stop and ended with {line['code']}")
    for line in evidence.noted("left"):
        if line["pids"]:
            yield Problem("process", "", f"processes were left behind: {line['pids']}")
    for line in evidence.noted("settled"):
        if line["client"]:
            yield Problem("soak", "", f"the client did not submit everything: {line['client']}")
    audits = evidence.noted("audit")
    if not audits or audits[-1]["code"] != 0:
        yield Problem("audit", "", f"the system's own audit: {audits[-1]['says'] if audits else 'was not asked'}")


def counted(evidence: Evidence, runs: Runs, problems: list[Problem]) -> dict[str, Any]:
    """What is written down of a soak."""
    by_check = Counter(problem.check for problem in problems)
    states = Counter(row["state"] for row in evidence.tasks)
    times = recoveries(evidence)
    return {
        "accepted": len(evidence.accepted),
        "completed": states["completed"],
        "failed": states["failed"],
        "runs": sum(1 for _ in evidence.all_executions()),
        "blows": dict(sorted(Counter(blow.kind for blow in evidence.blows).items())),
        "ended_by_themselves": sum(not line["expected"] for line in evidence.noted("ended")),
        "again": dict(runs.again.most_common()),
        "overlaps": dict(runs.overlapping.most_common()),
        "lost": by_check["lost"],
        "unexpected": by_check["unexpected"],
        "problems": dict(by_check),
        "recoveries": len(times),
        "recovery_p50": at(times, 0.5),
        "recovery_p99": at(times, 0.99),
        "lease": evidence.lease / SECOND,
    }


def recoveries(evidence: Evidence) -> list[float]:
    """Seconds from the kill of a worker to the next run of each task that it had in its hands."""
    found: list[float] = []
    for blow in evidence.blows:
        if blow.kind != "worker-kill":
            continue
        for executions in evidence.executions.values():
            for place, each in enumerate(executions[:-1]):
                held = (each.worker, each.generation) == (blow.target, blow.generation)
                alive = each.began <= blow.start and (each.end is None or each.end_at > blow.start)
                if held and alive and executions[place + 1].began > blow.start:
                    found.append(round((executions[place + 1].began - blow.start) / SECOND, 2))
    return sorted(found)


def at(times: list[float], share: float) -> float | None:
    """The time within which that share of them was; nothing where there are none."""
    return times[min(len(times) - 1, int(len(times) * share))] if times else None


def said(evidence: Evidence, figures: dict[str, Any], problems: list[Problem]) -> Iterator[str]:
    """The verdict in words."""
    yield f"{evidence.topology}: {figures['accepted']} submits returned, {len(evidence.tasks)} tasks, "
    yield f"  {figures['completed']} completed, {figures['failed']} failed; {figures['runs']} runs"
    yield f"blows: {listed(figures['blows'])}"
    yield f"run again: {listed(figures['again'])}"
    yield f"two runs at once: {listed(figures['overlaps'])}"
    p50, p99, count = figures["recovery_p50"], figures["recovery_p99"], figures["recoveries"]
    yield f"run again after the kill of a worker: {count} tasks, p50 {p50} s, p99 {p99} s, lease {figures['lease']} s"
    yield f"lost {figures['lost']}, unexpected {figures['unexpected']}, problems {len(problems)}"
    for problem in problems[:STORIES]:
        yield f"\n{problem.check}: {problem.sentence}"
        yield from (f"    {line}" for line in story(evidence, problem.task))


def listed(counts: dict[str, int]) -> str:
    """Counts on one line."""
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def story(evidence: Evidence, task: str) -> Iterator[str]:
    """All that is known of one task, in the order in which it happened."""
    row = next((row for row in evidence.tasks if row["id"] == task), None)
    if row is None:
        return
    yield f"task {task} key {row['key']}: {row['state']}, attempts {row['attempts']}, losses {row['losses']}"
    told = [(line["at"] * MS, f"ledger  {written(line)}") for line in evidence.trails.get(task, ())]
    for each in evidence.executions.get(task, ()):
        who = f"{each.worker}/{each.generation} pid {each.pid}"
        told.append((each.began, f"history run {each.token} began on {who} ({each.kind})"))
        told.append((each.last, f"history run {each.token} {each.end or 'last sign'} {each.error}"))
    if told:
        first, last = min(told)[0] - SECOND, max(told)[0] + SECOND
        for blow in evidence.blows:
            if first <= blow.start <= last:
                told.append((blow.start, f"blow    {blow.kind} {blow.target}/{blow.generation} {sorted(blow.pids)}"))
                told.append((blow.end, f"over    {blow.kind} {blow.target}/{blow.generation}"))
    for instant, line in sorted(told):
        yield f"{instant // MS - row['created_at']:>8} ms  {line}"


def written(line: Row) -> str:
    """One line of a trail."""
    return f"{line['kind']} {line['before']} -> {line['after']} ({line['n']}, {line['r']}) {line['detail'] or ''}"
