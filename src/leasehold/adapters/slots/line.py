"""The child's end of its two pipes, for all its threads."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import cast

from leasehold.adapters.slots.boot import BEGUN, REVOKED
from leasehold.adapters.slots.frames import (
    ANSWER,
    CANCEL,
    INTERRUPT,
    INTERRUPT_ONE,
    JOB,
    LEAVE,
    Decoder,
    Message,
    encode,
)
from leasehold.adapters.slots.spool import Spool

PIECE = 1 << 16


class WorkerGone(SystemExit):
    """The worker closed its end, or is dead: there is nobody left to work for."""


class Line:
    """Sends from any thread; one thread at a time reads, and hands to the others what is theirs."""

    def __init__(self, inward: int, outward: int, words: memoryview, spool: Spool) -> None:
        self.inward = inward
        self._out = outward
        self.words = words
        self.spool = spool
        self._decoder = Decoder()
        self._poll = select.poll()
        self._poll.register(inward, select.POLLIN)
        self._sending = threading.Lock()
        os.set_blocking(outward, False)
        self._room = select.poll()
        self._room.register(outward, select.POLLOUT)
        self._unsent = bytearray()
        """Also what is left of a frame whose sender was asked to end in the midst of it: it goes before the next."""
        self._main = threading.get_ident()
        self._writing = False
        """Whether the main thread has yet to note what it has just written."""
        self._postponed: BaseException | None = None
        self._changed = threading.Condition()
        self._reading = False
        self._questions = count(1)
        self._awaited: set[int] = set()
        """Questions that somebody waits with for an answer."""
        self._answers: dict[int, Message] = {}
        self.jobs: deque[Message] = deque()
        self.cancelled: set[int] = set()
        self.last = 0
        """Number of the newest job."""
        self._interruption = ("", 0)
        self._singled_out: dict[int, str] = {}
        """Why single runs should end early; each is told once, and remembers."""
        self.leaving = False
        self.asked = False
        """Whether the leash has asked this process to end."""
        self.on_news: Callable[[], None] | None = None
        """Called by whichever thread has read something."""

    def send(self, messages: list[Message]) -> None:
        """Put messages on the pipe; they are there when this returns, whatever becomes of this process."""
        frame = encode(messages)
        with self._sending:
            self._unsent += frame
            while self._unsent:
                if not self._write():
                    self._room.poll()

    def _write(self) -> bool:
        """Write what there is room for; whether there was any."""
        room = True
        self._writing = threading.get_ident() == self._main
        try:
            del self._unsent[: os.write(self._out, self._unsent)]
        except BlockingIOError:
            room = False
        finally:
            self._writing = False
        postponed, self._postponed = self._postponed, None
        if postponed is not None:
            raise postponed
        return room

    def end_by(self, error: BaseException) -> None:
        """Raise this in the main thread, which a signal has interrupted: but frames stay whole."""
        if self._writing:
            self._postponed = error
        else:
            raise error

    def ask(self, kind: int, seq: int, *more: object) -> Message:
        """Ask something for that run and wait for the answer.

        Who is interrupted meanwhile never hears it: what is asked next must not take it for its own.
        """
        question = next(self._questions)
        self._awaited.add(question)
        try:
            self.send([(kind, seq, question, *more)])
            return self._answer_to(question)
        finally:
            self._awaited.discard(question)
            self._answers.pop(question, None)

    def _answer_to(self, question: int) -> Message:
        while True:
            with self._changed:
                if question in self._answers:
                    return self._answers[question]
                if self._reading:
                    self._changed.wait()
                    continue
                self._reading = True
            self._read()

    def wait(self) -> None:
        """Wait until something came in: not if a thread of a run has read it since the caller looked."""
        with self._changed:
            if self.jobs or self.leaving:
                return
            if self._reading:
                self._changed.wait()
                return
            self._reading = True
        self._read()

    def look(self) -> None:
        """Take in what is there, without waiting."""
        with self._changed:
            if self._reading:
                return
            self._reading = bool(self._poll.poll(0))
            if not self._reading:
                return
        self._read()

    def _read(self) -> None:
        messages: list[Message] = []
        try:
            piece = os.read(self.inward, PIECE)
            if not piece:
                raise WorkerGone(0)
            messages = self._decoder.feed(piece)
        finally:
            with self._changed:
                for message in messages:
                    self._take(message)
                self._reading = False
                self._changed.notify_all()
            if messages and self.on_news is not None:
                self.on_news()

    def _take(self, message: Message) -> None:
        kind = message[0]
        if kind == JOB:
            self.jobs.append(message)
            self.last = cast("int", message[1])
        elif kind == ANSWER:
            if (question := cast("int", message[2])) in self._awaited:
                self._answers[question] = message
        elif kind == INTERRUPT:
            self.interrupt(*cast("tuple[str, int]", message[1:]))
        elif kind == INTERRUPT_ONE:
            reason, seq = cast("tuple[str, int]", message[1:])
            self._singled_out[seq] = reason
        elif kind == CANCEL:
            self.cancelled.add(cast("int", message[1]))
        elif kind == LEAVE:
            self.leaving = True

    def interrupt(self, reason: str, last: int) -> None:
        """Runs up to this one should end early."""
        self._interruption = (reason, last)

    def interrupted(self, seq: int) -> str | None:
        """Why that run should end early, as far as it is known here."""
        reason, last = self._interruption
        return self._singled_out.pop(seq, reason if seq <= last else None)

    def begins(self, seq: int) -> None:
        """Write down that this job may begin, before it is said: what is said may go astray."""
        self.words[BEGUN] = seq

    def revoked(self, seq: int) -> bool:
        """Whether the worker has taken this job back before it began."""
        return self.words[REVOKED] >= seq
