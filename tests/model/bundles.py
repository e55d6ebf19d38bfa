"""A bundle of two on its way: both rows with the real ``decide()``, one message, two workers, and singles after it.

The first dispatch of both tasks is one message. What is due again afterwards runs elsewhere at once and succeeds:
``world`` goes through all that may become of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from leasehold.core import events
from leasehold.core.model import Why
from tests.model.parts import Configuration, Report, later
from tests.model.rows import NOW, TICK, Rows, claim_of, event_of

LEASE, RECEIVES = 2, 2
WAITING, RUNNING, SUCCEEDED, ACKNOWLEDGED, FAILED, RELEASED, LEFT_OUT = range(7)
"""What becomes of a member in a worker's hands; the last three have ended and are kept until the delete."""
UNENDED = frozenset({WAITING, RUNNING, SUCCEEDED})
NAMES = "AB"
SAYS = {
    "S8": "a message is deleted though a member of it has not ended, or its success is not acknowledged",
    "S10": "a member runs after the lease of its bundle",
    "S11": "two runs of one task are alive at once",
    "B1": "a member runs in a bundle that was received before",
    "B3": "a member is charged that never began",
    "L1": "from here on the tasks never come to their ends",
}


class Message(NamedTuple):
    """The message of both, as the queue keeps it."""

    copy: int = 0
    r: int = 0
    hidden: int = 0
    valid: int = 1


class Hand(NamedTuple):
    """A worker with a receive of a message."""

    message: Message
    ends: int
    members: tuple[int, ...]
    claimed: bool = False


class State(NamedTuple):
    """All of it. ``begun``: those that ever began in their bundle."""

    rows: tuple[int, int]
    messages: tuple[Message, ...] = ()
    hands: tuple[Hand, ...] = ()
    reports: tuple[tuple[int, Report], ...] = ()
    faults: tuple[int, ...] = ()
    begun: frozenset[int] = frozenset()
    elsewhere: frozenset[int] = frozenset()
    """Whose next dispatch is being run."""


class Step(NamedTuple):
    says: str
    after: State
    breaks: str = ""
    cost: str = ""


@dataclass(frozen=True)
class Bundled:
    """One small world: how often each fault may happen, the topology, and the rule that is left out."""

    name: str
    faults: Mapping[str, int]
    claims: bool = False
    validity: int = 1
    """Longer than a lease of two ticks: what comes back may still be started, but for B1."""
    without: str = ""
    breaks: str = ""
    sees: tuple[str, ...] = ()


SOUND = [
    Bundled("two", {}, sees=("Completed: completed",)),
    Bundled("two and a crash", {"crash": 1}, sees=("Expired: unbundled", "Expired: lapsed")),
    Bundled("two and a failure", {"fail": 1, "crash": 1}, sees=("Failed: failed", "Released: released")),
    Bundled("two and lost replies", {"lose": 2}, sees=("Expired: unbundled",)),
    Bundled("two and a lost report", {"forget": 1, "crash": 1}),
    Bundled("two of whom one is cancelled", {"cancel": 1, "retry": 1}),
    Bundled("two and valid for long", {"crash": 1}, validity=3),
    Bundled("two, claimed", {"crash": 1}, claims=True, sees=("Claimed: quietly", "Expired: unbundled")),
    Bundled("two, claimed in doubt", {"lose": 2, "fail": 1}, claims=True),
    Bundled("two, claimed twice", {"duplicate": 1, "crash": 1}, claims=True),
    Bundled("two, claimed, one cancelled", {"cancel": 1, "retry": 1, "crash": 1}, claims=True),
]
BROKEN = [
    Bundled("no B1", {"crash": 1}, validity=3, without="B1", breaks="B1"),
    Bundled("no B2: a failure that is not held", {"fail": 1}, without="B2", breaks="S8"),
    Bundled("no R4 in a bundle", {}, without="R4", breaks="S8"),
    Bundled("no B3", {"crash": 1}, without="B3", breaks="B3"),
    Bundled("no B3, claimed", {"crash": 1}, claims=True, without="B3", breaks="B3"),
    Bundled("no R2 for those that wait", {}, without="R2", breaks="S10"),
    Bundled("claims of the first only", {"duplicate": 1}, claims=True, without="claims", breaks="S11"),
]


