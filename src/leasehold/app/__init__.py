"""The Python face: an App with its handlers, and handles on what was submitted. It only delegates."""

from leasehold.app.application import App
from leasehold.app.batches import Batch, Rejected
from leasehold.app.handles import Handle
from leasehold.app.tasks import TaskFunction

__all__ = ["App", "Batch", "Handle", "Rejected", "TaskFunction"]
