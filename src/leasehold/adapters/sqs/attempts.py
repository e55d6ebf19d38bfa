"""Batch requests: every entry of every reply is read, and what failed is tried again a few times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from leasehold.adapters.sqs.failure import SqsFailure
from leasehold.ports.clock import Clock

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef

TRIES = 4
FIRST_PAUSE = 50
"""ms before the second try at most; doubled each time, with full jitter. Longer waiting is the role's affair."""

PATIENCE = 5_000
"""ms from the first try after which there is no further one."""

NEVER = frozenset(
    {
        "InvalidMessageContents",
        "InvalidParameterValue",
        "InvalidAttributeValue",
        "MessageTooLong",
        "BatchRequestTooLong",
        "MissingParameter",
    }
)
"""Codes of an entry that SQS will never take, however often it is sent."""


class Fault(NamedTuple):
    """Why an entry is not known to be done."""

    reason: str
    code: str = ""
    again: bool = False
    """Whether it is worth another try at once."""
    unknown: bool = False
    """Whether it may have been done all the same."""


class Reply(NamedTuple):
    """What one request came to, by position."""

    done: dict[int, str]
    faults: dict[int, Fault]


class Settled(NamedTuple):
    """What all tries came to. ``failure``: the last request failed as a whole."""

    done: dict[int, str]
    faults: dict[int, Fault]
    failure: SqsFailure | None = None


class Attempts:
    """Asks, reads, asks again for what failed. ``pause`` waits so many seconds, or until the queue is closed."""

    def __init__(self, clock: Clock, random: Random, pause: Callable[[float], object]) -> None:
        self._clock = clock
        self._random = random
        self._pause = pause

    def settle(self, positions: Sequence[int], ask: Callable[[Sequence[int]], Reply], *, repeatable: bool) -> Settled:
        """Ask for each position. ``repeatable``: doing it twice is doing it once, so an unknown fate is asked again."""
        until = self._clock.boot() + PATIENCE
        done: dict[int, str] = {}
        faults: dict[int, Fault] = {}
        left: Sequence[int] = positions
        failure: SqsFailure | None = None
        for turn in range(TRIES):
            if turn:
                self._pause(self._random.uniform(0, FIRST_PAUSE << turn) / 1_000)
            reply, failure = asked(left, ask)
            done.update(reply.done)
            faults.update({p: after(faults.get(p), fault) for p, fault in reply.faults.items()})
            left = [p for p, fault in reply.faults.items() if fault.again or (repeatable and fault.unknown)]
            if not left or self._clock.boot() >= until:
                break
        return Settled(done, {p: fault for p, fault in faults.items() if p not in done}, failure)


def asked(positions: Sequence[int], ask: Callable[[Sequence[int]], Reply]) -> tuple[Reply, SqsFailure | None]:
    """The answers for these positions. A request that failed as a whole has failed for each."""
    try:
        reply = ask(positions)
    except SqsFailure as error:
        fault = Fault(str(error), error.code, unknown=error.unknown)
        return Reply({}, dict.fromkeys(positions, fault)), error
    silent = [p for p in positions if p not in reply.done and p not in reply.faults]
    for position in silent:
        reply.faults[position] = Fault("the reply does not speak of it", unknown=True)
    return reply, None


def after(earlier: Fault | None, fault: Fault) -> Fault:
    """What is known after two tries: one whose fate is unknown leaves it so."""
    return fault._replace(unknown=True) if earlier is not None and earlier.unknown else fault


def faults_of(failed: Iterable[BatchResultErrorEntryTypeDef]) -> dict[int, Fault]:
    """The entries that a reply names as failed."""
    return {int(each["Id"]): fault_of(each) for each in failed}


def fault_of(entry: BatchResultErrorEntryTypeDef) -> Fault:
    """One entry. What is our fault stays so; what is SQS's may pass."""
    code = entry["Code"].removeprefix("AWS.SimpleQueueService.")
    again = not entry["SenderFault"] and code not in NEVER
    return Fault(f"SQS refused it: {code}: {entry.get('Message', '')}", code, again=again)
