"""One simulated world: real roles on machines that fail, a ledger, queues and a store that fail, and one time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

from leasehold.adapters.memory import Book, Faults, MemoryLedger, MemoryQueue, MemoryStore, MemoryTerms, MemoryViews
from leasehold.core.errors import Unavailable
from leasehold.flow.client import Client
from leasehold.flow.ids import IdMaker
from leasehold.flow.ledger_client import LedgerClient
from leasehold.ports.ledger import Ledger
from leasehold.ports.queue import QueueTraits
from leasehold.ports.reports import Claims, Outbox
from leasehold.ports.views import Views
from leasehold.testing.simulator.chance import Chance, Fates, Move, Play, Strike
from leasehold.testing.simulator.clocks import MachineClock, Truth
from leasehold.testing.simulator.life import Life, Violation
from leasehold.testing.simulator.lines import Actor, Crash, LedgerLine, QueueLine, StoreLine
from leasehold.testing.simulator.machines import BELL, PAYLOAD_LIMIT, Node, Orchestrator, Roles, reports_of
from leasehold.testing.simulator.moves import MOVES
from leasehold.testing.simulator.terms import Terms, Topology
from leasehold.testing.simulator.watch import BULK, Watch

DEEP = 3
"""Pauses within pauses."""
HORIZON = 30_000
"""ms by which a queue delays what it delays, at most."""


class Backing(NamedTuple):
    """The ledger of a world, as somebody else made it."""

    ledger: Ledger
    views: Views


class WorldFaults(Faults):
    """A queue's dice, thrown by the schedule."""

    def __init__(self, fates: Fates, kind: str, rates: dict[str, float]) -> None:
        super().__init__(fates.chance, horizon=HORIZON)
        self._fates = fates
        self._kinds = {name.partition(" ")[2]: name for name in rates if name.startswith(f"{kind} ")}
        """The faults that are switched on: chances of others are not counted."""

    def strikes(self, fault: str) -> bool:
        """Throw the dice for one fault."""
        name = self._kinds.get(fault)
        if name is None or self._fates.strikes(name) is None:
            return False
        self.fired[fault] += 1
        return True


