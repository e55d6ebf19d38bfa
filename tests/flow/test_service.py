"""How roles are run: no loop ends silently, what is unavailable is tried again, a defect ends the process in words."""

from __future__ import annotations

import signal
import sys
from _thread import interrupt_main
from collections.abc import Callable
from random import Random
from threading import Event, Lock, Thread, current_thread, main_thread

import pytest

from leasehold.core.errors import LedgerDamaged, LedgerUnavailable, QueueUnavailable
from leasehold.flow import service
from leasehold.flow.service import FIRST_PAUSE, LONGEST_PAUSE, Loop, Service, Stop

LONG = 60_000
"""ms: a bound for what would hang, never waited for."""


class HighestChance(Random):
    """Draws the largest number every time."""

    def uniform(self, a: float, b: float) -> float:
        del a
        return b


class ScriptedStop(Stop):
    """Writes down how long was waited, instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[int] = []

    def wait(self, timeout: int | None = None) -> bool:
        if timeout is not None:
            self.pauses.append(timeout)
            return self.asked
        return super().wait(LONG)


def served(*loops: Loop, stop: Stop | None = None) -> None:
    service = Service(loops, stop or Stop(), HighestChance())
    service.start()
    service.join()


def rest() -> None:
    """Nothing to do, and no need to wait for it."""


# ------------------------------------------------------------ a wish to stop


def test_the_first_reason_to_stop_counts() -> None:
    stop = Stop()
    assert not stop.asked
    stop.ask("SIGTERM")
    stop.ask("again")
    assert (stop.asked, stop.reason) == (True, "SIGTERM")
    assert stop.wait(0)


class AskedAgain:
    """A lock that a second signal's handler finds while the first one's thread is in the middle of asking."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.asks = [ask]
        self.lock = Lock()

    def acquire(self, *, timeout: float = -1) -> bool:
        return self.lock.acquire(timeout=timeout)

    def release(self) -> None:
        if self.asks:
            self.asks.pop()()
        self.lock.release()


def test_a_signal_may_interrupt_another_one_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "Lock", lambda: AskedAgain(lambda: stop.ask("SIGTERM")))
    stop = Stop()
    heard: list[str] = []
    stop.on_ask(lambda: heard.append(stop.reason))
    asking = Thread(target=stop.ask, args=("SIGINT",), daemon=True)
    asking.start()
    asking.join(LONG / 1_000)
    assert (stop.reason, heard) == ("SIGINT", ["SIGINT"])


def test_a_signal_that_wakes_nobody_is_heard_all_the_same() -> None:
    """As one that comes in the instant before the main thread blocks."""
    stop, me = Stop(), main_thread()
    assert me is current_thread(), "signals are the main thread's"

    def interrupt() -> None:
        frame = None
        while frame is None or frame.f_code is not Stop._passed.__code__:  # pyright: ignore[reportPrivateUsage] - where it blocks
            frame = sys._current_frames().get(me.ident or 0)  # pyright: ignore[reportPrivateUsage] - the only way to look
        interrupt_main(signal.SIGUSR1)  # calls the handler when that thread wakes, and does not wake it

    before = signal.signal(signal.SIGUSR1, lambda *_: stop.ask("SIGUSR1"))
    try:
        Thread(target=interrupt, daemon=True).start()
        assert stop.wait()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert stop.reason == "SIGUSR1"


def test_a_step_that_never_ends_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "JOIN", 0)
    stop, let_go = Stop(), Event()
    threads: list[Thread] = []

    def hang() -> int:
        threads.append(current_thread())
        stop.ask("enough")
        let_go.wait()
        return 0

    served(Loop("hanging", hang, rest), stop=stop)
    assert [thread.daemon for thread in threads] == [True]
    let_go.set()


def test_whoever_wants_to_know_hears_of_it_once_also_when_it_comes_late() -> None:
    stop, heard = Stop(), list[str]()
    stop.on_ask(lambda: heard.append("early"))
    assert heard == []
    stop.ask("SIGTERM")
    stop.ask("again")
    stop.on_ask(lambda: heard.append("late"))
    assert heard == ["early", "late"]


# ------------------------------------------------------------ loops


def test_loops_run_until_somebody_asks_them_to_stop() -> None:
    stop, steps = Stop(), list[int]()

    def step() -> int:
        steps.append(1)
        if len(steps) == 5:
            stop.ask("enough")
        return 1

    served(Loop("worker", step, rest), stop=stop)
    assert len(steps) == 5


