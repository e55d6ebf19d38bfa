"""What everybody but the workers may do next: dispatcher, recorder, sweeper, people, the platform, the queue itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from leasehold.core import events
from leasehold.core.model import Status, Why
from tests.model.parts import Configuration, Message, Report, Reports, Sending, without_one
from tests.model.rows import NOW, TICK, Rows, event_of
from tests.model.worker import message_name, put


class Ledger(NamedTuple):
    """The row by its number, what is committed and not sent, and the task queue."""

    row: int
    sends: tuple[Sending, ...]
    messages: tuple[Message, ...]


class Move(NamedTuple):
    """One step, and what is so after it."""

    after: Ledger
    says: str
    cost: str | None = None
    told: Report | None = None
    breaks: str = ""
    recalled: Report | None = None
    """The dead run of which there is nothing more to do."""


class Record(NamedTuple):
    """One step of the recorder, and what is so after it."""

    row: int
    reports: Reports
    says: str
    cost: str | None = None
    breaks: str = ""


class Orchestrator:
    """Its roles, in one world."""

    def __init__(self, world: Configuration, rows: Rows) -> None:
        self._world = world
        self._rows = rows
        self._validity = NOW + world.validity * TICK

    def steps(self, at: Ledger) -> Iterator[Move]:
        """Whatever may happen next here."""
        yield from self._dispatch(at)
        for sending in at.sends:
            yield from self._send(at, sending)
        yield from self._sweep(at)
        yield from self._people(at)
        for message in at.messages:
            yield from self._queue(at, message)

    def _told(self, at: Ledger, event: events.Event, says: str, cost: str | None = None) -> Iterator[Move]:
        """An event that the ledger decides; nothing is a step that changes nothing."""
        answer = self._rows.tell(at.row, event)
        if answer.row != at.row or answer.breaks:
            yield Move(at._replace(row=answer.row), says, cost, breaks=answer.breaks)

    # ------------------------------------------------------------ dispatcher

    def _dispatch(self, at: Ledger) -> Iterator[Move]:
        task = self._rows[at.row]
        if task.why is not Why.DUE or task.n >= self._world.dispatches:
            return
        n = task.n + 1
        dispatched = events.Dispatched(self._validity, 2 if self._world.bundle else 1)
        for move in self._told(at, dispatched, f"dispatch {n} is committed"):
            sending = Sending(n, self._world.validity)
            if self._world.one_transaction:
                yield move._replace(after=sent(move.after, sending), says=f"dispatch {n} is committed with its message")
            else:
                waiting = tuple(sorted((*at.sends, sending)))
                yield move._replace(after=move.after._replace(sends=waiting))

    def _send(self, at: Ledger, sending: Sending) -> Iterator[Move]:
        """R10. A dispatcher may pause for as long as it likes between its commit and its first send."""
        n, done = sending.n, at._replace(sends=without_one(at.sends, sending))
        if sending.copies:
            again = sent(done, sending) if not self._world.fifo else done
            if sending.valid:
                yield Move(again, f"message {n} is sent again under its number")
            yield Move(done, f"message {n} is not sent again")
            return
        yield Move(sent(done, sending), f"message {n} is sent")
        yield Move(done, f"message {n} is never sent: its dispatcher crashes", "lose")
        on_queue = sent(done, sending)
        if self._world.claims or self._world.fifo or self._world.lacks("R10"):
            kept = tuple(sorted((*done.sends, sending._replace(copies=1))))
            yield Move(on_queue._replace(sends=kept), f"message {n} is sent, and the reply is lost", "resend")
        refused = f"the queue will not take message {n}"
        yield from self._told(done, events.Unsendable(n, "too large"), refused, "unsendable")
        if self._world.lacks("R10 refused"):
            lost = f"message {n} is sent, the reply is lost, and that is taken for a refusal"
            yield from self._told(on_queue, events.Unsendable(n, "no reply"), lost, "lose")

    # ------------------------------------------------------------ sweeper, people, platform

    def _sweep(self, at: Ledger) -> Iterator[Move]:
        owed = self._rows.owed(at.row)
        if isinstance(owed, events.Lapsed):
            blind = self._world.claims or self._world.lacks("R7")
            yield from self._told(at, events.Lapsed(redispatch=blind), "the sweeper finds the lease over")
        elif owed is not None:
            what = "the task is due" if isinstance(owed, events.Due) else "the sweeper finds the dispatch void"
            yield from self._told(at, owed, what)

    def _people(self, at: Ledger) -> Iterator[Move]:
        yield from self._told(at, events.Cancelled("ann"), "ann cancels the task", "cancel")
        yield from self._told(at, events.Retried("ann"), "ann retries the task", "retry")

    def recall(self, at: Ledger, reports: Reports) -> Iterator[Move]:
        """R13: the platform says that a machine is gone for good; its run is shown to others at once."""
        task, lacks = self._rows[at.row], self._world.lacks
        dead = [gone for gone in reports.gone if gone.run == task.run_id]
        if lacks("R13 dead") and task.run_id is not None:
            dead = [Report("gone", task.n, task.r)]
        if task.status is not Status.IN_PROGRESS or task.lease_until <= NOW:
            return
        for gone in dead:
            if any(each.run == gone.run for each in reports.there) and not lacks("R13 unread"):
                continue
            yield from self._recalled(at, gone)

    def _recalled(self, at: Ledger, gone: Report) -> Iterator[Move]:
        """First the ledger decides, then the message is shown; where runs are claimed it is left alone."""
        name, lacks = f"the orchestrator recalls run {gone.run}", self._world.lacks
        recalled = events.Recalled(gone.run, 0, self._world.claims)
        if self._world.claims:
            for move in self._told(at, recalled, name):
                yield move._replace(recalled=gone)
            return
        seen = at._replace(messages=visible(at.messages, gone))
        if lacks("R13 once"):
            yield Move(seen, f"{name}, and crashes before it says so", "lose")
        if lacks("R13 decided"):
            yield Move(seen, f"{name}, whatever the ledger says", recalled=gone)
        for move in self._told(at, recalled, f"{name}, and crashes before it shows its message", "lose"):
            yield move._replace(recalled=gone)
        for move in self._told(seen, recalled, name):
            yield move._replace(recalled=gone)

    # ------------------------------------------------------------ the queue

    def _queue(self, at: Ledger, message: Message) -> Iterator[Move]:
        """What it does by itself: one message is handed out twice, lost, or buried."""
        name, others = message_name(message), without_one(at.messages, message)
        if not any(each.n == message.n for each in others):
            twin = message._replace(copy=1, r=max(0, message.r - 1), hidden=0)
            twice = at._replace(messages=tuple(sorted((*at.messages, twin))))
            yield Move(twice, f"the queue will hand out message {name} twice", "duplicate")
        yield Move(at._replace(messages=others), f"the queue loses message {name}", "purge")
        if not message.hidden:
            buried = Report("dead-lettered", message.n, self._world.most_receives + 2)
            yield Move(at._replace(messages=others), f"the queue buries message {name}", "bury", buried)

    # ------------------------------------------------------------ recorder

    def record(self, row: int, reports: Reports) -> Iterator[Record]:
        """R8: any report at any time; recorded twice where a recorder dies between its commit and its delete."""
        for report in dict.fromkeys(reports.there):
            says = f"recorded: run {report.run} is {report.kind}" + (" and deleted" if report.deleted else "")
            answer = self._rows.tell(row, event_of(report))
            left = taken(reports, report)
            lost = reports._replace(there=left.there)
            if self._world.lacks("R8"):
                yield Record(row, lost, f"a recorder deletes '{report.run} is {report.kind}', and crashes", "twice")
            yield Record(answer.row, left, says, None, answer.breaks)
            if answer.row != row:
                yield Record(answer.row, reports, f"{says}, and is not deleted", "twice", answer.breaks)
            yield Record(row, left, f"the status queue loses '{report.run} is {report.kind}'", "forget")


def visible(messages: tuple[Message, ...], gone: Report) -> tuple[Message, ...]:
    """Shown to others with the dead run's receipt, which may still work when it is not the newest one any more."""
    for message in messages:
        if (message.n, message.copy) == (gone.n, gone.copy):
            return put(messages, message, message._replace(hidden=0))
    return messages


def sent(at: Ledger, sending: Sending) -> Ledger:
    """With its message on the queue."""
    message = Message(sending.n, sending.copies, 0, 0, sending.valid)
    return at._replace(messages=tuple(sorted((*at.messages, message))))


def taken(reports: Reports, report: Report) -> Reports:
    """With one report less; a success that is not there any more is not owed any more."""
    there = without_one(reports.there, report)
    owed = reports.acknowledged and any(each.kind == "completed" for each in there)
    return reports._replace(there=there, acknowledged=owed)
