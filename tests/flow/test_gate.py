"""What a worker asks before it runs anything, and what becomes of what it must not run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread

import pytest

from leasehold.core.errors import LedgerUnavailable
from leasehold.core.reports import UpdateKind
from leasehold.flow.gate import FIRST_PAUSE, LONGEST_PAUSE
from leasehold.ports.reports import Busy, Grant, StaleRun, Start
from leasehold.testing.clock import START
from tests.flow.node import Node
from tests.flow.scripted import MINUTE, a_message, task_id


def down(times: int) -> list[LedgerUnavailable]:
    return [LedgerUnavailable("down") for _ in range(times)]


class ScriptedClaims:
    """Answers as told; grants when nothing is left to tell."""

    def __init__(self, *answers: Grant | StaleRun | Busy | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Start] = []
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens while an answer is on its way."""

    def claim(self, starts: Sequence[Start]) -> list[Grant | StaleRun | Busy]:
        self.asked.extend(starts)
        self.meanwhile()
        found: list[Grant | StaleRun | Busy] = []
        for _ in starts:
            answer = self.answers.pop(0) if self.answers else Grant()
            if isinstance(answer, Exception):
                raise answer
            found.append(answer)
        return found


def test_a_granted_run_starts() -> None:
    claims = ScriptedClaims()
    node = Node(claims=claims)
    node.clock.advance(500)
    node.queue.put(a_message(n=2))
    node.turn()
    assert len(node.slots.jobs) == 1
    run_id = node.slots.run_of(1)
    assert claims.asked == [Start(task_id(1), 2, 1, run_id, "w1", MINUTE, "tasks:default/1/3")]


def test_a_stale_run_is_deleted_and_not_spoken_of() -> None:
    node = Node(claims=ScriptedClaims(StaleRun("it has ended")))
    node.queue.put(a_message())
    node.turn()
    assert node.journal == ["delete"]
    assert node.slots.handed_over == []


def test_a_busy_task_is_hidden_until_its_run_is_over() -> None:
    node = Node(claims=ScriptedClaims(Busy(17_000)))
    node.queue.put(a_message())
    node.turn()
    assert node.journal == ["hide 17000"]
    assert node.slots.handed_over == []


def test_a_claim_that_nobody_answers_is_asked_again_for_the_same_run() -> None:
    claims = ScriptedClaims(LedgerUnavailable("down"))
    node = Node(claims=claims)
    node.queue.put(a_message(1), a_message(2))
    node.intake.step()
    node.worker.step()
    with pytest.raises(LedgerUnavailable):
        node.gate.step()
    node.work()
    assert node.slots.handed_over == []
    node.clock.advance(FIRST_PAUSE)
    node.work()
    assert len(node.slots.jobs) == 2
    assert [start.run_id for start in claims.asked[:2]] == [start.run_id for start in claims.asked[2:]]


@pytest.mark.parametrize(("call", "answer"), [("delete", StaleRun("ended")), ("change", Busy(1_000))])
def test_a_refusal_that_fails_loses_none_of_those_granted_with_it(call: str, answer: StaleRun | Busy) -> None:
    node = Node(claims=ScriptedClaims(answer))
    node.queue.down = {call}
    node.queue.put(a_message(1), a_message(2))
    node.turn()
    assert [job.task_id for job in node.slots.jobs.values()] == [task_id(2)]


def test_nothing_is_claimed_that_cannot_start_in_time() -> None:
    claims = ScriptedClaims()
    node = Node(claims=claims)
    node.queue.put(a_message())
    node.intake.step()
    node.clock.advance(50_000)
    node.work()
    assert claims.asked == []


# ------------------------------------------------------------ turned away


def test_refused_messages_of_one_queue_are_turned_away_together() -> None:
    claims = ScriptedClaims(StaleRun("ended"), StaleRun("ended"), Busy(9_000))
    node = Node(places=3, claims=claims)
    calls: list[Sequence[str]] = []
    delete = node.queue.delete
    node.queue.delete = lambda receipts: calls.append(receipts) or delete(receipts)
    node.queue.put(a_message(1), a_message(2), a_message(3))
    node.turn()
    assert [len(receipts) for receipts in calls] == [2]
    assert node.journal == ["delete", "delete", "hide 9000"]


