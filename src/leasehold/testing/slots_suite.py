"""What all slots owe, as tests: subclass ``SlotsSuite`` and give it a ``slots`` fixture with ``slot_handlers``.

::

    class TestMySlots(SlotsSuite):
        @pytest.fixture
        def slots(self) -> Slots: ...
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from leasehold.core.model import FailureKind
from leasehold.ports.slots import (
    Answer,
    Job,
    Loading,
    Raised,
    Returned,
    Saving,
    SlotEvent,
    Slots,
    Stopped,
    Told,
)

LEASE = 60_000
TURNS = 60
"""Waits of a second until a test has failed."""
Value = Any
"""An argument of a handler."""
numbers = count(1)


class Driver:
    """Runs jobs as a worker would."""

    def __init__(self, slots: Slots, boot: Callable[[], int]) -> None:
        self.slots = slots
        self._boot = boot
        self.seen: list[SlotEvent] = []
        self.states: list[str] = []
        self.answer = Answer()

    def start(self, name: str, /, *, start_by: int = LEASE, **arguments: Value) -> str:
        """Hand a run over; its id."""
        run_id = f"run-{next(numbers)}"
        now = self._boot()
        self.slots.start([Job(run_id, "t", name, json.dumps(arguments), 2, 1, now + LEASE, now + start_by)])
        return run_id

    def end(self, run_id: str) -> Any:  # noqa: ANN401 - tests ask it for what only one kind of end has
        """Wait for the end of a run."""
        return self.wait(lambda event: event.run_id == run_id and isinstance(event, Returned | Raised | Stopped))

    def run(self, name: str, /, **arguments: Value) -> Any:  # noqa: ANN401 - as end()
        """Start a run and wait for its end."""
        return self.end(self.start(name, **arguments))

    def wait(self, wanted: Callable[[SlotEvent], bool]) -> SlotEvent:
        """Wait for an event, or find it among those seen."""
        for _ in range(TURNS):
            if found := [event for event in self.seen if wanted(event)]:
                return found[0]
            for event in self.slots.events(1_000):
                self.seen.append(event)
                self._reply(event)
        raise AssertionError(f"nothing of the kind in {self.seen}")

    def _reply(self, event: SlotEvent) -> None:
        if isinstance(event, Saving):
            self.states.append(event.state)
            self.slots.answer(event.run_id, self.answer._replace(question=event.question))
        elif isinstance(event, Loading):
            state = self.states[-1] if self.states else None
            self.slots.answer(event.run_id, self.answer._replace(state=state, question=event.question))

    def kinds(self, run_id: str) -> list[str]:
        """What was heard of a run, in order."""
        return [type(event).__name__ for event in self.seen if event.run_id == run_id]


class SlotsSuite:
    """Runs begin, speak and end; a leash, captured output and deaths are promised by processes only."""

    @pytest.fixture
    def slots(self) -> Slots:
        """Idle slots with the handlers of ``slot_handlers``."""
        raise NotImplementedError

    @pytest.fixture
    def boot(self) -> Callable[[], int]:
        """The clock of the jobs' deadlines."""
        raise NotImplementedError

    @pytest.fixture
    def driver(self, slots: Slots, boot: Callable[[], int]) -> Driver:
        """The worker's part."""
        return Driver(slots, boot)

    def test_handlers_are_known_by_name(self, slots: Slots) -> None:
        """What is not registered is not known."""
        assert slots.knows("noop")
        assert not slots.knows("no_such_handler")

    def test_idle_slots_are_free_and_busy_ones_are_not(self, driver: Driver) -> None:
        """A run that is handed over takes a place until it ends."""
        assert driver.slots.knows("noop")
        free = driver.slots.free()
        assert free > 0
        run_id = driver.start("until_interrupted")
        assert driver.slots.free() == free - 1
        driver.slots.interrupt("enough")
        driver.end(run_id)
        assert driver.slots.free() == free

    def test_a_run_begins_and_ends_once(self, driver: Driver) -> None:
        """One beginning, then one end."""
        run_id = driver.start("noop")
        assert driver.end(run_id).result == "null"
        driver.run("noop")
        assert driver.kinds(run_id) == ["Began", "Returned"]

    def test_more_runs_than_places_all_end(self, driver: Driver) -> None:
        """What finds no place waits for one."""
        runs = [driver.start("add", a=number) for number in range(20)]
        assert [driver.end(run_id).result for run_id in runs] == [str(number + 2) for number in range(20)]

    def test_async_handlers_are_awaited(self, driver: Driver) -> None:
        """Their result is what the coroutine returns."""
        runs = [driver.start("add_async", a=number) for number in range(5)]
        assert [driver.end(run_id).result for run_id in runs] == ["2", "3", "4", "5", "6"]

    def test_a_run_knows_its_token(self, driver: Driver) -> None:
        """As the job said."""
        assert json.loads(driver.run("about").result) == [2, 1, 2 << 20 | 1]

    def test_checkpoints_are_asked_for_and_given(self, driver: Driver) -> None:
        """What was saved last is what is loaded next; progress rides along."""
        assert [driver.run("count").result for _ in range(2)] == ["1", "2"]
        assert driver.states == ["1", "2"]
        saving = [event for event in driver.seen if isinstance(event, Saving)]
        assert [(event.fraction, event.note) for event in saving] == [(0.25, "counted"), (0.5, "counted")]

    def test_a_checkpoint_that_was_not_kept_fails_the_run(self, driver: Driver) -> None:
        """The error reaches the handler, with its words."""
        driver.answer = Answer(error="the store is full")
        assert driver.run("count").failure.message == "the store is full"

    def test_progress_is_told(self, driver: Driver) -> None:
        """Between beginning and end."""
        run_id = driver.start("tell")
        driver.end(run_id)
        assert driver.kinds(run_id) == ["Began", "Told", "Returned"]
        assert Told(run_id, 0.5, "half") in driver.seen

    def test_an_exception_is_a_failure(self, driver: Driver) -> None:
        """With type and message."""
        failure = driver.run("fail").failure
        assert (failure.kind, failure.type, failure.message) == (FailureKind.EXCEPTION, "ValueError", "no good")

    def test_a_failure_may_say_what_comes_next(self, driver: Driver) -> None:
        """When to try again, or that it is useless."""
        assert driver.run("fail_for_now").after == 300_000
        assert driver.run("fail_for_good").unrecoverable

    @pytest.mark.parametrize(
        ("name", "arguments", "kind", "unrecoverable"),
        [
            ("add", {"a": "x"}, FailureKind.ARGUMENTS, True),
            ("add", {"c": 1}, FailureKind.ARGUMENTS, True),
            ("give_no_json", {}, FailureKind.RESULT, True),
            ("leave", {}, FailureKind.EXIT, False),
        ],
    )
    def test_a_failure_has_a_kind(
        self,
        driver: Driver,
        name: str,
        arguments: dict[str, object],
        kind: FailureKind,
        unrecoverable: bool,  # noqa: FBT001 - parametrised values come by place
    ) -> None:
        """What is wrong with arguments or result stays wrong."""
        end = driver.run(name, **arguments)
        assert (end.failure.kind, end.unrecoverable) == (kind, unrecoverable)

    def test_an_interrupted_run_stops_without_blame(self, driver: Driver) -> None:
        """With the reason it was given."""
        run_id = driver.start("until_interrupted")
        driver.wait(lambda event: event.run_id == run_id and isinstance(event, Told))
        driver.slots.interrupt("drain")
        end = driver.end(run_id)
        assert (end.cause, end.begun) == ("drain", True)

    def test_one_run_can_be_interrupted_and_the_others_go_on(self, driver: Driver) -> None:
        """What was said to one is not said to the next run of the same slot."""
        for _ in range(2):
            run_id = driver.start("until_interrupted")
            driver.wait(lambda event, run_id=run_id: event.run_id == run_id and isinstance(event, Told))
            driver.slots.interrupt("not this one", ["another"])
            driver.slots.interrupt("cancelled", [run_id])
            end = driver.end(run_id)
            assert (end.cause, end.begun) == ("cancelled", True)
        assert driver.run("noop").result == "null"

    def test_a_job_that_comes_too_late_never_begins(self, driver: Driver) -> None:
        """Nothing of it runs."""
        run_id = driver.start("noop", start_by=-1)
        assert not driver.end(run_id).begun
        assert driver.kinds(run_id) == ["Stopped"]

    def test_a_run_that_is_stopped_ends_with_the_cause(self, driver: Driver) -> None:
        """It is not charged."""
        run_id = driver.start("until_interrupted")
        driver.wait(lambda event: event.run_id == run_id and isinstance(event, Told))
        driver.slots.stop([run_id], "cancelled")
        end = driver.end(run_id)
        assert (end.cause, end.begun) == ("cancelled", True)

    def test_a_run_that_has_begun_is_not_taken_back(self, driver: Driver) -> None:
        """It goes on."""
        run_id = driver.start("until_interrupted")
        driver.wait(lambda event: event.run_id == run_id and isinstance(event, Told))
        driver.slots.take_back([run_id, "another"], "too late")
        driver.slots.interrupt("drain")
        end = driver.end(run_id)
        assert (end.cause, end.begun) == ("drain", True)

    def test_a_wait_can_be_ended_from_another_thread(self, driver: Driver) -> None:
        """``events`` returns, with nothing."""
        driver.run("noop")
        driver.slots.wake()
        assert driver.slots.events(30_000) == []
