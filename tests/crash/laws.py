"""What must hold at the end of a history, whoever died in it and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from leasehold.core.model import Audit, Status, Task
from leasehold.core.transitions import state_name
from leasehold.flow.audit import Terms, audit
from leasehold.ports.views import RunView, TaskView
from tests.core.laws import of_state
from tests.crash.board import Note
from tests.crash.cast import BATCH, ORDERS, TOGETHER
from tests.crash.sites import PostgresSite, SqliteSite

Place = PostgresSite | SqliteSite
OUTCOMES = {
    "plain": Status.COMPLETED,
    "flaky": Status.COMPLETED,
    "doomed": Status.FAILED,
    "retried": Status.COMPLETED,
    "long": Status.CANCELLED,
    "dropped": Status.CANCELLED,
    "buried": Status.COMPLETED,
    "together 1": Status.COMPLETED,
    "together 2": Status.COMPLETED,
    "together 3": Status.COMPLETED,
    "saver": Status.COMPLETED,
}
BEGUN, OVER = ("began",), ("returned", "raised", "stopped", "overrun")


class Story(NamedTuple):
    """All that the ledger knows of one task."""

    view: TaskView
    trail: Sequence[Audit]
    runs: Sequence[RunView]

    @property
    def task(self) -> Task:
        return self.view.task

    @property
    def name(self) -> str:
        """What it is called in the journal."""
        return self.view.key or ""

    def lines(self, *kinds: str) -> int:
        return sum(line.kind in kinds for line in self.trail)


class Ended(NamedTuple):
    """Where a history has led."""

    stories: Mapping[str, Story]
    """By the task's label."""
    journal: Sequence[Note]

    def begun(self, name: str) -> int:
        """How often a task was begun."""
        return sum(note.kind == "began" and note.said["name"] == name for note in self.journal)

    def noted(self, kind: str, name: str) -> list[Note]:
        return [note for note in self.journal if note.kind == kind and note.said.get("name") == name]


def ended(place: Place) -> Ended:
    views = place.views
    rows = views.tasks(f"batch:{BATCH}").rows
    stories = [Story(view, views.audit(view.task.id), views.runs(view.task.id)) for view in rows]
    return Ended({story.name: story for story in stories}, [*place.journal.notes()])


def broken(place: Place, end: Ended, base: Ended, died: Sequence[str]) -> list[str]:
    """Every law that does not hold, in one sentence each."""
    found = [*of_ledger(place, end), *of_processes(end)]
    for name, story in end.stories.items():
        found += (f"{name}: {law}" for law, holds in of_state(story.task) if not holds)
        found += (f"{name}: {said}" for said in of_task(story, end))
        found += (f"{name}: {said}" for said in of_cost(story, end, base, died))
    return found


def of_ledger(place: Place, end: Ended) -> Iterator[str]:
    verdict = audit(place.views, terms=Terms(place.settings.topology), now=place.board.now())
    yield from (f"audit: {problem.sentence}" for problem in verdict.problems)
    if verdict.quarantined:
        yield f"{verdict.quarantined} messages are in quarantine"
    if verdict.tasks != len(ORDERS) or set(end.stories) != set(OUTCOMES):
        yield f"there are {verdict.tasks} tasks ({sorted(end.stories)}), not {len(ORDERS)}"
    for note in end.journal:
        story = end.stories.get(note.said["name"]) if note.kind == "accepted" else None
        if note.kind == "accepted" and (story is None or story.task.id != note.said["task"]):
            yield f"{note.said['name']}: its submit had returned, and it is not in the ledger (S1)"


def of_processes(end: Ended) -> Iterator[str]:
    """No two live runs of one task; a run dies with its worker."""
    alive: dict[str, str] = {}
    for kind, at, said in end.journal:
        if kind == "began":
            if said["name"] in alive:
                yield f"{said['name']}: two runs at once from {at} ms on (S11): {alive[said['name']]}, {said['run']}"
            alive[said["name"]] = said["run"]
        elif kind in OVER:
            alive.pop(said["name"], None)
        elif kind == "died" and said["role"] == "worker":
            alive.clear()
    if alive:
        yield f"still alive at the end: {alive}"


def of_task(story: Story, end: Ended) -> Iterator[str]:
    task, name = story.task, story.name
    if task.status is not OUTCOMES[name]:
        yield f"it is {state_name(task.status, task.why)}, not {OUTCOMES[name]} (L1)"
    completed = task.status is Status.COMPLETED
    if story.lines("completed") != completed:
        yield f"{story.lines('completed')} events say that it completed (S4)"
    if completed and not end.noted("returned", name):
        yield "it is completed, and no handler returned (S5)"
    if completed and (story.view.result is None) == (story.view.result_ref is None):
        yield "it is completed, and has no result, or two"
    if story.task.losses > story.lines("lost", "lapsed", "expired", "dead-lettered", "voided"):
        yield f"{task.losses} losses, and fewer lines in its trail that charge one"
    yield from of_checkpoints(name, end)


def of_checkpoints(name: str, end: Ended) -> Iterator[str]:
    kept = 0
    for note in end.journal:
        if note.said.get("name") != name:
            continue
        if note.kind == "saved":
            kept = note.said["state"]
        elif note.kind == "loaded" and note.said["state"] < kept:
            yield f"it was told that checkpoint {kept} is kept, and went on from {note.said['state']}"


def of_cost(story: Story, end: Ended, base: Ended, died: Sequence[str]) -> Iterator[str]:
    """A kill of a worker costs each task at most one run and one loss; any other kill costs nothing."""
    name, workers = story.name, died.count("worker")
    runs, usual = end.begun(name), base.begun(name)
    if not usual <= runs <= usual + workers and not (name == "long" and runs <= usual + workers):
        yield f"{runs} runs after the deaths of {Counter(died)}, where {usual} are usual"
    losses = base.stories[name].task.losses
    least = losses if died.count("orchestrator") < 2 else 0  # what is void by then is not charged as buried
    if not least <= story.task.losses <= losses + workers:
        yield f"{story.task.losses} losses after the deaths of {Counter(died)}, where {losses} are usual"
    if not died and name in ("together 1", "together 3") and story.task.members != TOGETHER:
        yield f"it shared its message with {story.task.members - 1} others, not with {TOGETHER - 1}"
    raised, charged = len(end.noted("raised", name)), story.lines("failed")
    if not charged <= raised <= charged + workers:
        yield f"{raised} runs failed, and {charged} attempts were charged"