class Pair:
    """Everything that may happen in one of these worlds."""

    def __init__(self, world: Bundled) -> None:
        self.world = world
        self.rows = Rows(Configuration(world.name, "", {}, lease=LEASE, attempts=3, losses=3, bundle=True))
        self.kinds = tuple(world.faults)
        self._valid_until = NOW + world.validity * TICK
        first = self.rows.first
        self.first = State((first, first), faults=tuple(world.faults.values()))

    def lacks(self, rule: str) -> bool:
        return self.world.without == rule

    def steps(self, state: State) -> Iterator[Step]:
        """What may happen next, faults only while there are any left."""
        for step in self._all(state):
            if not step.cost:
                yield step
            elif step.cost in self.kinds and state.faults[at := self.kinds.index(step.cost)]:
                left = (*state.faults[:at], state.faults[at] - 1, *state.faults[at + 1 :])
                yield step._replace(after=step.after._replace(faults=left))

    def _all(self, state: State) -> Iterator[Step]:
        for place, (task, report) in enumerate(state.reports):
            rest = state._replace(reports=state.reports[:place] + state.reports[place + 1 :])
            yield self._tell(rest, task, event_of(report), f"recorded: {NAMES[task]} is {report.kind}")
            yield Step(f"'{NAMES[task]} is {report.kind}' is lost", rest, cost="forget")
        for hand in dict.fromkeys(state.hands):
            yield from self._work(state, hand)
        yield from self._receive(state)
        yield from self._dispatch(state)
        yield from self._ledger(state)
        yield from self._time(state)

    # ------------------------------------------------------------ the ledger

    def _tell(self, state: State, task: int, event: events.Event, says: str, cost: str = "") -> Step:
        row = state.rows[task]
        answer = self.rows.tell(row, event)
        before, after = self.rows[row], self.rows[answer.row]
        alone = before.members < 2 and not self.lacks("B3")
        unfair = not alone and after.losses > before.losses and task not in state.begun
        rows = (answer.row, state.rows[1]) if task == 0 else (state.rows[0], answer.row)
        return Step(says, state._replace(rows=rows), answer.breaks or ("B3" if unfair else ""), cost)

    def _ledger(self, state: State) -> Iterator[Step]:
        for task, row in enumerate(state.rows):
            owed = self.rows.owed(row)
            if isinstance(owed, events.Lapsed):
                owed = events.Lapsed(redispatch=self.world.claims)
            if owed is not None:
                yield self._tell(state, task, owed, f"the clock owes {NAMES[task]}: {type(owed).__name__}")
            yield self._tell(state, task, events.Cancelled("ann"), f"ann cancels {NAMES[task]}", "cancel")
            yield self._tell(state, task, events.Retried("ann"), f"ann retries {NAMES[task]}", "retry")

    def _dispatch(self, state: State) -> Iterator[Step]:
        """Both go out together at first. What is due again is run as soon as it goes out, and then succeeds."""
        tasks = [self.rows[row] for row in state.rows]
        if all(task.why is Why.DUE and not task.n for task in tasks):
            after, breaks = state, ""
            for task in (0, 1):
                members = 1 if self.lacks("B3") else 2
                step = self._tell(after, task, events.Dispatched(self._valid_until, members), "")
                after, breaks = step.after, breaks or step.breaks
            sent = after._replace(messages=(Message(valid=self.world.validity),))
            yield Step("A and B go out in one message", sent, breaks)
        for task, row in enumerate(tasks):
            if row.why is Why.DUE and row.n == 1:
                out = self._tell(state, task, events.Dispatched(self._valid_until), "").after
                run = event_of(Report("started", 2, 1, ends=LEASE))
                begun = self._tell(out, task, run, f"{NAMES[task]} goes out again, and begins elsewhere")
                yield begun._replace(after=begun.after._replace(elsewhere=state.elsewhere | {task}))
        for task in state.elsewhere:
            ended = state._replace(elsewhere=state.elsewhere - {task})
            done = event_of(Report("completed", 2, 1))
            yield self._tell(ended, task, done, f"{NAMES[task]} succeeds elsewhere")

    # ------------------------------------------------------------ workers

    def _receive(self, state: State) -> Iterator[Step]:
        for message in state.messages:
            if len(state.messages) == 1:
                twin = message._replace(copy=1, r=max(0, message.r - 1), hidden=0)
                doubled = state._replace(messages=tuple(sorted((*state.messages, twin))))
                yield Step("the queue will hand out the message twice", doubled, cost="duplicate")
            if message.hidden or message.r >= RECEIVES or len(state.hands) > 1:
                continue
            out = message._replace(r=message.r + 1, hidden=LEASE)
            now = state._replace(messages=swapped(state.messages, message, out))
            held = Hand(out, LEASE, (WAITING, WAITING))
            yield Step(
                f"a worker receives the message, receive {out.r}", now._replace(hands=tuple(sorted((*now.hands, held))))
            )

    def _work(self, state: State, hand: Hand) -> Iterator[Step]:
        message = hand.message
        unbegun = set(hand.members) == {WAITING}
        if (message.r > 1 or not message.valid) and unbegun and not self.lacks("B1"):
            yield from self._give_up(state, hand)
            return
        yield Step(f"the worker of receive {message.r} crashes", gone(state, hand), cost="crash")
        if self.world.claims and not hand.claimed:
            yield from self._claim(state, hand)
            return
        for place, member in enumerate(hand.members):
            yield from self._member(state, hand, place, member)
        yield from self._end(state, hand)

    def _give_up(self, state: State, hand: Hand) -> Iterator[Step]:
        """B1: deleted, and expired for every task. Where that is not confirmed it is only given back."""
        message, deleted = hand.message, hand.ends > 0
        for confirmed in {deleted, False}:
            kind = "expired" if confirmed else "released"
            after = gone(state, hand, deleted=deleted)
            for task in (0, 1):
                after = self._said(after, task, report(hand, kind, deleted=confirmed, begun=False))
            says = f"the message is given up at receive {message.r}: {kind}"
            yield Step(says, after, cost="" if confirmed == deleted else "lose")

    def _claim(self, state: State, hand: Hand) -> Iterator[Step]:
        """All members in one transaction; what is refused is left out."""
        members, after, breaks = list(hand.members), state, ""
        asked = (0,) if self.lacks("claims") else (0, 1)
        for place, task in enumerate(asked):
            answer = self.rows.tell(after.rows[task], claim_of(report(hand, "claimed", ends=hand.ends)))
            step = self._tell(after, task, claim_of(report(hand, "claimed", ends=hand.ends)), "")
            after, breaks = step.after, breaks or step.breaks
            if answer.refusal is not None:
                members[place] = LEFT_OUT
        fresh = hand._replace(members=tuple(members), claimed=True)
        yield Step(f"receive {hand.message.r} is claimed: {members}", changed(after, hand, fresh), breaks)
        yield Step(f"receive {hand.message.r} is claimed, and the answer is lost", after, breaks, cost="lose")

    def _member(self, state: State, hand: Hand, place: int, member: int) -> Iterator[Step]:
        message, task = hand.message, place
        name, busy = f"{NAMES[task]} (receive {message.r})", RUNNING in hand.members
        turn = not busy and all(each != WAITING for each in hand.members[:place])
        if member == WAITING and turn:
            if (hand.ends and message.valid) or self.lacks("R2"):
                begun = state._replace(begun=state.begun | {task})
                again = "B1" if message.r > 1 else ""
                told = self._said(begun, task, report(hand, "started", ends=hand.ends))
                yield Step(f"{name} begins, and that is reported", moved(told, hand, place, RUNNING), again)
            late = hand.ends <= 1 or not message.valid
            leaves = moved(state, hand, place, RELEASED)
            yield Step(f"{name} does not begin any more", leaves, cost="" if late else "drain")
        elif member == RUNNING:
            yield Step(f"{name} succeeds", moved(state, hand, place, SUCCEEDED))
            yield Step(f"{name} fails, or its child dies", moved(state, hand, place, FAILED), cost="fail")
        elif member == SUCCEEDED:
            told = self._said(state, task, report(hand, "completed"))
            yield Step(f"{name} is reported as completed", moved(told, hand, place, ACKNOWLEDGED))
            yield Step(f"{name} is reported as completed, and the reply is lost", told, cost="lose")

    def _end(self, state: State, hand: Hand) -> Iterator[Step]:
        """B2: the one delete when all have ended, and what was kept is told after it."""
        hasty = (self.lacks("B2") and FAILED in hand.members) or (self.lacks("R4") and SUCCEEDED in hand.members)
        if UNENDED.intersection(hand.members) and not hasty:
            return
        wrong = "S8" if UNENDED.intersection(hand.members) else ""
        claim = hand.ends > 0
        kept = [at for at, each in enumerate(hand.members) if each in (FAILED, RELEASED)]
        for confirmed in {claim, False} if kept else {claim}:
            after = gone(state, hand, deleted=claim or not kept)
            for place in kept:
                failed = hand.members[place] == FAILED
                said = report(hand, "failed" if failed else "released", deleted=confirmed, begun=failed)
                after = self._said(after, place, said)
            done = "is deleted" if confirmed else "is left to its lease"
            yield Step(f"the message {done}; told: {kept}", after, wrong, "" if confirmed == claim else "lose")
        if claim:
            yield Step("the message cannot be deleted", gone(state, hand) if not kept else state, cost="lose")

    def _said(self, state: State, task: int, said: Report) -> State:
        if self.world.claims:
            return self._tell(state, task, event_of(said), "").after
        return state._replace(reports=tuple(sorted((*state.reports, (task, said)))))

    # ------------------------------------------------------------ time

    def _time(self, state: State) -> Iterator[Step]:
        """R3: no child is left running as its lease ends. What was said is recorded before: ``world`` has it late."""
        if state.reports or any(not {WAITING, RUNNING}.intersection(hand.members) for hand in state.hands):
            return
        if any(SUCCEEDED in hand.members for hand in state.hands):
            return
        if any(RUNNING in hand.members and hand.ends <= 1 for hand in state.hands) and not self.lacks("R2"):
            for hand in state.hands:
                for place, member in enumerate(hand.members):
                    if member == RUNNING:
                        yield Step("a child is stopped at its deadline", moved(state, hand, place, FAILED))
            return
        after = State(
            (self.rows.later(state.rows[0]), self.rows.later(state.rows[1])),
            tuple(sorted(m._replace(hidden=later(m.hidden), valid=later(m.valid)) for m in state.messages)),
            tuple(
                sorted(
                    h._replace(ends=later(h.ends), message=h.message._replace(valid=later(h.message.valid)))
                    for h in state.hands
                )
            ),
            tuple(sorted((task, said._replace(ends=later(said.ends))) for task, said in state.reports)),
            state.faults,
            state.begun,
            state.elsewhere,
        )
        if after != state:
            yield Step("time passes", after)

    def broken(self, state: State) -> str:
        """What this state violates."""
        alive = [at for hand in state.hands for at, each in enumerate(hand.members) if each == RUNNING]
        if any(RUNNING in hand.members and not hand.ends for hand in state.hands):
            return "S10"
        return "S11" if len({*alive, *state.elsewhere}) < len(alive) + len(state.elsewhere) else ""

    def at_rest(self, state: State) -> bool:
        """Whether both have their outcomes, and nothing of them is left; or where the bounds of the world end."""
        tasks = [self.rows[row] for row in state.rows]
        over = all(task.terminal or task.n > 1 for task in tasks) or not all(task.n for task in tasks)
        left = any(message.r < RECEIVES for message in state.messages)
        return over and not (left or state.hands or state.reports or state.elsewhere)


# ---------------------------------------------------------------- what they share


def report(hand: Hand, kind: str, *, ends: int = 0, deleted: bool = False, begun: bool = True) -> Report:
    message = hand.message
    return Report(kind, 1, message.r, message.copy, ends, deleted, begun)


def swapped(messages: tuple[Message, ...], old: Message, new: Message) -> tuple[Message, ...]:
    return tuple(sorted(new if each is old else each for each in messages))


def changed(state: State, old: Hand, new: Hand) -> State:
    hands = list(state.hands)
    hands[hands.index(old)] = new
    return state._replace(hands=tuple(sorted(hands)))


def moved(state: State, hand: Hand, place: int, member: int) -> State:
    members = (*hand.members[:place], member, *hand.members[place + 1 :])
    return changed(state, hand, hand._replace(members=members))


def gone(state: State, hand: Hand, *, deleted: bool = False) -> State:
    """The worker has nothing in its hands any more; with its message, if it was deleted."""
    hands = list(state.hands)
    hands.remove(hand)
    messages = tuple(m for m in state.messages if not (deleted and m.copy == hand.message.copy))
    return state._replace(hands=tuple(hands), messages=messages)
