"""Who submits: writes down each task before it is submitted, and again when the submit has returned."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from itertools import groupby
from threading import Event, Thread
from time import monotonic

from leasehold import LeaseholdError
from tests.soak.fleet import Fleet
from tests.soak.handlers import work
from tests.soak.history import note
from tests.soak.plan import Job

BATCH = "soak"
MANY = 25
"""So many tasks are submitted together now and then: of every four times so many, one such group."""
AGAIN = 0.2
"""s until a submit that failed is tried again."""


class Client(Thread):
    """Submits all jobs, evenly over so many seconds, however often a submit fails."""

    def __init__(self, fleet: Fleet, jobs: Sequence[Job], seconds: float) -> None:
        super().__init__(name="client", daemon=True)
        self.trouble = ""
        """Why it ended before everything was submitted: a defect of the soak."""
        self._fleet = fleet
        self._jobs = jobs
        self._seconds = seconds
        self._file = str(fleet.folder / "submits.jsonl")
        self._given_up = Event()

    def give_up(self) -> None:
        """Submit no more."""
        self._given_up.set()

    def run(self) -> None:
        """Submit them."""
        began = monotonic()
        try:
            with work.app.behind(self._fleet.connection):
                for _, group in groupby(self._jobs, key=together):
                    jobs = [*group]
                    self._given_up.wait(began + self._seconds * jobs[0].number / len(self._jobs) - monotonic())
                    self._submit(jobs)
        except Exception:  # noqa: BLE001 - told by who waits for this thread
            self.trouble = traceback.format_exc()

    def _submit(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            note(self._file, "meant", key=str(job.number), kind=job.kind)
        self._until_accepted([str(job.number) for job in jobs], lambda: submit(jobs))

    def _until_accepted(self, keys: Sequence[str], how: Callable[[], str | None]) -> None:
        while not self._given_up.is_set():
            try:
                task = how()
            except LeaseholdError as error:
                note(self._file, "refused", keys=keys, error=f"{type(error).__name__}: {error}")
                self._given_up.wait(AGAIN)
            else:
                note(self._file, "accepted", keys=keys, task=task)
                return


def together(job: Job) -> int:
    """Jobs with the same number are submitted together."""
    place, within = divmod(job.number, MANY)
    return -1 - place if place % 4 == 3 else place * MANY + within


def submit(jobs: Sequence[Job]) -> str | None:
    """One by ``submit``, several by ``submit_many``; the id of the one."""
    if len(jobs) == 1:
        number, kind, seconds = jobs[0]
        return work.options(key=str(number), batch=BATCH).submit(number=number, kind=kind, seconds=seconds).id
    batch = work.submit_many([job._asdict() for job in jobs], key="number", batch=BATCH)
    assert batch.submitted + batch.existing == len(jobs), batch.rejected
    return None