def test_a_step_that_did_something_is_followed_by_the_next_one_that_did_nothing_by_a_rest() -> None:
    stop, story = Stop(), list[str]()

    def step() -> int:
        story.append("step")
        return 1 if len(story) == 1 else 0

    def rests() -> None:
        story.append("rest")
        stop.ask("enough")

    served(Loop("worker", step, rests), stop=stop)
    assert story == ["step", "step", "rest"]


def failing(times: int, error: Exception, stop: Stop) -> Callable[[], int]:
    """A step that fails so often, then works and asks to stop."""
    left = [times]

    def step() -> int:
        if left[0]:
            left[0] -= 1
            raise error
        stop.ask("it works again")
        return 1

    return step


@pytest.mark.parametrize("error", [LedgerUnavailable("down"), QueueUnavailable("down")])
def test_what_is_unavailable_is_tried_again_with_growing_pauses(error: Exception) -> None:
    stop = ScriptedStop()
    served(Loop("recorder", failing(9, error, stop), rest), stop=stop)
    assert stop.pauses[:3] == [FIRST_PAUSE + 1, 2 * FIRST_PAUSE + 1, 4 * FIRST_PAUSE + 1]
    assert stop.pauses[-1] == LONGEST_PAUSE + 1
    assert len(stop.pauses) == 9


def test_pauses_are_drawn_by_chance_so_that_many_do_not_come_back_at_once() -> None:
    stop = ScriptedStop()
    service = Service([Loop("recorder", failing(20, LedgerUnavailable("down"), stop), rest)], stop, Random(0))
    service.start()
    service.join()
    assert len(set(stop.pauses)) > 15
    assert max(stop.pauses) <= LONGEST_PAUSE + 1


def test_once_it_works_again_the_next_trouble_begins_with_a_short_pause() -> None:
    stop = ScriptedStop()
    outcomes: list[Exception | None] = [LedgerUnavailable("1"), LedgerUnavailable("2"), None, LedgerUnavailable("3")]

    def step() -> int:
        if not outcomes:
            stop.ask("enough")
            return 1
        if (error := outcomes.pop(0)) is not None:
            raise error
        return 1

    served(Loop("recorder", step, rest), stop=stop)
    assert stop.pauses == [FIRST_PAUSE + 1, 2 * FIRST_PAUSE + 1, FIRST_PAUSE + 1]


def test_a_rest_may_be_unavailable_too() -> None:
    stop = ScriptedStop()
    rests = failing(1, QueueUnavailable("down"), stop)
    served(Loop("dispatcher", lambda: 0, rests), stop=stop)
    assert len(stop.pauses) == 1


def test_a_defect_stops_every_loop_and_is_raised_to_whoever_waits() -> None:
    stop, began, ended = Stop(), Event(), Event()

    def broken() -> int:
        assert began.wait(LONG / 1_000)
        raise KeyError("a defect")

    def resting() -> None:
        began.set()
        stop.wait(LONG)
        ended.set()

    with pytest.raises(KeyError, match="a defect"):
        served(Loop("sweeper", broken, rest), Loop("recorder", lambda: 0, resting), stop=stop)
    assert ended.is_set()
    assert stop.reason == "sweeper failed: KeyError('a defect')"


@pytest.mark.parametrize(("error", "stack"), [(KeyError("a defect"), True), (LedgerDamaged("told in words"), False)])
def test_the_log_says_where_a_defect_was(error: Exception, caplog: pytest.LogCaptureFixture, *, stack: bool) -> None:
    """A process that serves for weeks cannot be run again with LEASEHOLD_DEBUG to see it once more."""
    stop = Stop()
    with pytest.raises(type(error)):
        served(Loop("sweeper", failing(1, error, stop), rest), stop=stop)
    (record,) = caplog.records
    assert record.getMessage() == f"sweeper cannot go on: {error!r}"
    assert (record.exc_info is not None and record.exc_info[1] is error) is stack


def test_of_several_defects_the_first_is_raised() -> None:
    stop = Stop()

    def follows() -> int:
        stop.wait(LONG)
        raise ValueError("because of the first")

    def first() -> int:
        raise KeyError("the first")

    with pytest.raises(KeyError, match="the first"):
        served(Loop("b", follows, rest), Loop("a", first, rest), stop=stop)


def test_even_an_exit_in_a_loop_is_not_silent() -> None:
    def leaves() -> int:
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        served(Loop("worker", leaves, rest))
