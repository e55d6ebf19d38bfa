"""Several requests side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

J = TypeVar("J")
T = TypeVar("T")
THREADS = 8
"""Requests of all calls together that are under way at once. boto3's own work holds the interpreter, 1 ms per request,
so more would only stand in line behind each other."""


class Hands:
    """A few threads for the requests of one long list; a call of one request uses its own thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None

    def each(self, jobs: Sequence[J], work: Callable[[J], T]) -> list[T]:
        """``work`` for each job, in order."""
        if len(jobs) <= 1:
            return [work(job) for job in jobs]
        return list(self._pool().map(work, jobs))

    def close(self) -> None:
        """Let the threads go; what is under way ends by itself."""
        with self._lock:
            if self._threads is not None:
                self._threads.shutdown(wait=False)
                self._threads = None

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="leasehold-sqs")
            return self._threads
