"""All the steps of a whole world. Its parts have small numbers, and what each part may do is worked out once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from leasehold.core.model import Status
from tests.model import worker
from tests.model.orchestrator import Ledger, Orchestrator
from tests.model.parts import (
    IDLE,
    Configuration,
    Effect,
    Hand,
    Interner,
    Message,
    Phase,
    Report,
    Reports,
    Sending,
    later,
)
from tests.model.rows import ENDED, Rows, claim_of, event_of

State = tuple[int, int, int, int, int, int]
"""Row, sends, messages, hands, reports, faults left: each by its number."""

K = TypeVar("K")
V = TypeVar("V")

EXCUSES = ("duplicate", "undeleted")
"""After these two runs may overlap, on a standard queue without claims."""
UNCHARGED = frozenset({"fail", "drain", "cancel", "retry", "refuse", "arguments", "twice", "resend", "unsendable"})
"""Faults that no machine's loss can come from."""


Keep = Callable[[tuple[State, str, str]], None]


class Memory(dict[K, V]):
    """What was worked out once."""

    def __init__(self, work: Callable[[K], V]) -> None:
        super().__init__()
        self._work = work

    def __missing__(self, key: K) -> V:
        value = self[key] = self._work(key)
        return value


class World:
    """One configuration, and everything that may happen in it."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.rows = Rows(configuration)
        self.sends: Interner[tuple[Sending, ...]] = Interner()
        self.messages: Interner[tuple[Message, ...]] = Interner()
        self.hands: Interner[tuple[Hand, ...]] = Interner()
        self.reports: Interner[Reports] = Interner()
        self.faults: Interner[tuple[int, ...]] = Interner()
        self._kinds = list(configuration.faults)
        self._orchestrator = Orchestrator(configuration, self.rows)
        self._work = Memory(self._worked)
        self._claims = Memory(self._claimed)
        self._cancelled = Memory(self._stopped)
        self._ledger = Memory(self._kept)
        self._recalls = Memory(self._recalled)
        self._records = Memory(self._recorded)
        self._added = Memory(self._add)
        self._spent = Memory(self._spend)
        self._ticks = Memory(self._tick)
        self._seldom_wanted = Memory(self._is_seldom_wanted)
        self.grave = Memory(self._grave)
        nothing = self.messages(()), self.hands((IDLE,) * configuration.workers), self.reports(Reports())
        self.first: State = (
            self.rows.first,
            self.sends(()),
            *nothing,
            self.faults(tuple(configuration.faults.values())),
        )
        self.rest = self.sends(()), *nothing

    # ------------------------------------------------------------ the hot path

    def successors(self, state: State) -> list[tuple[State, str, str]]:
        """(state, what happens, what that breaks) of all that may happen; what a fair world does comes first."""
        found: list[tuple[State, str, str]] = []
        keep = found.append
        self._of_reports_and_workers(state, keep)
        self._of_the_ledger(state, keep)
        if self._seldom_wanted[state[0]]:
            self._seldom(state, keep)
        if (after := self._passed(state)) is not None:
            keep((after, "time passes", ""))
        return found

    def _of_reports_and_workers(self, state: State, keep: Keep) -> None:
        row, sends, messages, hands, reports, faults = state
        left = self._spent[faults]
        for row2, reports2, cost, says, breaks in self._records[row, reports]:
            if (faults2 := left.get(cost)) is not None:
                keep(((row2, sends, messages, hands, reports2, faults2), says, breaks))
        for hands2, messages2, told, cost, says, breaks in self._work[hands, messages]:
            if (faults2 := left.get(cost)) is not None:
                row2, reports2, broken = (row, reports, "") if told is None else self._added[row, reports, told]
                keep(((row2, sends, messages2, hands2, reports2, faults2), says, breaks or broken))

    def _of_the_ledger(self, state: State, keep: Keep) -> None:
        row, sends, messages, hands, reports, faults = state
        left = self._spent[faults]
        if self.configuration.claims:
            for row2, hands2, messages2, cost, says, breaks in self._claims[row, hands, messages]:
                if (faults2 := left.get(cost)) is not None:
                    keep(((row2, sends, messages2, hands2, reports, faults2), says, breaks))
        for row2, sends2, messages2, told, cost, says, breaks in self._ledger[row, sends, messages]:
            if (faults2 := left.get(cost)) is not None:
                reports2 = reports if told is None else self._added[row2, reports, told][1]
                keep(((row2, sends2, messages2, hands, reports2, faults2), says, breaks))

    def _seldom(self, state: State, keep: Keep) -> None:
        row, sends, messages, hands, reports, faults = state
        left = self._spent[faults]
        if self.configuration.recalls:
            for row2, messages2, reports2, cost, says, breaks in self._recalls[row, messages, reports]:
                if (faults2 := left.get(cost)) is not None:
                    keep(((row2, sends, messages2, hands, reports2, faults2), says, breaks))
        if self.rows[row].status is Status.CANCELLED:
            for hands2, says in self._cancelled[hands]:
                keep(((row, sends, messages, hands2, reports, faults), says, ""))

    def _is_seldom_wanted(self, row: int) -> bool:
        return self.configuration.recalls or self.rows[row].status is Status.CANCELLED

    def _passed(self, state: State) -> State | None:
        row, sends, messages, hands, reports, faults = state
        hands2 = self._ticks["hands", hands]
        if hands2 < 0:
            return None
        row2 = self.rows.later(row)
        sends2, messages2 = self._ticks["sends", sends], self._ticks["messages", messages]
        after = (row2, sends2, messages2, hands2, self._ticks["reports", reports], faults)
        return after if after != state else None

    # ------------------------------------------------------------ each part, worked out once

    def _wanted(self, steps: Iterable[Any]) -> Iterator[Any]:
        return (step for step in steps if step.cost is None or step.cost in self.configuration.faults)

    def _worked(self, key: tuple[int, int]) -> list[tuple[int, int, Report | None, str | None, str, str]]:
        hands, messages = self.hands.values[key[0]], self.messages.values[key[1]]
        found: list[tuple[int, int, Report | None, str | None, str, str]] = []
        for at, hand in enumerate(hands):
            if hand in hands[:at]:
                continue
            for effect in self._wanted(worker.steps(self.configuration, hand, messages)):
                told = effect.told or (effect.dies if self.configuration.recalls and hand.known else None)
                hands2, messages2 = self._with(hands, at, effect), self.messages(effect.messages)
                found.append((hands2, messages2, told, effect.cost, effect.says, effect.breaks))
        return found

    def _with(self, hands: tuple[Hand, ...], at: int, effect: Effect) -> int:
        return self.hands(tuple(sorted((*hands[:at], effect.hand, *hands[at + 1 :]))))

    def _claimed(self, key: tuple[int, int, int]) -> list[tuple[int, int, int, str | None, str, str]]:
        row, hands, messages = key[0], self.hands.values[key[1]], self.messages.values[key[2]]
        found: list[tuple[int, int, int, str | None, str, str]] = []
        for at, hand in enumerate(hands):
            if hand.phase is not Phase.HELD or not (hand.ends and hand.valid) or hand in hands[:at]:
                continue
            if hand.r > self.configuration.most_receives:
                continue
            answer = self.rows.tell(row, claim_of(worker.spoken(hand, "claimed", ends=hand.ends)))
            refusal = None if self.configuration.lacks("S13") else answer.refusal
            ended = refusal is None and self.rows[row].status in ENDED
            for effect in self._wanted(worker.asked(hand, messages, refusal)):
                broken = answer.breaks or ("S13" if ended and effect.hand.alive else "")
                hands2, messages2 = self._with(hands, at, effect), self.messages(effect.messages)
                found.append((answer.row, hands2, messages2, effect.cost, effect.says, broken))
        return found

    def _stopped(self, hands: int) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for at, hand in enumerate(self.hands.values[hands]):
            if hand.phase is Phase.RUNNING:
                name = worker.run_of(hand)
                effect = worker.leaving(hand, (), "released", f"run {name} hears that the task is cancelled, and stops")
                found.append((self._with(self.hands.values[hands], at, effect), effect.says))
        return found

    def _kept(self, key: tuple[int, int, int]) -> list[tuple[int, int, int, Report | None, str | None, str, str]]:
        row, sends, messages = key
        at = Ledger(row, self.sends.values[sends], self.messages.values[messages])
        return [
            (*self._numbers(move.after), move.told, move.cost, move.says, move.breaks)
            for move in self._wanted(self._orchestrator.steps(at))
        ]

    def _numbers(self, at: Ledger) -> tuple[int, int, int]:
        return at.row, self.sends(at.sends), self.messages(at.messages)

    def _recalled(self, key: tuple[int, int, int]) -> list[tuple[int, int, int, str | None, str, str]]:
        row, messages, reports = key
        at, known = Ledger(row, (), self.messages.values[messages]), self.reports.values[reports]
        found: list[tuple[int, int, int, str | None, str, str]] = []
        for move in self._wanted(self._orchestrator.recall(at, known)):
            gone = tuple(each for each in known.gone if each != move.recalled)
            left = self.reports(known._replace(gone=gone))
            found.append((move.after.row, self.messages(move.after.messages), left, move.cost, move.says, move.breaks))
        return found

    def _recorded(self, key: tuple[int, int]) -> list[tuple[int, int, str | None, str, str]]:
        row, reports = key
        return [
            (record.row, self.reports(record.reports), record.cost, record.says, record.breaks)
            for record in self._wanted(self._orchestrator.record(row, self.reports.values[reports]))
        ]

    def _add(self, key: tuple[int, int, Report]) -> tuple[int, int, str]:
        """A worker speaks: (row, reports, what that breaks). Straight to the ledger, where it may write there."""
        row, number, told = key
        reports = self.reports.values[number]
        if told.kind == "gone":
            gone = tuple(sorted({*reports.gone, told}))
            return row, self.reports(reports._replace(gone=gone)), ""
        if self.configuration.claims:
            answer = self.rows.tell(row, event_of(told))
            return answer.row, number, answer.breaks
        owed = reports.acknowledged or told.kind == "completed"
        there = tuple(sorted((*reports.there, told)))
        return row, self.reports(reports._replace(there=there, acknowledged=owed)), ""

    def _spend(self, faults: int) -> dict[str | None, int]:
        left = self.faults.values[faults]
        found: dict[str | None, int] = {None: faults}
        for at, kind in enumerate(self._kinds):
            if left[at]:
                found[kind] = self.faults((*left[:at], left[at] - 1, *left[at + 1 :]))
        return found

    def _tick(self, key: tuple[str, int]) -> int:
        """The number of a part one tick later; -1 where a child must be stopped first (R3)."""
        part, number = key
        match part:
            case "sends":
                return self.sends(tuple(sorted(s._replace(valid=later(s.valid)) for s in self.sends.values[number])))
            case "messages":
                passed = [
                    m._replace(hidden=later(m.hidden), valid=later(m.valid)) for m in self.messages.values[number]
                ]
                return self.messages(tuple(sorted(passed)))
            case "hands":
                return self._hands_later(self.hands.values[number])
            case _:
                reports = self.reports.values[number]
                there = tuple(sorted(report._replace(ends=later(report.ends)) for report in reports.there))
                return self.reports(reports._replace(there=there))

    def _hands_later(self, hands: tuple[Hand, ...]) -> int:
        last = -1 if self.configuration.lacks("R3") else 0 if self.configuration.lacks("margin") else 1
        if any(hand.phase is Phase.RUNNING and hand.ends <= last for hand in hands):
            return -1
        passed = [hand._replace(ends=later(hand.ends), valid=later(hand.valid)) for hand in hands]
        return self.hands(tuple(sorted(passed)))

    # ------------------------------------------------------------ invariants of states

    def _grave(self, key: tuple[int, int]) -> tuple[str, ...]:
        """What the runs that are alive break, after the faults that have happened."""
        hands, faults = self.hands.values[key[0]], self.faults.values[key[1]]
        used = {kind for kind, left in zip(self._kinds, faults, strict=True) if left < self.configuration.faults[kind]}
        if "pause" in used:
            return ()
        found: list[str] = []
        if any(hand.alive and not hand.ends for hand in hands):
            found.append("S10")
        excused = not (self.configuration.claims or self.configuration.fifo) and used & set(EXCUSES)
        if sum(hand.alive for hand in hands) > 1 and not excused:
            found.append("S11")
        return tuple(found)

    def broken(self, state: State) -> Iterator[str]:
        """The invariants that this state violates."""
        row, _, _, hands, reports, faults = state
        yield from self.grave[hands, faults]
        known = self.reports.values[reports]
        if known.acknowledged and not any(report.kind == "completed" for report in known.there):
            yield "S6"
        if not known.there and hands == self.rest[2] and self.rows[row].status is not Status.COMPLETED:
            spent = zip(self._kinds, self.faults.values[faults], strict=True)
            lost = sum(self.configuration.faults[kind] - left for kind, left in spent if kind not in UNCHARGED)
            if len(self.rows[row].charged) > lost:
                yield "S9"

    def at_rest(self, state: State) -> bool:
        """Whether the task has its outcome, and nothing of it is left anywhere."""
        row, sends, messages, hands, reports, _ = state
        here = sends, messages, hands
        return self.rows[row].status in ENDED and here == self.rest[:3] and not self.reports.values[reports].there
