"""Many tasks in one request: JSON lines in, committed in chunks, JSON lines out; memory does not grow with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import NamedTuple

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from leasehold.core.errors import KeyTaken, LeaseholdError, TooLarge, UsageError
from leasehold.core.units import MIB, say_bytes
from leasehold.flow.client import Order, Refused, Submission
from leasehold.flow.problems import BadRequest, told
from leasehold.ports.ledger import Existing, KeyConflict
from leasehold.web.bodies import NewTask
from leasehold.web.json import written
from leasehold.web.problems import defect, invalid
from leasehold.web.source import Writing

ROWS = 1_000
"""As many rows are committed together."""
BYTES = 4 * MIB
"""And not more of them than this, whatever they are."""
LINGER = 0.1
"""Seconds without anything new after which what is there is committed: somebody may wait for the answer."""


class Line(NamedTuple):
    """One row as it came. ``None``: it was too long to be read."""

    row: int
    text: bytes | None


class Terms(NamedTuple):
    """What holds for all rows of one request."""

    writing: Writing
    by: str
    idempotency: str | None
    """What rows without a key get one from, with their number."""
    quiet: bool
    """Whether only rows that were rejected are answered."""
    longest: int
    """Bytes of one line."""


class Lines:
    """Cuts a stream into lines. Empty ones do not count; of one that is too long nothing is kept."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = b""
        self._skipping = False
        self._row = 0
        self.waiting: list[Line] = []
        self.size = 0

    @property
    def full(self) -> bool:
        """Whether what waits should be written before more is read."""
        return len(self.waiting) >= ROWS or self.size >= BYTES

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        *whole, rest = (self._rest + piece).split(b"\n")
        for line in whole:
            self._take(line)
        self._rest = rest
        if len(rest) > self._longest:
            self._rest, self._skipping = b"", True

    def end(self) -> None:
        """The last line may lack its end."""
        self._take(self._rest)
        self._rest = b""

    def taken(self) -> list[Line]:
        """Up to so many of those that wait, and forget them."""
        first, self.waiting = self.waiting[:ROWS], self.waiting[ROWS:]
        self.size = sum(len(line.text or b"") for line in self.waiting)
        return first

    def _take(self, line: bytes) -> None:
        too_long = self._skipping or len(line) > self._longest
        self._skipping = False
        if not too_long and not line.strip():
            return
        self._row += 1
        self.waiting.append(Line(self._row, None if too_long else line))
        self.size += 0 if too_long else len(line)


class Intake:
    """Writes the rows of one request, and answers each of them."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.submitted = self.existing = self.rejected = 0

    async def answers(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The answer, piece by piece. Its last line sums up; where that is missing, the connection was cut."""
        try:
            async for lines in chunks(body, self._terms.longest):
                yield await run_in_threadpool(self._write, lines)
        except ClientDisconnect:  # nobody is there to be told; what is committed stays
            return
        except LeaseholdError as error:
            yield said({"problem": told(error), **self._sums})
        except Exception as error:  # noqa: BLE001 - the answer has begun: its last line is where a defect can be told
            yield said({"problem": told(defect(error)), **self._sums})
        else:
            yield said({"done": True, **self._sums})

    @property
    def _sums(self) -> dict[str, int]:
        rows = self.submitted + self.existing + self.rejected
        return {"rows": rows, "submitted": self.submitted, "existing": self.existing, "rejected": self.rejected}

    def _write(self, lines: list[Line]) -> bytes:
        """Commit a chunk; what is said of its rows, in their order."""
        found = {line.row: self._order(line) for line in lines}
        orders = [(row, order) for row, order in found.items() if isinstance(order, Order)]
        answers = {row: answer for (row, _), answer in self._terms.writing.client.submit_many(orders, ROWS)}
        return b"".join(self._told(row, found[row], answers.get(row)) for row in found)

    def _order(self, line: Line) -> Order | LeaseholdError:
        terms = self._terms
        try:
            wanted = read(line, terms.longest)
            key = None if terms.idempotency is None else f"{terms.idempotency}/{line.row}"
            order = terms.writing.ordering.order(wanted.wish(key))
            terms.writing.client.vet(order)
        except LeaseholdError as error:
            return error
        return order._replace(note=f"submitted by {terms.by}")

    def _told(self, row: int, order: Order | LeaseholdError, answer: Submission | None) -> bytes:
        if isinstance(answer, KeyConflict) and isinstance(order, Order):
            order = taken(order, answer)
        if isinstance(answer, Refused):
            order = answer.error
        if isinstance(order, LeaseholdError):
            self.rejected += 1
            return said({"row": row, "problem": told(order)})
        if answer is None or isinstance(answer, KeyConflict | Refused):
            return b""
        existed = isinstance(answer, Existing)
        self.existing += existed
        self.submitted += not existed
        status = answer.status.value if isinstance(answer, Existing) else "pending"
        return (
            b"" if self._terms.quiet else said({"row": row, "id": answer.task_id, "existed": existed, "status": status})
        )


def read(line: Line, longest: int) -> NewTask:
    """A row as a task; raises ``UsageError``."""
    if line.text is None:
        raise TooLarge(f"the line is longer than {say_bytes(longest)}")
    try:
        return NewTask.model_validate_json(line.text)
    except ValidationError as error:
        wrong = [invalid({**each, "loc": ("row", *each["loc"])}) for each in error.errors(include_input=False)]
        raise BadRequest("; ".join(f"{each['parameter'] or 'the row'}: {each['message']}" for each in wrong)) from None


def taken(order: Order, answer: KeyConflict) -> UsageError:
    """A row whose key belongs to other work."""
    return KeyTaken(
        f"the key {order.key!r} is taken by task {answer.task_id}, which has other arguments", answer.task_id
    )


def said(document: dict[str, object]) -> bytes:
    """One line of the answer."""
    return written(document) + b"\n"


class Answering(StreamingResponse):
    """An answer that is made while the request is read. Nothing else may listen: it would swallow parts of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Whoever has gone is noticed by what reads the request."""
        del scope, receive
        await self.stream_response(send)


async def chunks(body: AsyncIterator[bytes], longest: int) -> AsyncIterator[list[Line]]:
    """The lines of a body, as many together as should be committed together."""
    lines, stream = Lines(longest), aiter(body)
    coming = asyncio.ensure_future(following(stream))
    try:
        while True:
            await asyncio.wait({coming}, timeout=LINGER if lines.waiting else None)
            if coming.done():
                piece = coming.result()
                if piece is None:
                    break
                lines.feed(piece)
                coming = asyncio.ensure_future(following(stream))
                if not lines.full:
                    continue
            for chunk in all_of(lines):
                yield chunk
    finally:
        if not coming.done():
            coming.cancel()
            with suppress(asyncio.CancelledError):
                await coming
    lines.end()
    for chunk in all_of(lines):
        yield chunk


def all_of(lines: Lines) -> Iterator[list[Line]]:
    """What waits, in chunks."""
    while lines.waiting:
        yield lines.taken()


async def following(stream: AsyncIterator[bytes]) -> bytes | None:
    """The next piece; ``None`` at the end."""
    return await anext(stream, None)