def test_a_message_is_not_hidden_for_longer_than_its_queue_can() -> None:
    node = Node(claims=ScriptedClaims(Busy(1 << 40)))
    node.queue.put(a_message())
    node.turn()
    assert node.journal == [f"hide {node.queue.traits.max_visibility}"]


@pytest.mark.parametrize("answer", [StaleRun("ended"), Busy(9_000)])
def test_an_answer_after_the_lease_touches_no_message_for_it_may_be_anothers(answer: StaleRun | Busy) -> None:
    claims = ScriptedClaims(answer)
    node = Node(claims=claims)
    claims.meanwhile = lambda: node.clock.advance(MINUTE)
    node.queue.put(a_message())
    node.turn()
    assert node.journal == []


# ------------------------------------------------------------ no answer


def test_while_nobody_answers_nothing_more_is_received_and_the_pauses_grow() -> None:
    node = Node(claims=ScriptedClaims(*down(9)))
    node.queue.put(a_message(lease=40 * MINUTE))
    node.intake.step()
    pauses: list[int] = []
    for _ in range(8):
        node.worker.step()
        with pytest.raises(LedgerUnavailable):
            node.gate.step()
        began = node.clock.boot()
        while node.worker.room() == 0:
            node.worker.step()
            node.clock.advance(500)
        pauses.append(node.clock.boot() - began)
    assert pauses[0] == FIRST_PAUSE
    assert pauses[-1] == LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_what_runs_is_looked_after_while_nobody_answers() -> None:
    node = Node(claims=ScriptedClaims(Grant(recorded=True), *down(1)))
    node.running(a_message(1))
    node.queue.put(a_message(2))
    node.intake.step()
    node.slots.succeed(1)
    node.worker.step()
    with pytest.raises(LedgerUnavailable):
        node.gate.step()
    node.reporter.step()
    assert node.outbox.kinds(1) == ["completed"]


def test_runs_save_and_end_while_a_claim_waits_for_its_answer() -> None:
    """A ledger that takes its time must not take that of those who run: the worker does not wait for it."""
    node = Node(claims=ScriptedClaims(Grant(recorded=True), Grant(recorded=True)))
    node.running(a_message(1))
    node.queue.put(a_message(2))
    node.intake.step()
    node.worker.step()  # asks; nobody answers yet
    node.slots.save(1, "{}")
    node.worker.step()
    assert len(node.slots.answers) == 1
    node.slots.succeed(1)
    node.worker.step()
    node.reporter.step()
    assert node.outbox.kinds(1) == ["completed"]
    node.gate.step()
    node.worker.step()
    assert len(node.slots.jobs) == 1


def test_one_question_is_under_way_at_a_time_and_what_it_asks_for_takes_room() -> None:
    claims = ScriptedClaims()
    node = Node(places=3, claims=claims, fetch_ahead=0)
    node.queue.put(a_message(1), a_message(2))
    node.intake.step()
    node.worker.step()
    assert node.worker.room() == 1
    node.queue.put(a_message(3), a_message(4))
    node.intake.step()
    node.worker.step()
    assert (node.worker.room(), claims.asked) == (0, [])
    node.gate.step()
    assert len(claims.asked) == 2
    node.worker.step()
    node.gate.step()
    assert len(claims.asked) == 3
    assert not node.worker.drained


@pytest.mark.parametrize("answer", [Grant(recorded=True), LedgerUnavailable("down")])
def test_what_was_asked_for_when_the_worker_began_to_leave_is_given_back_with_a_word(answer: Grant | Exception) -> None:
    node = Node(claims=ScriptedClaims(answer))
    node.queue.put(a_message())
    node.intake.step()
    node.worker.step()
    node.worker.begin_drain("a spot notice", 5_000)
    node.worker.step()
    assert not node.worker.drained
    with suppress(LedgerUnavailable):
        node.gate.step()
    for _ in range(3):
        node.work()
    assert node.slots.handed_over == []
    assert node.journal == ["say draining", "show", "say released"]
    assert node.worker.drained


