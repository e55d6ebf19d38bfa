"""Whether every task of a deployment is accounted for: by its audit, by its trails, and by what its runs wrote down."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from leasehold.core.model import Status
from tests.acceptance.deployment import Deployment, Story
from tests.acceptance.small_tasks import double, double_together, really_twice_at_once, spans

BATCH = "small"


def odd_trail(story: Story) -> Iterator[str]:
    """A dispatch over an open one, a number used twice, an end that was recorded twice."""
    numbers = [line.n for line in story.lines("dispatched")]
    if numbers != list(range(1, story.view.task.n + 1)):
        yield f"it was dispatched as {numbers}, and stands at {story.view.task.n}"
    if any(later.before != earlier.after for earlier, later in pairwise(story.trail)):
        yield f"its trail has a gap: {[(line.kind, line.before, line.after) for line in story.trail]}"
    if len(story.lines("completed")) > 1:
        yield "it was completed twice"


def audited(deployment: Deployment, tasks: int) -> dict[str, Any]:
    """What the audit says: that nothing is lost."""
    verdict = deployment.run("audit", "--json").json
    assert verdict["ok"], verdict
    assert verdict["tasks"] == verdict["trails"] == tasks
    return verdict


class SmallBatch:
    """Many small tasks, of which every single one must be completed."""

    def __init__(self, deployment: Deployment, tasks: int, seconds: float = 0.0, *, bundled: bool = False) -> None:
        self.task = double_together if bundled else double
        self.deployment = deployment
        self.tasks = tasks
        self.seconds = seconds
        self.journal = deployment.folder / "journal"

    def submit(self) -> None:
        """Submit them through the Python client."""
        with self.task.app.behind(self.deployment.connection):
            rows = [{"number": number} for number in range(self.tasks)]
            common = {"journal": str(self.journal), "seconds": self.seconds}
            batch = self.task.submit_many(rows, key="number", batch=BATCH, **common)
            assert (batch.submitted, batch.rejected) == (self.tasks, [])

    def check(self, *, twice_at_once: bool = False) -> dict[str, Any]:
        """Every task was completed with its result, once; the audit's verdict. Ends the deployment in good order.

        ``twice_at_once``: two runs at once may be, as the protocol says; then both are on record. The audit counts
        those that the recorded times show: a report that was sent again makes its run look later than it was, here by
        more than a run takes.
        """
        waited = self.deployment.wait(BATCH)
        assert waited.code == 0, waited.out
        self.deployment.stop()
        stories = list(self.deployment.stories(BATCH))
        wrong = [told for story in stories for told in odd(story, self.deployment.overran_standing_still(story))]
        assert not wrong, "\n".join(wrong)
        assert sorted(spans(self.journal)) == list(range(self.tasks)), "each was really run to its end"
        verdict = audited(self.deployment, self.tasks)
        twice = set(really_twice_at_once(self.journal))
        known = {int(story.view.key or 0) for story in stories if len(story.runs) > 1 or story.lines("overlap")}
        assert twice <= known, f"tasks {twice - known} were run twice at once, and the ledger knows one run of each"
        assert twice_at_once or not (twice or verdict["overlaps"]), f"tasks {twice} were run twice at once"
        return verdict


def odd(story: Story, overran: int) -> Iterator[str]:
    """What is not as it should be with one small task, of which so many runs overran as the machine stood still."""
    name, task = f"task {story.view.key}", story.view.task
    if task.status is not Status.COMPLETED or story.result != 2 * int(story.view.key or 0):
        yield f"{name} is {task.status} with {story.view.result}: {task.reason}"
    if task.attempts > overran:
        yield f"{name} was charged {task.attempts} attempts, {overran} for a machine that stood still: {story.runs}"
    yield from (f"{name}: {told}" for told in odd_trail(story))
