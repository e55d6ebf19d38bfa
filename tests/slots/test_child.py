"""What a child does between two of its steps, in this process: whatever comes in the way there."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from leasehold.adapters.slots.boot import WORDS_BYTES, boot
from leasehold.adapters.slots.calls import Order, OrderFields
from leasehold.adapters.slots.child import Child
from leasehold.adapters.slots.frames import BEGAN, JOB, LEAVE, RETURNED, UNBEGUN, Decoder, Message, encode
from leasehold.adapters.slots.line import Line
from leasehold.adapters.slots.spool import Spool
from leasehold.adapters.slots.together import Together
from leasehold.flow.registry import Registry
from tests.slots.bench import LONG

ran: list[str] = []


def plain() -> None:
    ran.append("plain")


async def beside() -> None:
    ran.append("beside")


@pytest.fixture
def handlers() -> Registry:
    ran.clear()
    registry = Registry()
    registry.add(plain)
    registry.add(beside, concurrency=4)
    return registry


class Wired(Line):
    """A line whose other ends a test holds."""

    def __init__(self, folder: Path) -> None:
        inward, self.theirs = os.pipe()
        self.heard, outward = os.pipe()
        super().__init__(inward, outward, memoryview(bytearray(WORDS_BYTES)).cast("q"), Spool(str(folder), "c"))
        self.after_sending: Callable[[], None] = lambda: None
        self._open = [inward, self.theirs, self.heard, outward]

    def send(self, messages: list[Message]) -> None:
        super().send(messages)
        self.after_sending()

    def give(self, *messages: Message) -> None:
        os.write(self.theirs, encode(list(messages)))

    def hang_up(self) -> None:
        self._open.remove(self.theirs)
        os.close(self.theirs)

    def said(self) -> list[object]:
        """The kinds of what was sent."""
        return [message[0] for message in Decoder().feed(os.read(self.heard, 1 << 16))]

    def close(self) -> None:
        for fd in self._open:
            os.close(fd)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Wired]:
    wired = Wired(tmp_path)
    yield wired
    wired.close()


def job(name: str, seq: int = 1, start_by: int | None = None) -> Message:
    now = boot()
    return (JOB, seq, "task", name, "{}", 3, 1, now + LONG, now + LONG if start_by is None else start_by, (), None)


def wait_beyond(instant: int) -> None:
    while boot() <= instant:
        os.sched_yield()


def test_a_run_whose_word_took_too_long_to_be_said_does_not_begin(line: Wired, handlers: Registry) -> None:
    """As while the worker is stopped, and the pipe to it is full."""
    start_by = boot() + 1_000
    line.after_sending = lambda: wait_beyond(start_by)
    child = Child(line, handlers)
    child.run(Order(*cast("OrderFields", job("plain", start_by=start_by)[1:])))
    child.flush()
    assert line.said() in ([BEGAN, UNBEGUN], [UNBEGUN])
    assert ran == []


def test_nor_does_an_async_one(line: Wired, handlers: Registry) -> None:
    start_by = boot() + 1_000
    line.after_sending = lambda: wait_beyond(start_by)
    line.jobs.append(job("beside", start_by=start_by))
    with closing(Together(line, handlers)) as together:
        together.serve()
    assert line.said() in ([BEGAN, UNBEGUN], [UNBEGUN])
    assert ran == []


@pytest.mark.parametrize("message", [job("plain"), (LEAVE,)])
def test_what_a_thread_of_a_run_has_read_is_not_waited_for(line: Wired, message: Message) -> None:
    """It may have been read after the child looked whether there was anything to do."""
    line.give(message)
    line.look()  # such a thread
    line.hang_up()  # so that whoever waits all the same fails
    line.wait()


def test_nothing_begins_in_a_loop_that_is_about_to_stop(
    line: Wired, handlers: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread of a run that has ended may bring news in that moment."""
    with closing(Together(line, handlers)) as together:
        flush = together._flush

        def bring_news() -> None:
            flush()
            if line.on_news is not None and not together._tasks and ran:
                monkeypatch.undo()
                line.jobs.append(job("beside", 2))
                line.on_news()

        monkeypatch.setattr(together, "_flush", bring_news)
        line.jobs.append(job("beside", 1))
        together.serve()
        if line.jobs:
            together.serve()
    assert line.said() == [BEGAN, RETURNED] * 2
    assert ran == ["beside"] * 2
