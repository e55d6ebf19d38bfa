"""Requests to SQS, counted under the names that queues have in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from leasehold.core.metering import Action
from leasehold.ports.metering import Meter

ACTIONS: Mapping[str, Action] = {
    "SendMessage": Action.SEND,
    "ReceiveMessage": Action.RECEIVE,
    "DeleteMessage": Action.DELETE,
    "ChangeMessageVisibility": Action.CHANGE,
}
"""Actions as IAM spells them; what is not here is ``other``."""


class Load(NamedTuple):
    """What a request carries, or its reply."""

    messages: int = 0
    size: int = 0


class Counting:
    """Tells a meter what is asked of SQS. ``called`` names a queue by its name there and by its role."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._roles: dict[str, str] = {}

    def called(self, queue: str, role: str) -> None:
        """From now on that queue is counted under ``role``."""
        self._roles[queue] = role

    def made(self, queue: str, action: str, load: Load, *, failed: bool = False) -> None:
        """One request was made, and answered unless it ``failed``."""
        role, kind = self._roles.get(queue, queue), ACTIONS.get(action, Action.OTHER)
        self._meter.count(role, kind, size=load.size, messages=0 if failed else load.messages, failed=failed)

    def looked_up(self, queue: str) -> None:
        """Its URL was asked for."""
        self.made(queue, "GetQueueUrl", Load())
