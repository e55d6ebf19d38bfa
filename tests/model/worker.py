"""What a worker may do next with what it holds: the steps of intake, worker and reporter, and a crash between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from leasehold.core.model import Refusal
from tests.model.parts import IDLE, Configuration, Effect, Hand, Message, Phase, Report, run_name
from tests.model.rows import TICK

Messages = tuple[Message, ...]
Steps = Iterator[Effect]


def steps(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """Whatever may happen next here."""
    if hand.phase is not Phase.IDLE:
        name = run_of(hand)
        yield Effect(IDLE, messages, f"the worker of run {name} crashes", cost="crash", dies=spoken(hand, "gone"))
    if hand.phase in STEPS:
        yield from STEPS[hand.phase](world, hand, messages)


# ---------------------------------------------------------------- receiving


def receive(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """The queue hands out what is visible, and hides it from then on (R1)."""
    del hand
    for message in messages:
        if message.hidden or message.r >= world.receives:
            continue
        out = message._replace(r=message.r + 1, hidden=world.lease)
        phase = Phase.COMING if world.slow_replies else Phase.HELD
        held = Hand(phase, out.n, out.copy, out.r, world.lease, out.valid)
        name = run_of(held)
        now = put(messages, message, out)
        yield Effect(held, now, f"a worker receives message {message_name(out)} for run {name}")
        if not world.slow_replies:
            yield Effect(IDLE, now, f"a worker receives for run {name}, and the reply is lost", cost="lose")


def arrive(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """The lease counts from before the request (R1)."""
    ends = world.lease if world.lacks("R1") else hand.ends
    yield Effect(hand._replace(phase=Phase.HELD, ends=ends), messages, f"the reply for run {run_of(hand)} arrives")


def held(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """Start it, or turn it away."""
    name = run_of(hand)
    if hand.r > world.most_receives:
        yield leaving(hand, messages, "dead-lettered", f"run {name} is one receive too many")
        return
    if world.bundle and hand.r > 1:
        yield leaving(hand, messages, "expired", f"the bundle of run {name} was received again, and is given up")
        return
    if not hand.valid and not world.lacks("R6"):
        yield from expired(world, hand, messages)
        return
    if hand.ends or world.lacks("R2"):
        if not world.claims:
            yield begins(hand, messages)
        yield leaving(hand, messages, "refused", f"no worker knows the handler of run {name}")._replace(cost="refuse")
        gone = leaving(hand, messages, "failed", f"the arguments of run {name} are gone")
        yield gone._replace(cost="arguments")
        early = leaving(hand, messages, "expired", f"run {name} is given up as expired a little early")
        yield early._replace(cost="early")
        back = hand._replace(phase=Phase.SHOWING, kind="released")
        yield Effect(back, messages, f"the worker of run {name} leaves before it began", cost="drain")
    else:
        late = hand._replace(phase=Phase.SPEAKING, kind="released")
        yield Effect(late, messages, f"run {name} waited for too long: its lease is over")


def begins(hand: Hand, messages: Messages) -> Effect:
    """Its child is started: from here on it is alive."""
    alive = hand._replace(phase=Phase.RUNNING, begun=True, valid=0)
    return Effect(alive, messages, f"run {run_of(hand)} begins")


def expired(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """Its validity is over: deleted, then told (R6, R12). A run that is known in the ledger is released instead."""
    name = run_of(hand)
    if world.lacks("R12"):
        yield Effect(IDLE, messages, f"run {name} is not valid any more, and is dropped")
    elif hand.known:
        yield leaving(hand, messages, "released", f"run {name} is not valid any more, but was claimed")
    else:
        yield leaving(hand, messages, "expired", f"run {name} is not valid any more")


def asked(hand: Hand, messages: Messages, refusal: Refusal | None) -> Steps:
    """What follows from the ledger's answer to a claim."""
    name = run_of(hand)
    if refusal is None:
        yield begins(hand._replace(known=True), messages)
        unknown = hand._replace(known=True)
        yield Effect(unknown, messages, f"run {name} is granted, and the answer is lost", cost="lose")
    elif refusal.remaining is None:
        yield Effect(hand._replace(phase=Phase.STALE), messages, f"run {name} is refused: {refusal.reason}")
    else:
        ticks = -(-refusal.remaining // TICK)
        hidden = [put(messages, m, m._replace(hidden=ticks)) for m in messages if is_held(m, hand)]
        yield Effect(IDLE, hidden[0] if hidden else messages, f"run {name} has to wait: {refusal.reason}")
        yield Effect(IDLE, messages, f"run {name} has to wait, and its message is not hidden", cost="lose")


def stale(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """Deleted, and not spoken of (R12)."""
    del world
    name = run_of(hand)
    yield Effect(IDLE, removed(messages, hand), f"the message of run {name} is deleted")
    yield Effect(IDLE, messages, f"the message of run {name} is not deleted", cost="undeleted")


# ---------------------------------------------------------------- running


def running(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """Its child works, and the worker speaks of it."""
    name = run_of(hand)
    success = "DELETING" if world.lacks("R4") else "SUCCEEDED"
    yield Effect(hand._replace(phase=Phase[success], kind="completed"), messages, f"run {name} succeeds")
    yield failing(world, hand, messages)
    yield Effect(hand._replace(phase=Phase.PAUSED), messages, f"the machine of run {name} is suspended", cost="pause")
    if not hand.ends:
        yield leaving(hand, messages, "failed", f"run {name} is killed: its lease is over")
    if not hand.known:
        told = spoken(hand, "started", ends=hand.ends)
        yield Effect(hand._replace(known=True), messages, f"run {name} reports that it has begun", told)
    yield from draining(world, hand, messages)


def failing(world: Configuration, hand: Hand, messages: Messages) -> Effect:
    """R5: first the delete, then the report."""
    name = run_of(hand)
    if world.lacks("R5"):
        said = hand._replace(phase=Phase.SPEAKING, kind="failed", deleted=True)
        return Effect(said, messages, f"run {name} fails, or is killed at its deadline", cost="fail")
    return leaving(hand, messages, "failed", f"run {name} fails, or is killed at its deadline")._replace(cost="fail")


def draining(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """R11: say so, wait for the acknowledgement, stop the child, see it dead, and only then show the message."""
    name = run_of(hand)
    if not hand.draining:
        yield Effect(hand._replace(draining=1), messages, f"the worker of run {name} is told to leave", cost="drain")
    elif hand.draining == 1:
        told = spoken(hand, "draining", ends=hand.ends)
        yield Effect(hand._replace(draining=2), messages, f"run {name} reports that it is draining", told)
    elif world.lacks("R11"):
        yield Effect(hand, shown(world, messages, hand), f"the message of run {name} is shown while its child lives")
    else:
        dead = hand._replace(phase=Phase.SHOWING, kind="released")
        yield Effect(dead, messages, f"run {name} is stopped and seen dead")


def paused(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """The machine goes on as if no time had passed."""
    del world
    yield Effect(hand._replace(phase=Phase.RUNNING), messages, f"the machine of run {run_of(hand)} goes on")


# ---------------------------------------------------------------- ending


def succeeded(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """R4: the success is acknowledged before anything is deleted."""
    del world
    name = run_of(hand)
    told = spoken(hand, "completed")
    yield Effect(hand._replace(phase=Phase.REPORTED), messages, f"run {name} reports its success", told)
    yield Effect(hand, messages, f"run {name} reports its success, and the reply is lost", told, cost="lose")


def reported(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """Deleted whether the lease is over or not. A stale handle may delete it, or may not."""
    del world
    name = run_of(hand)
    gone = removed(messages, hand)
    yield Effect(IDLE, gone, f"the message of run {name} is deleted")
    if gone != messages:
        fresh = any(is_held(message, hand) for message in messages)
        cost = "undeleted" if fresh else None
        yield Effect(IDLE, messages, f"the message of run {name} is deleted, and is still there", cost=cost)
        yield Effect(IDLE, messages, f"the message of run {name} cannot be deleted", cost="lose")


def deleting(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """R5: deleted inside the lease and confirmed, or it is not claimed."""
    name = run_of(hand)
    breaks = "S8" if hand.kind == "completed" else ""
    sure, unsure = hand._replace(phase=Phase.SPEAKING, deleted=True), hand._replace(phase=Phase.SPEAKING)
    if hand.kind == "expired" and not world.lacks("R5 expired"):
        unsure = unsure._replace(kind="released")  # perhaps another worker holds it, or will
    if not hand.ends and not world.lacks("R5 in time"):
        yield Effect(unsure, messages, f"the lease of run {name} is over: its message is left alone")
        return
    gone = removed(messages, hand)
    mine = any(is_held(message, hand) for message in messages)
    if mine or gone == messages:
        yield Effect(sure, gone, f"the message of run {name} is deleted", breaks=breaks)
        yield Effect(unsure, gone, f"the message of run {name} is deleted, unconfirmed", cost="lose")
    if gone != messages:
        yield Effect(unsure, messages, f"the message of run {name} is not deleted", cost="lose")
        cost = "undeleted" if mine else None
        yield Effect(sure, messages, f"the message of run {name} is deleted, and is still there", cost=cost)


def showing(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """R11: given back inside the lease, with the newest handle."""
    name = run_of(hand)
    spoken_of = hand._replace(phase=Phase.SPEAKING)
    if not hand.ends and not world.lacks("R11 in time"):
        yield Effect(spoken_of, messages, f"the lease of run {name} is over: its message is left alone")
        return
    yield Effect(spoken_of, shown(world, messages, hand), f"the message of run {name} is shown to others")
    yield Effect(spoken_of, messages, f"the message of run {name} is not shown to others", cost="lose")


def speaking(world: Configuration, hand: Hand, messages: Messages) -> Steps:
    """Report how it ended."""
    name, told = run_of(hand), spoken(hand, hand.kind, deleted=hand.deleted)
    claim = " and that its message is deleted" if hand.deleted else ""
    says = f"run {name} reports that it is {hand.kind}{claim}"
    then = hand._replace(phase=Phase.REPORTED) if world.lacks("R5") and hand.kind == "failed" else IDLE
    yield Effect(then, messages, says, told)
    yield Effect(hand, messages, f"{says}, and the reply is lost", told, cost="lose")


STEPS: dict[Phase, Callable[[Configuration, Hand, Messages], Steps]] = {
    Phase.IDLE: receive,
    Phase.COMING: arrive,
    Phase.HELD: held,
    Phase.RUNNING: running,
    Phase.PAUSED: paused,
    Phase.SUCCEEDED: succeeded,
    Phase.REPORTED: reported,
    Phase.DELETING: deleting,
    Phase.SHOWING: showing,
    Phase.SPEAKING: speaking,
    Phase.STALE: stale,
}


# ---------------------------------------------------------------- what they share


def run_of(hand: Hand) -> str:
    """The name of the run that it holds."""
    return run_name(hand.n, hand.r, hand.copy)


def message_name(message: Message) -> str:
    """What a message is called."""
    return str(message.n) + ("", "'")[message.copy]


def spoken(hand: Hand, kind: str, *, ends: int = 0, deleted: bool = False) -> Report:
    """What it says of its run. Only a beginning tells of the lease: an end needs none."""
    return Report(kind, hand.n, hand.r, hand.copy, ends, deleted, hand.begun)


def leaving(hand: Hand, messages: Messages, kind: str, says: str) -> Effect:
    """It ends without success: its message is deleted next."""
    return Effect(hand._replace(phase=Phase.DELETING, kind=kind), messages, says)


def is_held(message: Message, hand: Hand) -> bool:
    """Whether this receive is the newest one of that message."""
    return (message.n, message.copy, message.r) == (hand.n, hand.copy, hand.r)


def removed(messages: Messages, hand: Hand) -> Messages:
    """Without its message."""
    return tuple(m for m in messages if (m.n, m.copy) != (hand.n, hand.copy))


def shown(world: Configuration, messages: Messages, hand: Hand) -> Messages:
    """Its message is visible at once; by a stale handle only where a configuration wants the worst."""
    for message in messages:
        stale_too = world.lacks("R11 in time") and (message.n, message.copy) == (hand.n, hand.copy)
        if is_held(message, hand) or stale_too:
            return put(messages, message, message._replace(hidden=0))
    return messages


def put(messages: Messages, old: Message, new: Message) -> Messages:
    """With a message changed."""
    return tuple(sorted(new if message is old else message for message in messages))
