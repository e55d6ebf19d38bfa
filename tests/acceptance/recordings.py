"""The demo's batch as an acceptance run has it: its rows, what must become of each, and whether it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from leasehold.core.model import FailureKind, Status
from leasehold.demo.handlers import app, transcribe
from leasehold.demo.listen import Pace, recognise
from leasehold.demo.plan import DAMAGED, EARLY, FAILS_TWICE, NODE_KILL, SLOT_KILL, Item, Plan, shipped
from leasehold.demo.recogniser import Model, load
from leasehold.demo.wav import open_recording
from leasehold.ports.views import RunView
from tests.acceptance.accounts import odd_trail
from tests.acceptance.deployment import Deployment, Story

BATCH = "harbour"
PACE = 2.0
"""Seconds of sound per second: a recording takes about one and a half."""
MISSING = "nowhere.wav"
CAUSES = {DAMAGED: "damaged.wav is not readable audio: its header promises", MISSING: "No such file or directory"}
CHARGED = {FAILS_TWICE: 2, SLOT_KILL: 1, DAMAGED: 1, MISSING: transcribe.handler.policy.attempts}
"""Attempts that these rows must cost; all others cost none."""


@cache
def heard(source: Path) -> str:
    """What the recogniser hears in a recording: the same from any checkpoint on, in any process."""
    segments = recognise(open_recording(source), load(Model.GRAMMAR), Pace(0.0))
    return " ".join(segment.text for segment in segments if segment.text)


class Recordings(NamedTuple):
    """A batch of some of the demo's rows: all its troubles, a file that is damaged, and one that is not there."""

    plan: Plan
    call: Path
    """Appears when a run is in its middle and waits for its worker's death."""

    @classmethod
    def prepared(cls, scratch: Path, random: Random, more: int = 4) -> Recordings:
        """``more``: how many of the smooth rows there are beside those in trouble."""
        scratch.mkdir()
        plan = shipped(scratch)
        early = [item for item in plan.items if item.source.name in EARLY]
        smooth = random.sample([item for item in plan.items if item.source.name not in EARLY], more)
        missing = Item(scratch / MISSING, ends_well=False)
        call = next(item.trouble.call for item in plan.items if item.trouble.call is not None)
        return cls(Plan(BATCH, [*early, *smooth, missing]), call)

    def submit(self, deployment: Deployment) -> None:
        """Through the Python client, all but the last; that one by the command line, as a user might."""
        with app.behind(deployment.connection):
            for item in self.plan.items[:-1]:
                task = transcribe.options(key=str(item.source), batch=BATCH, priority=item.priority)
                task.submit(**{**self.plan.of(item), "pace": PACE})  # pyright: ignore[reportArgumentType] - by name
        last = self.plan.items[-1].source
        options = ["--batch", BATCH, "--key", str(last), "--app", deployment.app]
        deployment.run("submit", "transcribe", f"source={last}", *options)

    def check(self, deployment: Deployment, victim: str | None) -> None:
        """Hold every row against what must have become of it. ``victim``: the worker that was killed."""
        found = {Path(story.view.key or "").name: story for story in deployment.stories(BATCH)}
        items = {item.source.name: item for item in self.plan.items}
        assert sorted(found) == sorted(item.source.name for item in self.plan.items)
        wrong = {
            name: list(trouble(items[name], story, victim, deployment.overran_standing_still(story)))
            for name, story in found.items()
        }
        assert not any(wrong.values()), "\n".join(said(found[name], told) for name, told in wrong.items() if told)


def said(story: Story, told: Sequence[str]) -> str:
    """What is wrong with one row, with all that the ledger knows of it."""
    return "\n  ".join([*told, *map(str, story.runs), *map(str, story.trail)])


def trouble(item: Item, story: Story, victim: str | None, overran: int) -> Iterator[str]:
    """What is not as it should be with one row, of which so many runs overran while the machine stood still."""
    name = item.source.name
    yield from (f"{name}: {told}" for told in odd_outcome(item, story, overran))
    yield from (f"{name}: {told}" for told in odd_runs(name, story, victim, overran))
    yield from (f"{name}: {told}" for told in resumed(name, story, victim))
    yield from (f"{name}: {told}" for told in odd_trail(story))


def odd_outcome(item: Item, story: Story, overran: int) -> Iterator[str]:
    """A status, a text or a reason that does not go with this row."""
    task, expected = story.view.task, Status.COMPLETED if item.ends_well else Status.FAILED
    if overran and task.status is Status.FAILED and task.attempts == task.policy.attempts:
        return  # a machine that stood still took the attempt that it had left
    if task.status is not expected:
        yield f"it is {task.status}, not {expected}: {task.reason}"
    elif item.ends_well:
        if story.result["text"] != heard(item.source):
            yield f"{story.result['text']!r} was heard, not {heard(item.source)!r}"
    elif CAUSES[item.source.name] not in (task.reason or ""):
        yield f"it failed because of: {task.reason}"


def odd_runs(name: str, story: Story, victim: str | None, overran: int) -> Iterator[str]:
    """Runs and budgets that do not go with what went wrong with this row."""
    task, lost = story.view.task, list(unheard(story))
    taken_off = taken_off_unheard(story)
    most = CHARGED.get(name, 0)
    # A run that is lost spares its trouble, or takes the report of it along: its message is void then.
    least = most - len(lost) - taken_off if name in {FAILS_TWICE, SLOT_KILL} else most
    if not least <= task.attempts <= most + overran:
        yield f"{task.attempts} attempts were spent, not {most}, and {overran} for a machine that stood still"
    if any(run.worker != victim for run in lost):
        yield f"runs without an end on {[run.worker for run in lost]}, but {victim} was killed"
    if task.losses > len(lost) + taken_off:
        yield f"{task.losses} losses for {len(lost)} runs of which nothing was heard"


def resumed(name: str, story: Story, victim: str | None) -> Iterator[str]:
    """What should have been cut off in its middle, and was not, or was begun anew."""
    lost, starts = list(unheard(story)), (story.result or {}).get("starts", [0])
    died = any(run.failure and run.failure.kind is FailureKind.SIGNAL for run in story.runs)
    if name == NODE_KILL and victim is not None and not lost:
        yield "its worker was killed in the middle of a run, but every run of it has ended"
    if name == SLOT_KILL and not (died or lost or taken_off_unheard(story)):
        yield "no run of it is known to have died by a signal"
    if ((name == NODE_KILL and lost) or (name == SLOT_KILL and died)) and starts[-1] <= 0:
        yield f"it began anew: {starts}"


def taken_off_unheard(story: Story) -> int:
    """How often a message of it was given up: expired, or lost together with what its worker would have said."""
    return sum(len(story.lines(kind)) for kind in ("expired", "voided", "dead-lettered"))


def unheard(story: Story) -> Iterator[RunView]:
    """Runs that began and never told their end. One that was granted, and whose worker died then, was never begun."""
    return (run for run in story.runs if run.outcome is None and (run.started_at or run.lost_at) is not None)
