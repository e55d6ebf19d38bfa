"""Tasks whose time has come."""

from __future__ import annotations

from leasehold.flow.recorder import announce
from leasehold.ports.clock import Bell
from leasehold.ports.ledger import Change, Ledger, Need

LIMIT = 500


class Scheduler:
    """Makes scheduled tasks due; cron and parents belong here too."""

    def __init__(self, ledger: Ledger, bell: Bell) -> None:
        self._ledger = ledger
        self._bell = bell

    def step(self) -> int:
        """Make due what is due, up to a batch; how many tasks that was."""
        changes = [Change(task_id, event) for task_id, event in self._ledger.alarms(Need.SCHEDULER, LIMIT)]
        if changes:
            announce(self._bell, self._ledger.apply(changes))
        return len(changes)
