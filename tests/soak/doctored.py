"""A small soak as it is left behind in files and tables, made by hand: honest, until a test doctors it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.soak.checker.evidence import MS, SECOND, Evidence, Row, blows, by_task, executions
from tests.soak.checker.verdict import verdict

BEGAN = 1_790_000_000 * SECOND
LEASE = 8


class Soak:
    """What a soak leaves behind, as it stands in its files and tables, to be doctored line by line.

    Task ``a`` was completed at once. Task ``b`` was on a worker that was killed, lapsed, and ran again. Task ``c``
    raised ``Unrecoverable``. Task ``d`` saved a checkpoint, was killed with its slot, and went on from there.
    """

    def __init__(self) -> None:
        self.topology = "two-queue"
        self.submits: list[Row] = []
        self.history: list[Row] = []
        self.log: list[Row] = []
        self.tasks: dict[str, Row] = {}
        self.runs: list[Row] = []
        self.trails: list[Row] = []
        self.counted = {"completed": 3, "failed": 1}
        self._plain()
        self._lost()
        self._doomed()
        self._resumed()
        self._end()

    # ---------------------------------------------------------------- how it was

    def _plain(self) -> None:
        self.task("a", 1)
        self.began("a1", "a", 1, (1, 1), "worker-1", 101, 1.0)
        self.say("returned", "a1", 1.5)
        self.run("a", (1, 1), "worker-1", 1.0, ended=1.5, outcome="completed")
        self.trail("a", "dispatched:queued started:in_progress completed:completed")
        self.complete("a", 1, "a1")

    def _lost(self) -> None:
        self.task("b", 2, losses=1, n=1)
        self.began("b1", "b", 2, (1, 1), "worker-2", 102, 1.0)
        self.say("sign", "b1", 1.9)
        self.blow(1, "worker-kill", 2.0, target="worker-2", generation=1, pids=[102])
        self.began("b2", "b", 2, (1, 2), "worker-1", 101, 9.5)
        self.say("returned", "b2", 10.0)
        self.run("b", (1, 1), "worker-2", 1.0, lost=9.0)
        self.run("b", (1, 2), "worker-1", 9.5, ended=10.0, outcome="completed")
        self.trail(
            "b",
            "dispatched:queued started:in_progress lapsed:pending/lapsed started:in_progress completed:completed",
        )
        self.complete("b", 2, "b2")

    def _doomed(self) -> None:
        self.task("c", 3, attempts=1)
        self.began("c1", "c", 3, (1, 1), "worker-1", 101, 2.0)
        self.say("raised", "c1", 2.5, error="Unrecoverable")
        self.run("c", (1, 1), "worker-1", 2.0, ended=2.5, outcome="failed")
        self.trail("c", "dispatched:queued started:in_progress failed:failed")
        self.tasks["c"] |= {"state": "failed", "ended_at": milliseconds(2.5)}

    def _resumed(self) -> None:
        self.task("d", 4, attempts=1, n=2)
        self.began("d1", "d", 4, (1, 1), "worker-3", 103, 1.0)
        for what, done, at in (("loaded", 0, 1.0), ("saves", 1, 2.0), ("saved", 1, 2.1), ("saves", 2, 3.0)):
            self.say(what, "d1", at, done=done)
        self.blow(2, "slot-kill", 3.1, target="worker-3", generation=1, pids=[103])
        self.began("d2", "d", 4, (2, 1), "worker-3", 104, 4.0)
        self.say("loaded", "d2", 4.0, done=1)
        self.say("returned", "d2", 6.0)
        self.run("d", (1, 1), "worker-3", 1.0, ended=3.2, outcome="failed")
        self.run("d", (2, 1), "worker-3", 4.0, ended=6.0, outcome="completed")
        again = "failed:pending/scheduled due:pending/due dispatched:pending/queued started:in_progress"
        self.trail("d", f"dispatched:queued started:in_progress {again} completed:completed", second=5)
        self.complete("d", 4, "d2")

    def _end(self) -> None:
        self.note("ended", 2.0, process="worker-2", generation=1, code=-9, expected=True, last="")
        self.note("settled", 20.0, outcomes=4, client="")
        self.note("stopped", 21.0, process="worker-1", code=0)
        self.note("left", 22.0, pids=[])
        self.note("audit", 23.0, code=0, says={})

    # ---------------------------------------------------------------- how it is written

    def task(self, task: str, number: int, *, attempts: int = 0, losses: int = 0, n: int = 1) -> None:
        key = str(number)
        self.submits += [{"what": "meant", "key": key}, {"what": "accepted", "keys": [key], "task": task}]
        budgets = {"attempts": attempts, "losses": losses, "max_attempts": 5, "max_losses": 20}
        self.tasks[task] = {
            "id": task,
            "key": key,
            "state": "pending/due",
            "n": n,
            "inferred": False,
            "reason": None,
            "created_at": milliseconds(0),
            "ended_at": None,
            "has_result": False,
            "result": None,
            "result_ref": None,
            **budgets,
        }

    def complete(self, task: str, number: int, run: str) -> None:
        value = json.dumps({"number": number, "run": run, "more": None})
        self.tasks[task] |= {"state": "completed", "ended_at": milliseconds(11), "has_result": True, "result": value}

    def began(self, run: str, task: str, number: int, token: tuple[int, int], worker: str, pid: int, at: float) -> None:
        fence = token[0] << 20 | token[1]
        told = {"task": task, "number": number, "kind": "plain", "token": fence, "pid": pid, "worker": f"{worker}/1"}
        self.say("began", run, at, **told)

    def say(self, what: str, run: str, at: float, **more: object) -> None:
        self.history.append({"what": what, "run": run, "at": nanoseconds(at), **more})

    def note(self, what: str, at: float, **more: object) -> None:
        self.log.append({"what": what, "at": nanoseconds(at), **more})

    def blow(self, number: int, kind: str, at: float, *, until: float | None = None, **more: object) -> None:
        self.note("blow", at, id=number, kind=kind, **more)
        self.note("over", until or at + 0.1, id=number)

    def run(
        self,
        task: str,
        token: tuple[int, int],
        worker: str,
        started: float,
        *,
        ended: float | None = None,
        outcome: str | None = None,
        lost: float | None = None,
    ) -> None:
        instants = {"started_at": started, "lease_until": started + LEASE, "ended_at": ended, "lost_at": lost}
        known = {name: None if at is None else milliseconds(at) for name, at in instants.items()}
        told = {"id": task, "n": token[0], "r": token[1], "worker": worker, "outcome": outcome, "failure": None}
        self.runs.append(told | known)

    def trail(self, task: str, story: str, *, second: int = 99) -> None:
        """``story``: ``KIND:AFTER`` of each line after the submit; from line ``second`` on it is dispatch 2."""
        before, told = "new", f"submitted:pending/due {story}".split()
        for seq, line in enumerate(told, start=1):
            kind, after = line.split(":")
            n = 0 if seq == 1 else 2 if seq > second else 1
            row = {"id": task, "seq": seq, "kind": kind, "before": before, "after": after, "n": n, "r": 0}
            self.trails.append({**row, "at": milliseconds(seq), "detail": None})
            before = after
        self.tasks[task]["version"] = len(told)

    # ---------------------------------------------------------------- how it is judged

    def judged(self) -> dict[str, Any]:
        """The checker's verdict."""
        accepted = {line["keys"][0]: line["task"] for line in self.submits if line["what"] == "accepted"}
        evidence = Evidence(
            topology=self.topology,
            lease=LEASE * SECOND,
            executions=executions(self.history),
            meant={line["key"] for line in self.submits if line["what"] == "meant"},
            accepted=accepted,
            blows=blows(self.log),
            log=self.log,
            tasks=[*self.tasks.values()],
            runs=by_task(self.runs),
            trails=by_task(self.trails),
            counted=self.counted,
            torn=[],
            store=Path("/nowhere"),
        )
        return verdict(evidence)

    def trail_of(self, task: str) -> list[Row]:
        return [line for line in self.trails if line["id"] == task]

    def line(self, what: str, run: str) -> Row:
        return next(line for line in self.history if (line["what"], line["run"]) == (what, run))

    def without(self, history: Callable[[Row], bool]) -> None:
        """Take lines out of the history."""
        self.history = [line for line in self.history if not history(line)]


def nanoseconds(at: float) -> int:
    return BEGAN + round(at * SECOND)


def milliseconds(at: float) -> int:
    return nanoseconds(at) // MS
