"""One history: the whole cast walks the road, and dies where it is told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tests.crash.board import NEVER
from tests.crash.cast import Said, live
from tests.crash.laws import Ended, broken, ended
from tests.crash.sites import PostgresSite, SqliteSite

Place = PostgresSite | SqliteSite
WORK, CHORES = ("recorder", "dispatcher"), ("dead letters", "sweeper", "scheduler")
"""What an orchestrator does all the time, and what it does now and then."""
WORKING = ("worker", "claims", "worker", "reporter") * 2
"""What a worker does with what it holds."""
FIRST_REST, LONGEST_REST = 500, 8_000
"""ms that pass when nobody has anything to do, doubled each time."""
ROUNDS = 400


class Died(NamedTuple):
    """Somebody was killed."""

    role: str
    name: str


class Outcome(NamedTuple):
    """What came of one history."""

    site: str
    deaths: tuple[int, ...]
    died: Sequence[Died]
    boundaries: int
    ended: Ended
    problems: Sequence[str]


class Member:
    """One process of the cast, and the line to it."""

    def __init__(self, place: Place, role: str, name: str, seed: str, others: Sequence[Member]) -> None:
        self.role = role
        self.name = name
        self.line, theirs = socket.socketpair()
        self.pid = os.fork()
        if not self.pid:
            for line in (self.line, *(other.line for other in others)):
                line.close()
            os.environ["PGAPPNAME"] = name
            live(place, role, name, seed, theirs)
        theirs.close()
        self._talk = self.line.makefile("rw")

    def turn(self, steps: Sequence[str]) -> Said | None:
        """What it says of these steps; ``None``: it died."""
        try:
            self._talk.write(json.dumps(steps) + "\n")
            self._talk.flush()
            said = self._talk.readline()
        except OSError:
            said = ""
        return Said(*json.loads(said)) if said else None

    def end(self) -> int:
        """Kill it if it lives; what it died of."""
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        for each in (self._talk, self.line):
            try:
                each.close()
            except OSError:
                continue
        return -status if os.WIFSIGNALED(status) else status


class History:
    """Everybody takes turns, and time passes when nobody has anything to do, until all is done."""

    def __init__(self, place: Place, deaths: Sequence[int], seed: str) -> None:
        self.place = place
        self.died: list[Died] = []
        self._deaths = deaths
        self._seed = seed
        self._cast: dict[str, Member] = {}
        self._born = Counter[str]()
        self._redriven = False
        self._leaving = False
        """Whether the worker has been told to drain, and has not left."""
        self._left = False
        self._resting: dict[str, bool] = {}

    def play(self) -> None:
        """From an empty ledger to the end."""
        self.place.reset()
        self.place.board.lay(self._deaths)
        try:
            self._rounds()
        finally:
            names = [member.name for member in self._cast.values()]
            for member in self._cast.values():
                member.end()
            self.place.buried(*names)

    def _rounds(self) -> None:
        rest = FIRST_REST
        for _ in range(ROUNDS):
            if self._busy() or self._now_and_then():
                rest = FIRST_REST
            elif all(self._resting.values()) and self.place.empty():
                return
            elif not (self._left or self._resting["worker"]):
                self._left = self._leaving = self._turn("worker", ("drain",)) > 0
            else:
                self.place.board.advance(rest)
                rest = min(LONGEST_REST, 2 * rest)
        raise AssertionError(f"it does not come to rest in {ROUNDS} rounds")

    def _busy(self) -> int:
        """What they do all the time; a worker that was told to leave receives nothing more, and leaves."""
        did = self._turn("orchestrator", WORK)
        did += self._turn("worker", WORKING if self._leaving else ("intake 0", *WORKING))
        if self._leaving and self._resting["worker"]:
            self._leaving = False
            self._cast.pop("worker").end()
            did += 1
        return did

    def _now_and_then(self) -> int:
        """The queue of the one message that is to be buried is looked at once that has happened."""
        did = self._turn("client", ()) + self._turn("orchestrator", CHORES)
        if not self._redriven:
            self._redriven = self.place.redrive()
            return did + self._redriven
        return did + (0 if self._leaving else self._turn("worker", ("intake 1",)))

    def _turn(self, role: str, steps: Sequence[str]) -> int:
        said = self._member(role).turn(steps)
        if said is None:
            self._bury(role)
            return 1
        assert not said.error, said.error
        self._resting[role] = said.resting
        return said.did

    def _member(self, role: str) -> Member:
        if role not in self._cast:
            self._born[role] += 1
            name = f"{role}-{self._born[role]}"
            self._cast[role] = Member(self.place, role, name, self._seed, [*self._cast.values()])
        return self._cast[role]

    def _bury(self, role: str) -> None:
        member = self._cast.pop(role)
        self._resting[role] = False
        self._leaving = self._leaving and role != "worker"
        cause = member.end()
        assert cause == -signal.SIGKILL, f"{member.name} ended by itself: {cause}"
        self.place.journal.note("died", role=role, name=member.name)
        self.died.append(Died(role, member.name))
        self.place.buried(member.name)


def played(place: Place, deaths: Sequence[int] = (), *, base: Ended | None = None, seed: str = "0") -> Outcome:
    """One history with these deaths, held against the one without any."""
    history = History(place, deaths, seed)
    problems: list[str] = []
    end = Ended({}, ())
    try:
        history.play()
        end = ended(place)
        problems += broken(place, end, base or end, [each.role for each in history.died])
        missed = [death for death in deaths if death != NEVER][len(history.died) :]
        if missed:
            problems.append(f"nobody came to {missed}")
    except Exception:  # noqa: BLE001 - told as the story of this point
        problems.append(traceback.format_exc())
    return Outcome(place.name, tuple(deaths), history.died, place.board.crossed, end, problems)
