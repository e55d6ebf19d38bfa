"""One run that was handed to a child, until its one end event."""

from __future__ import annotations

from typing import cast

from leasehold.adapters.slots.frames import RETURNED, YIELDED, Message
from leasehold.adapters.slots.lending import Loan
from leasehold.adapters.slots.logs import Log
from leasehold.core.model import Failure, FailureKind
from leasehold.core.redaction import Redaction, bytes_without, spelled, without
from leasehold.ports.slots import Job, Raised, Returned, Stopped

LEASE_OVER = Failure(
    FailureKind.LEASE,
    "LeaseOverrun",
    "the run was stopped: its lease was over; a longer lease= or checkpoints let it end",
)

OPEN = ("REGION", "PROFILE", "DISABLED", "OUTPUT", "PAGER", "RETRY_MODE", "MAX_ATTEMPTS", "_FILE", "URL", "_URI")
"""How names of variables end that hold no secret; elsewhere they would be taken for one in every log."""
Spoken = tuple[tuple[str, str, str, str, str, int | None, int | None], bool, int | None]
"""A failure as the child says it, whether it is unrecoverable, and the pause in ms that it asks for."""


class Entry:
    """What is known of a run while a child has it."""

    __slots__ = ("_loan", "_redaction", "_secrets", "began", "ending", "job", "log", "overrun", "stop", "unwanted")

    def __init__(self, job: Job, redaction: Redaction | None = None, loan: Loan = ()) -> None:
        self.job = job
        self._redaction = redaction
        self._loan = loan
        self._secrets: list[str] | None = None
        self.began: int | None = None
        self.log: Log | None = None
        self.stop: str | None = None
        """Why it was told to end, if it was."""
        self.unwanted: str | None = None
        """Why it must not begin any more, should it turn out that it has not."""
        self.overrun = False
        self.ending: int | None = None
        """When it has had its grace, once it was made to end."""

    def take_output(self, piece: bytes, stands_for: int) -> None:
        """Keep what it printed."""
        if stands_for:
            if self.log is None:
                self.log = Log()
            self.log.add(piece, stands_for)

    def returned(self, at: int, result: str) -> Returned:
        """It succeeded, even if it was told to end meanwhile."""
        return Returned(self.job.run_id, at, result, *self._log())

    def stopped(self, at: int, cause: str) -> Stopped:
        """It ended without fault of its own."""
        return Stopped(self.job.run_id, at, cause, self.began is not None, *self._log())

    def raised(self, at: int, failure: Failure, *, unrecoverable: bool = False, after: int | None = None) -> Raised:
        """It failed. What it was given in confidence stands in no word of that."""
        if secrets := self.secrets():
            message, frame = without(failure.message, secrets), without(failure.frame, secrets)
            traceback = without(failure.traceback, secrets)
            failure = failure._replace(message=message, frame=frame, traceback=traceback)
        return Raised(self.job.run_id, at, failure, unrecoverable, after, *self._log())

    def ended(self, message: Message, result: str | None) -> Returned | Stopped | Raised:
        """What the child's last word on it means. Whatever a run raises after it was told to end, it ends as told."""
        kind, _, at, _, payload, *_ = cast("tuple[int, int, int, int, object, bytes, int]", message)
        if kind == RETURNED:
            return self.returned(at, cast("str", result))
        if self.overrun:
            return self.raised(at, LEASE_OVER)
        if self.stop is not None:
            return self.stopped(at, self.stop)
        if kind == YIELDED:
            return self.stopped(at, cast("str", payload))
        (failed, *rest), unrecoverable, after = cast("Spoken", payload)
        failure = Failure(FailureKind(failed), *cast("tuple[str, str, str, str, int | None, int | None]", tuple(rest)))
        return self.raised(at, failure, unrecoverable=unrecoverable, after=after)

    def _log(self) -> tuple[bytes, int]:
        return (bytes_without(self.log.kept(), self.secrets()), self.log.total) if self.log is not None else (b"", 0)

    def note(self, text: str | None) -> str | None:
        """What it says of its progress, as others may see it."""
        return None if text is None else without(text, self.secrets())

    def secrets(self) -> list[str]:
        """What was given to this run and is shown to nobody: under hidden keys, marked as secret, or lent."""
        if self._secrets is None:
            lent = spelled(value for name, value in self._loan if value and not name.endswith(OPEN))
            try:
                hidden = [] if self._redaction is None else self._redaction.secrets(self.job.arguments)
            except ValueError:
                hidden = []  # arguments that are no JSON fail by themselves
            self._secrets = sorted({*lent, *hidden}, key=lambda each: (-len(each), each))
        return self._secrets
