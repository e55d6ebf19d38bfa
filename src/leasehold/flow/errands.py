"""Store calls on their way: made elsewhere, because each may take its time, and answered on the worker's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TypeVar

Work = Callable[[], None]
Executor = Callable[[Work], None]
"""Sees to it that a piece of work is done, now or later, on whatever thread. What it is given never raises."""

T = TypeVar("T")


def at_once(work: Work) -> None:
    """The executor of tests and simulations: done when the call returns."""
    work()


class Threads:
    """The executor of real workers: up to ``most`` daemon threads, each started when it is first needed.

    Daemons, because a call that hangs must not keep a process that wants to end.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._undone = 0
        self._lock = Lock()

    def __call__(self, work: Work) -> None:
        """Have this done soon, after what was given before."""
        with self._lock:
            self._undone += 1
            if len(self._threads) < min(self._undone, self._most):
                number = len(self._threads) + 1
                self._threads.append(Thread(target=self._serve, name=f"leasehold-store-{number}", daemon=True))
                self._threads[-1].start()
        self._queue.put(work)

    def close(self) -> None:
        """End the threads once they have done what they were given."""
        for _ in self._threads:
            self._queue.put(None)

    def join(self, timeout: float) -> None:
        """Wait for their ends, at most ``timeout`` s each."""
        for thread in self._threads:
            thread.join(timeout)

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
            with self._lock:
                self._undone -= 1


class Errands:
    """What was sent to the store and has not been answered. Several runs at once; those of one run in their order.

    ``send`` may be called from anywhere, ``collect`` belongs to the worker's thread. ``wake`` ends its waiting.
    """

    def __init__(self, execute: Executor, wake: Callable[[], None] = lambda: None) -> None:
        self._execute = execute
        self._wake = wake
        self._lock = Lock()
        self._lines: dict[str, deque[Work]] = {}
        """By run: what is to be done once the errand under way is done."""
        self._returned: deque[Callable[[], None]] = deque()
        self._open = True
        self.load = 0
        """Errands on their way."""

    def send(self, run_id: str, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Have ``work`` done after all earlier errands of this run; ``collect`` gives what it returns to ``then``.

        What ``work`` raises is a defect: it is raised by ``collect``.
        """

        def errand() -> None:
            try:
                back: Callable[[], None] = partial(then, work())
            except BaseException as defect:  # noqa: BLE001 - whatever it is, it must end the worker, not only its thread
                back = partial(_raise, defect)
            self._done(run_id, back)

        with self._lock:
            self.load += 1
            if (line := self._lines.get(run_id)) is not None:
                line.append(errand)
                return
            self._lines[run_id] = deque()
        self._execute(errand)

    def under_way(self, run_id: str) -> bool:
        """Whether this run waits for the store."""
        return run_id in self._lines

    def collect(self) -> int:
        """Hand over what has come back; how much it was."""
        done = 0
        while self._returned:
            self._returned.popleft()()
            done += 1
        return done

    def close(self) -> None:
        """Wake nobody any more: what comes back from now on is for nobody."""
        with self._lock:
            self._open = False

    def _done(self, run_id: str, back: Callable[[], None]) -> None:
        with self._lock:
            self._returned.append(back)
            self.load -= 1
            line = self._lines[run_id]
            following = line.popleft() if line else None
            if following is None:
                del self._lines[run_id]
            if self._open:
                self._wake()
        if following is not None:
            self._execute(following)


def _raise(defect: BaseException) -> None:
    raise defect
