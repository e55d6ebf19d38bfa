"""What went wrong with a request to SQS, in one sentence, and what that leaves open."""

from __future__ import annotations

from leasehold.core.errors import QueueUnavailable


class SqsFailure(QueueUnavailable):
    """A request that failed as a whole.

    ``code``: SQS's word for it, or the SDK's. ``unknown``: it may have been carried out all the same.
    ``answered``: SQS answered it, with an error. ``denied``: these credentials may not ask for this; ``examined``: they
    may, and SQS found fault with the rest.
    ``forget_url``: the queue's URL is not to be used again. ``forget_login``: credentials are to be looked up anew.
    """

    def __init__(
        self,
        sentence: str,
        *,
        code: str,
        unknown: bool = False,
        answered: bool = False,
        examined: bool = False,
        denied: bool = False,
        forget_url: bool = False,
        forget_login: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.unknown = unknown
        self.answered = answered
        self.examined = examined
        self.denied = denied
        self.forget_url = forget_url
        self.forget_login = forget_login