def test_a_pause_ends_with_a_question_or_when_it_is_asked_to() -> None:
    node = Node(claims=ScriptedClaims())
    node.queue.put(a_message())
    node.intake.step()
    ended = Event()

    def paused() -> None:
        node.gate.pause(MINUTE)
        ended.set()

    for end in (node.worker.step, node.gate.wake):
        ended.clear()
        waiting = Thread(target=paused)
        waiting.start()
        while not ended.wait(0.01):
            end()
        waiting.join()
        node.gate.step()


def test_a_claim_of_unknown_fate_goes_back_in_time_with_a_word_that_ends_it() -> None:
    """It may be in the ledger as begun: "expired" would leave it there until its lease is over."""
    node = Node(claims=ScriptedClaims(*down(99)))
    node.queue.put(a_message(1, not_after=START + 10_000))
    node.intake.step()
    node.worker.step()
    with pytest.raises(LedgerUnavailable):
        node.gate.step()
    node.clock.advance(15_000)
    node.work()
    assert node.slots.handed_over == []
    assert node.journal == ["delete", "say released"]
    assert node.outbox.said[0].deleted


def test_one_that_may_still_be_run_elsewhere_is_shown_again_well_inside_its_lease() -> None:
    node = Node(claims=ScriptedClaims(*down(99)))
    node.queue.put(a_message())
    node.intake.step()
    node.worker.step()
    with pytest.raises(LedgerUnavailable):
        node.gate.step()
    node.clock.advance(MINUTE // 5)
    node.worker.step()
    with pytest.raises(LedgerUnavailable):
        node.gate.step()
    node.worker.step()
    node.reporter.step()
    assert node.journal == ["show", "say released"]


# ------------------------------------------------------------ granted, and yet not begun


def test_a_run_whose_claim_was_answered_too_late_never_starts() -> None:
    claims = ScriptedClaims(Grant(recorded=True))
    node = Node(claims=claims)
    claims.meanwhile = lambda: node.clock.advance(45_000)
    node.queue.put(a_message())
    node.turn()
    assert node.slots.handed_over == []
    assert node.outbox.kinds() == ["released"]


def test_a_granted_run_that_never_began_is_released_also_after_its_validity() -> None:
    node = Node(claims=ScriptedClaims(Grant(recorded=True)))
    node.slots.starting = False
    node.queue.put(a_message(not_after=START + 10_000))
    node.turn()
    node.clock.advance(15_000)
    node.slots.starting = True
    node.work()
    assert node.outbox.kinds() == ["released"]
    assert node.journal == ["delete", "say released"]


def test_what_nobody_recorded_expires_as_ever() -> None:
    node = Node(claims=ScriptedClaims(Grant()))
    node.slots.starting = False
    node.queue.put(a_message(not_after=START + 10_000))
    node.turn()
    node.clock.advance(15_000)
    node.slots.starting = True
    node.work()
    assert node.outbox.kinds() == ["expired"]


def test_a_worker_that_leaves_says_so_of_what_it_claimed_and_never_began() -> None:
    """Its receipt is in the ledger: nobody may use that once the message was given back (R11, R13)."""
    node = Node(claims=ScriptedClaims(Grant(recorded=True)))
    node.slots.starting = False
    node.queue.put(a_message())
    node.turn()
    node.worker.begin_drain("a spot notice", 5_000)
    for _ in range(3):
        node.work()
    assert node.outbox.kinds() == ["draining", "released"]
    assert node.journal == ["say draining", "show", "say released"]


def test_a_worker_that_leaves_claims_nothing_more() -> None:
    claims = ScriptedClaims()
    node = Node(claims=claims)
    node.queue.put(a_message())
    node.intake.step()
    node.worker.begin_drain("a spot notice", 5_000)
    node.work()
    assert claims.asked == []
    assert node.outbox.kinds() == [UpdateKind.RELEASED]
