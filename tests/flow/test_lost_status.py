"""Reports that the status queue loses: nothing is counted that was not heard, and the task is run again."""

from __future__ import annotations

from leasehold import App
from leasehold.adapters.memory import MemoryQueue
from leasehold.core.model import Status
from leasehold.flow.audit import audit
from leasehold.testing.inline import InlineSystem, run_inline

app = App("lost reports")
runs: list[int] = []


@app.task(lease="30s")
def note(number: int) -> int:
    runs.append(number)
    return number


def drop_all(queue: MemoryQueue) -> int:
    """The queue is purged."""
    found = queue.receive(10, wait=0, visibility=0).deliveries
    queue.delete([each.receipt for each in found])
    return len(found)


def until_reported(system: InlineSystem) -> None:
    """The run is over, its message is deleted, and its report is on the status queue; nobody has recorded it."""
    for _ in range(20):
        system.scheduler.step()
        system.dispatcher.step()
        system.intake.step()
        system.worker.step()
        system.reporter.step()
    assert system.task_queue("default").depth() == (0, 0)
    assert system.reports.depth().visible > 0


def test_a_success_whose_report_is_lost_is_run_again_and_completes() -> None:
    with run_inline(app) as system:
        handle = note.submit(7)
        until_reported(system)
        assert drop_all(system.reports) > 0
        system.until_quiet()
        view = system.views.task(handle.id)
        assert view is not None
        assert (view.task.status, view.task.n, runs) == (Status.COMPLETED, 2, [7, 7])
        assert audit(system.views).ok