class World:
    """Everything of one world. ``do`` makes a move; ``pull`` gives the moves that others make during a pause."""

    def __init__(
        self,
        terms: Terms,
        fates: Fates,
        pull: Callable[[], Move | None],
        *,
        roles: Roles,
        back: Callable[[MachineClock], Backing] | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self.terms = terms
        self.fates = fates
        self.chance: Chance = fates.chance
        self.roles = roles
        self.truth = Truth()
        self.life = Life(fates.counted)
        self.watch = Watch(self.life, terms.topology)
        self.trace = trace
        self.plays: list[Play] = []
        """Every move that was begun, with the faults that struck in it."""
        self.violation: Violation | None = None
        self.steps = 0
        self.bulk = 0
        """Bulk operations that were asked for."""
        self.submitted: list[str] = []
        """Tasks whose submit returned (S1)."""
        self.away: dict[str, int] = {}
        """Until when what cannot be reached."""
        self._pull = pull
        self._depth = 0
        self._frozen: list[tuple[int, Actor]] = []
        """Machines that stand still, and until when."""
        self._born = 0
        self.service = MachineClock(self.truth)
        """The clock of the queue service, and of the ledger's server: kept by NTP, as the documentation asks."""
        self.ledger, self.views = self._ledger(back)
        self.key = self.chance.randbytes(32)
        self.store = MemoryStore()
        self.queue_names = tuple("ab"[: terms.queues])
        self._queues()
        self.orchestrators = [self._orchestrator() for _ in range(terms.orchestrators)]
        self.nodes = [self._node() for _ in range(terms.workers)]
        self.leavers: list[Node] = []
        """Workers whose processes are gone, but not yet all of their runs."""
        self.hand = self._actor("a person")
        self.client = self._client()

    # ------------------------------------------------------------ parts

    def _ledger(self, back: Callable[[MachineClock], Backing] | None) -> Backing:
        if back is not None:
            return back(self.service)
        book = Book()
        ledger = MemoryLedger(self.service, book, self.chance, self.watch.decided)
        return Backing(ledger, MemoryViews(book, self.service))

    def _queues(self) -> None:
        terms, service = self.terms, self.service
        embedded = terms.topology is Topology.EMBEDDED
        traits = QueueTraits(fifo=terms.topology is Topology.FIFO, shares_ledger=embedded)
        self.dead = MemoryQueue("dead", service, faults=WorldFaults(self.fates, "dead", {}))
        self.tasks = {
            name: MemoryQueue(
                f"tasks:{name}",
                service,
                MemoryTerms(traits, max_receives=terms.max_receives, in_flight_limit=terms.in_flight),
                dead_letters=self.dead if terms.max_receives is not None else None,
                faults=WorldFaults(self.fates, "tasks", terms.rates),
            )
            for name in self.queue_names
        }
        self.status = MemoryQueue(
            "status",
            service,
            MemoryTerms(QueueTraits(shares_ledger=embedded)),
            faults=WorldFaults(self.fates, "status", terms.rates),
        )

    def _client(self) -> Client:
        clock = self.machine_clock()
        return LedgerClient(
            self.ledger_line(self.hand),
            self.views,
            self.store_line(self.hand),
            BELL,
            clock,
            ids=IdMaker(clock, self.chance),
            payload_limit=PAYLOAD_LIMIT,
        )

    def _actor(self, name: str) -> Actor:
        actor = Actor(name, self.fates, self._stand_still)
        if self.trace is not None:
            actor.trace = lambda what, outcome: self.say(f"{name}: {what} -> {outcome}")
        return actor

    def _orchestrator(self) -> Orchestrator:
        self._born += 1
        return Orchestrator(self, self._actor(f"orchestrator {self._born}"))

    def _node(self) -> Node:
        self._born += 1
        new = self.fates.quiet or self._born % 2 == 0
        return Node(self, self._actor(f"worker {self._born}"), new=new)

    def machine_clock(self) -> MachineClock:
        """The clocks of a new machine."""
        terms, chance = self.terms, self.chance
        off = chance.randrange(-terms.off, terms.off + 1)
        return MachineClock(
            self.truth, off=off, drift=chance.randrange(-terms.drift, terms.drift + 1), boot=chance.randrange(1 << 30)
        )

    def ledger_line(self, actor: Actor) -> LedgerLine:
        """An actor's line to the ledger."""
        return LedgerLine(actor, self.ledger, lambda: self.is_away("ledger"))

    def task_line(self, actor: Actor, name: str) -> QueueLine:
        """An actor's line to a task queue."""
        return QueueLine(actor, self.tasks[name], lambda: self.is_away("queue"), self.watch)

    def status_line(self, actor: Actor) -> QueueLine:
        """An actor's line to the status queue."""
        return QueueLine(actor, self.status, lambda: self.is_away("queue"), self.watch)

    def dead_line(self, actor: Actor) -> QueueLine:
        """An actor's line to the dead-letter queue."""
        return QueueLine(actor, self.dead, lambda: self.is_away("queue"), self.watch)

    def store_line(self, actor: Actor) -> StoreLine:
        """An actor's line to the store."""
        return StoreLine(actor, self.store, lambda: self.is_away("store"))

    def reports(self, node: Node) -> tuple[Claims, Outbox]:
        """Who grants a worker's runs, and where its reports go."""
        return reports_of(self, node)

    def freeze(self, actor: Actor, ms: int) -> None:
        """Its machine stands still for so long."""
        actor.frozen += 1
        self._frozen.append((self.truth.now + ms, actor))

    def thawed(self) -> list[Actor]:
        """Those whose machines go on now."""
        now = self.truth.now
        over = [actor for until, actor in self._frozen if until <= now]
        self._frozen = [each for each in self._frozen if each[0] > now]
        for actor in over:
            actor.frozen -= 1
        return [actor for actor in over if not actor.frozen]

    @contextmanager
    def undisturbed(self) -> Generator[None]:
        """No fault strikes here."""
        play, self.fates.play = self.fates.play, None
        try:
            yield
        finally:
            self.fates.play = play

    def make_peace(self) -> None:
        """All trouble ends: machines go on, what was away is back, queues are resumed, workers are up to date."""
        self.fates.quiet = True
        self.away.clear()
        for _, actor in self._frozen:
            actor.frozen = 0
            self.thaw(actor)
        self._frozen.clear()
        self.hand.gone = False
        for node in self.nodes:
            node.new = True
        for name in self.queue_names:
            self.client.pause(name, paused=False, by="ada")

    def is_away(self, what: str) -> bool:
        """Whether nobody can reach it just now."""
        return self.truth.now < self.away.get(what, 0)

    # ------------------------------------------------------------ moves

    def say(self, line: str) -> None:
        """A line of the story."""
        if self.trace is not None:
            self.trace(f"{self.truth.now / 1000:9.3f} s {'  ' * self._depth}{line}")

    @contextmanager
    def playing(self, move: Move) -> Generator[Play]:
        """The faults and the chance of this move hold until its end."""
        fates, chance = self.fates, self.chance
        outer, state = fates.play, chance.state
        fates.play = play = Play(move, fates.dice)
        chance.set(move.salt)
        try:
            yield play
        finally:
            fates.play, chance.state = outer, state

    def step(self, actor: Actor, role: str, step: Callable[[], int]) -> int:
        """A role takes its step, unless it is in the middle of one, or its machine stands still."""
        if actor.gone or actor.frozen or role in actor.busy:
            return 0
        self.steps += 1
        actor.busy.add(role)
        try:
            return step()
        except Unavailable:
            return 0
        except Crash:
            return 0
        except Violation:
            raise
        except Exception as defect:
            raise Violation(
                "defect", f"the {role} of {actor.name} failed: {type(defect).__name__}: {defect}"
            ) from defect
        finally:
            actor.busy.discard(role)

    def by_hand(self, act: Callable[[], object]) -> None:
        """A person does something, which may fail."""
        self.hand.gone = False
        with suppress(Unavailable, Crash):
            act()

    def next_bulk(self) -> str:
        """The reason of the next bulk operation, which no other has."""
        self.bulk += 1
        return f"{BULK}{self.bulk}"

    def settle(self) -> None:
        """After a move: who died is replaced, and the laws are looked at."""
        for at, orchestrator in enumerate(self.orchestrators):
            if orchestrator.actor.gone:
                self.orchestrators[at] = self._orchestrator()
        for at, node in enumerate(self.nodes):
            if node.actor.gone:
                self.leave(node)
                self.nodes[at] = self._node()
            elif node.drained:
                self.say(f"{node.actor.name} has left in good order")
                node.actor.gone = True
                self.leave(node)
                self.nodes[at] = self._node()
        self.watch.look()

    def leave(self, node: Node) -> None:
        """A worker's process is gone; its guards kill what it ran."""
        node.slots.supervisor_died()
        if node.slots.running:
            self.leavers.append(node)

    def vanish(self, node: Node) -> None:
        """A machine is gone, and everything on it."""
        node.actor.gone = True
        node.slots.close()

    def pass_time(self, ms: int) -> None:
        """Time passes, for everybody; what is over ends where machines go."""
        self.truth.now += ms
        for node in (*self.nodes, *self.leavers):
            if not node.actor.frozen:
                node.slots.tick()
        self.leavers = [node for node in self.leavers if node.slots.running]

    def next_instant(self) -> int:
        """How long (ms) until something is due by itself, at least 1."""
        now = self.service.now()
        queues = (*self.tasks.values(), self.status, self.dead)
        waits = [copy.visible_at - now for queue in queues for copy in queue.peek()]
        for node in (*self.nodes, *self.leavers):
            at = node.slots.next_at()
            if at is not None:
                waits.append(at - node.clock.boot() + 1)
        return min((wait for wait in waits if wait > 0), default=60_000)

    # ------------------------------------------------------------ pauses

    def _stand_still(self, actor: Actor, strike: Strike) -> None:
        """Others move while one call of one role takes its time, or while its whole machine stands still."""
        if self._depth >= DEEP:
            return
        frozen = strike.fault.startswith("freeze")
        actor.frozen += frozen
        self._depth += 1
        try:
            self._others_move(strike.moves // 2)
            self.pass_time(strike.ms)
            self.watch.look()
            self._others_move(strike.moves - strike.moves // 2)
        finally:
            self._depth -= 1
            actor.frozen -= frozen
        if frozen and not actor.frozen:
            self.thaw(actor)

    def _others_move(self, moves: int) -> None:
        for _ in range(moves):
            move = self._pull()
            if move is None:
                return
            self.do(move)

    def thaw(self, actor: Actor) -> None:
        """A machine goes on: what is overdue on it may do something more, then its guard kills it."""
        for node in (*self.nodes, *self.leavers):
            if node.actor is actor:
                node.slots.beat()
                node.slots.tick()

    def do(self, move: Move) -> Sequence[Strike]:
        """Make one move, with all that strikes meanwhile; the strikes."""
        with self.playing(move) as play:
            self.plays.append(play)
            try:
                MOVES[move.what](self, move)
                self.settle()
            except Violation as violation:
                self.violation = self.violation or violation
                raise
        if self.violation is not None:  # somebody between there and here has kept it for himself
            raise self.violation
        return play.struck
