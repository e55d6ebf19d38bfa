"""What every bell owes, as tests: subclass ``BellSuite`` and give it a ``bells`` fixture."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import TimeoutError as StillRunning

import pytest

from leasehold.ports.clock import Bell
from leasehold.testing.queue_bench import BOUND, in_thread

FOREVER = 600_000
THREADS = 5
RINGS = 70_000
"""More than any buffer holds."""

Bells = Callable[[], Bell]
"""Gives a bell; all that it gives hear each other. They may be one and the same."""


class BellSuite:
    """Wakes whoever waits. A hint: what is asked here is that it comes, not that it is exact."""

    @pytest.fixture
    def bells(self) -> Bells:
        """The adapter under test."""
        raise NotImplementedError

    def test_a_ring_wakes_a_waiting_thread(self, bells: Bells) -> None:
        """At once, long before its time is over."""
        listener = bells()
        waiting = in_thread(lambda: listener.wait("due", FOREVER))
        with pytest.raises(StillRunning):
            waiting.result(timeout=0.2)
        bells().ring("due")
        assert waiting.result(timeout=BOUND) is True

    def test_a_ring_wakes_every_thread_that_waits(self, bells: Bells) -> None:
        """Those that share a bell, and those that have one of their own."""
        shared = bells()
        waiting = [in_thread(lambda: shared.wait("ended", FOREVER)) for _ in range(THREADS)]
        own = [bells() for _ in range(THREADS)]
        waiting += [in_thread(lambda bell=bell: bell.wait("ended", FOREVER)) for bell in own]
        for thread in waiting:
            with pytest.raises(StillRunning):
                thread.result(timeout=0.1)
        bells().ring("ended")
        assert [thread.result(timeout=BOUND) for thread in waiting] == [True] * (2 * THREADS)

    def test_a_ring_between_two_waits_is_heard_once(self, bells: Bells) -> None:
        """However often it rang."""
        listener = bells()
        listener.wait("due", 0)
        for _ in range(3):
            bells().ring("due")
        assert listener.wait("due", 0) is True
        assert listener.wait("due", 0) is False

    def test_each_thread_hears_what_another_has_heard(self, bells: Bells) -> None:
        """A ring that one thread took is not lost for its neighbour who was about to wait."""
        listener = bells()
        listener.wait("due", 0)
        bells().ring("due")
        assert listener.wait("due", 0) is True
        assert in_thread(lambda: listener.wait("due", FOREVER)).result(timeout=BOUND) is True

    def test_topics_are_apart(self, bells: Bells) -> None:
        """Whatever is in their names."""
        topics = ["due", "tasks:media", "tasks:media/x", "tasks:ü @%2F", ".."]
        listener = bells()
        for topic in topics:
            listener.wait(topic, 0)
        for topic in topics:
            bells().ring(topic)
            assert [other for other in topics if listener.wait(other, 0)] == [topic]

    def test_a_thread_that_listens_does_not_keep_others_from_other_topics(self, bells: Bells) -> None:
        """Threads of one process may wait for different things."""
        listener = bells()
        due = in_thread(lambda: listener.wait("due", FOREVER))
        ended = in_thread(lambda: listener.wait("ended", FOREVER))
        for thread in (due, ended):
            with pytest.raises(StillRunning):
                thread.result(timeout=0.1)
        bells().ring("ended")
        assert ended.result(timeout=BOUND) is True
        bells().ring("due")
        assert due.result(timeout=BOUND) is True

    def test_the_next_thread_listens_when_the_first_gives_up(self, bells: Bells) -> None:
        """Nobody is forgotten because somebody else had listened for him."""
        listener = bells()
        first = in_thread(lambda: listener.wait("due", 300))
        second = in_thread(lambda: listener.wait("due", FOREVER))
        assert first.result(timeout=BOUND) is False
        bells().ring("due")
        assert second.result(timeout=BOUND) is True

    def test_a_wait_without_a_ring_ends(self, bells: Bells) -> None:
        """And says so."""
        assert bells().wait("due", 50) is False

    def test_ringing_never_blocks(self, bells: Bells) -> None:
        """Not when nobody listens, and not when a listener does not come back."""
        bells().ring("nobody")
        listener = bells()
        listener.wait("due", 0)
        ringer = bells()
        for _ in range(RINGS):
            ringer.ring("due")
        assert listener.wait("due", 0) is True
        ringer.ring("due")
        assert listener.wait("due", 0) is True

    def test_closing_ends_a_wait(self, bells: Bells) -> None:
        """Each of them; nothing has rung."""
        listener = bells()
        waiting = [in_thread(lambda topic=topic: listener.wait(topic, FOREVER)) for topic in ("due", "due", "ended")]
        for thread in waiting:
            with pytest.raises(StillRunning):
                thread.result(timeout=0.1)
        listener.close()
        assert [thread.result(timeout=BOUND) for thread in waiting] == [False] * 3

    def test_a_closed_bell_does_not_wait(self, bells: Bells) -> None:
        """A loop that is shutting down may still ask."""
        listener = bells()
        listener.close()
        assert listener.wait("due", FOREVER) is False
        listener.ring("due")
        listener.close()
