"""What the ledger says, held against what was submitted and against itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from tests.soak.checker.causes import Causes
from tests.soak.checker.evidence import Evidence, Execution, Row

ENDED = ("completed", "failed", "cancelled")
LARGE = 100_000


class Problem(NamedTuple):
    """Something that is not as it has to be."""

    check: str
    task: str
    """Its id; empty where it is about no single task."""
    sentence: str


def submits(evidence: Evidence) -> Iterator[Problem]:
    """Nothing is lost and nothing is there that nobody made."""
    rows: dict[str, list[Row]] = {}
    for row in evidence.tasks:
        rows.setdefault(row["key"] or "", []).append(row)
    for key, task in sorted(evidence.accepted.items()):
        found = rows.get(key, [])
        if not found:
            yield Problem("lost", task or "", f"the submit of key {key} returned, and there is no such task")
        elif task is not None and found[0]["id"] != task:
            yield Problem("unexpected", task, f"key {key} was accepted as this task, and is {found[0]['id']}")
    for key, found in rows.items():
        if key not in evidence.meant:
            yield Problem("unexpected", found[0]["id"], f"nobody submitted key {key!r}")
        if len(found) > 1:
            yield Problem("unexpected", found[1]["id"], f"key {key} is {len(found)} tasks")
    known = {row["id"] for row in evidence.tasks}
    for task in evidence.executions.keys() - known:
        yield Problem("unexpected", task, "it was run, and the ledger does not know it")
    for line in evidence.torn:
        yield Problem("history", "", f"a line of the history cannot be read: {line[:80]}")


def outcomes(evidence: Evidence, causes: Causes) -> Iterator[Problem]:
    """Every task has an outcome that its runs explain."""
    for row in evidence.tasks:
        executions = evidence.executions.get(row["id"], [])
        if row["state"] not in ENDED:
            yield Problem("lost", row["id"], f"it has no outcome and stands at {row['state']}")
        elif row["state"] == "cancelled":
            yield Problem("unexpected", row["id"], "nobody cancelled it")
        elif row["state"] == "completed":
            yield from (Problem("unexpected", row["id"], said) for said in completed(evidence, row, executions))
        else:
            yield from (Problem("unexpected", row["id"], said) for said in failed(evidence, causes, row, executions))


def completed(evidence: Evidence, row: Row, executions: list[Execution]) -> Iterator[str]:
    """What is wrong with a success: some run has to have returned just that."""
    value = result(evidence, row)
    winner = next((each for each in executions if isinstance(value, dict) and each.run == value.get("run")), None)
    if winner is None:
        yield f"it is completed with {str(value)[:80]}, which no run of it returned"
        return
    if winner.end != "returned":
        yield f"it is completed by a run that did not return, but {winner.end or 'fell silent'}"
    if str(winner.number) != row["key"] or value["number"] != winner.number:
        yield f"the result of number {value['number']} is that of key {row['key']}"
    if winner.kind == "large" and value["more"] != "x" * LARGE:
        yield "its large result is not what was returned"
    recorded = [each for each in evidence.runs[row["id"]] if each["outcome"] == "completed"]
    if winner.token not in {(each["n"], each["r"]) for each in recorded}:
        yield f"the run that returned its result is {winner.token}; completed runs on record: {len(recorded)}"


def result(evidence: Evidence, row: Row) -> Any:  # noqa: ANN401 - any JSON
    """The result of a task, from its row or the store."""
    if row["result_ref"] is None:
        return json.loads(row["result"] or "null")
    file = evidence.store / row["result_ref"]
    return json.loads(file.read_bytes()) if file.is_file() else f"nothing at {row['result_ref']}"


def failed(evidence: Evidence, causes: Causes, row: Row, executions: list[Execution]) -> Iterator[str]:
    """What is wrong with a failure: either a run says that it is for good, or a budget is spent."""
    if any(each.end == "raised" and each.error == "Unrecoverable" for each in executions):
        return
    if row["inferred"] and row["losses"] >= row["max_losses"]:
        return
    failures = [each for each in evidence.runs[row["id"]] if each["outcome"] == "failed"]
    if row["attempts"] < row["max_attempts"]:
        yield f"it failed after {row['attempts']} of {row['max_attempts']} attempts: {row['reason']}"
    elif len(failures) < row["attempts"]:
        yield f"it is charged {row['attempts']} attempts, and {len(failures)} failures are on record"


def trails(evidence: Evidence) -> Iterator[Problem]:
    """Every change of state has its line, and the lines lead from the submit to where the task stands."""
    for row in evidence.tasks:
        trail = evidence.trails.get(row["id"], [])
        yield from (Problem("trail", row["id"], said) for said in broken(row, trail))
        yield from (Problem("budget", row["id"], said) for said in charged(row, trail, evidence.runs[row["id"]]))


def broken(row: Row, trail: list[Row]) -> Iterator[str]:
    """Where a trail does not hold together."""
    if [line["seq"] for line in trail] != [*range(1, row["version"] + 1)]:
        yield f"it is at version {row['version']} with {len(trail)} lines"
    if any(later["before"] != earlier["after"] for earlier, later in pairwise(trail)):
        yield "two lines of its trail do not meet"
    if not trail or trail[0]["kind"] != "submitted" or trail[-1]["after"] != row["state"]:
        yield f"its trail does not lead from its submit to {row['state']}"
    if [line["n"] for line in trail if line["kind"] == "dispatched"] != [*range(1, row["n"] + 1)]:
        yield "its dispatches are not numbered one after the other"
    if sum(line["kind"] == "completed" for line in trail) != (row["state"] == "completed"):
        yield "its success is not on record just once"
    if row["has_result"] != (row["state"] == "completed"):
        yield f"it is {row['state']}, and a result is {'there' if row['has_result'] else 'missing'}"


def charged(row: Row, trail: list[Row], runs: list[Row]) -> Iterator[str]:
    """Whether attempts and losses are the sum of what is on record."""
    kinds = Counter(line["kind"] for line in trail)
    replaced = sum(line["kind"] == "failed" and line["before"] == "failed" for line in trail)
    most = kinds["failed"] + kinds["unsendable"]
    if not most - replaced <= row["attempts"] <= most:
        yield f"it is charged {row['attempts']} attempts, and its trail has {most}"
    if sum(run["outcome"] == "failed" for run in runs) < row["attempts"] - kinds["unsendable"]:
        yield f"it is charged {row['attempts']} attempts, more than it has failed runs"
    lost = sum(run["lost_at"] is not None for run in runs)
    unheard = kinds["expired"] + kinds["dead-lettered"]
    refunded = kinds["refunded"]
    if not lost - refunded <= row["losses"] <= lost - refunded + unheard:
        yield f"it is charged {row['losses']} losses, by {lost} lost runs, {refunded} refunds, {unheard} unheard"


def counters(evidence: Evidence) -> Iterator[Problem]:
    """The counters say what the rows say."""
    rows = Counter(row["state"] for row in evidence.tasks)
    if dict(rows) != evidence.counted:
        yield Problem("counters", "", f"the tasks are {dict(rows)}, and the counters say {evidence.counted}")
