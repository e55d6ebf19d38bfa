"""A million damaged messages: none ends a process, and none says anything of a task that its sender was not given.

They start from messages as real as those on the queues: an attacker's own, with a capability that fits, and forged ones
for tasks of others. They go through the code that reads the queues (`Recorder.read`, `DeadLetters.read`, the check of
signatures), and what it takes through `decide`. Seeded: a failing seed is the number in the test's name.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from random import Random
from typing import Any, cast

import pytest

from leasehold.adapters.signing import Signer, Verifier
from leasehold.core.errors import MalformedMessage
from leasehold.core.machine import decide
from leasehold.core.model import Decision, Ignored, Task
from leasehold.core.references import arguments_reference, log_reference, result_reference
from leasehold.core.reports import UpdateKind
from leasehold.core.wire import (
    WireTask,
    capability,
    decode_task_message,
    encode_malformed,
    encode_task_message,
    encode_update,
    pack,
    quarantined,
)
from leasehold.flow.dead_letters import DeadLetters
from leasehold.flow.recorder import Recorder
from leasehold.ports.queue import Delivery, Message, Sent
from tests.core.damage import damage
from tests.core.stories import NOW, a_queued_task
from tests.core.wire_examples import OTHER, RUN_ID, TASK_ID, a_task_message, an_update
from tests.flow.node import Node
from tests.flow.orchestra import Orchestra

KEY = b"the orchestrator's own key, 32 B"
WRONG = b"a key that an attacker made up!!"
SIGNER = Signer(bytes(range(32)))
VERIFY = Verifier([SIGNER.public])
N = 3
"""The dispatch that the examples speak of."""
EACH = 25_000
SEEDS = range(40)
"""Of each kind of message 20 x 25,000: a million in all."""
FEW = 2_000


@cache
def reports() -> list[str]:
    """Status messages: an attacker's own task, somebody else's with a capability that is made up, and both at once."""
    bodies: list[str] = []
    for kind in UpdateKind:
        stored = {"log_ref": log_reference(TASK_ID, RUN_ID, b"x"), "log": "l\n", "log_bytes": 9, "note": "n"}
        own = an_update(kind, capability=capability(KEY, TASK_ID, N), deleted=True, after=5, fraction=0.5, **stored)
        forged = own._replace(task_id=OTHER, capability=capability(WRONG, OTHER, N), log_ref=None)
        borrowed = own._replace(task_id=OTHER, log_ref=None)
        encoded = [encode_update(each, 5_000) for each in (own, forged, borrowed)]
        bodies += [pack([each])[0].body for each in encoded] + [pack(encoded)[0].body]
    large = an_update(UpdateKind.COMPLETED, result=None, result_ref=result_reference(TASK_ID, RUN_ID, b"7"))
    own_large = large._replace(capability=capability(KEY, TASK_ID, N))
    return [*bodies, pack([encode_update(own_large, 5_000), encode_malformed(quarantined("q", b"\xff", "no"))])[0].body]


@cache
def dispatches() -> list[str]:
    """Task messages with capabilities that fit nobody: nothing that is made of them may fit."""
    own = WireTask(TASK_ID, N, capability(WRONG, TASK_ID, N), '{"source":"a.wav"}', trace="00-ab-cd-01")
    stored = WireTask(OTHER, 1, capability(WRONG, OTHER, 1), None, arguments_reference(OTHER, b"{}"))
    return [encode_task_message(a_task_message(*tasks)) for tasks in ((own,), (stored,), (own, stored))]


def delivered(body: str) -> Delivery:
    return Delivery("id", body, "receipt", 1, NOW)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    nothing = cast("Any", None)  # reading asks neither queue, ledger nor bell
    return Recorder(nothing, nothing, nothing, Random(1), key=KEY)


@pytest.fixture(scope="module")
def dead_letters() -> DeadLetters:
    nothing = cast("Any", Named())
    return DeadLetters(nothing, nothing, nothing, key=KEY)


class Named:
    name = "dead"


def check_status(recorder: Recorder, body: str, own: Task) -> str:
    """It changes nothing but what its sender was given, and never more than the rules let that be."""
    changes, malformed = recorder.read([delivered(body)])
    for change in changes:
        event = cast("Any", change.event)
        assert (change.task_id, getattr(event, "n", None) or event.run.n) == (TASK_ID, N)
        answer = decide(own, event, NOW)
        assert isinstance(answer, Decision | Ignored)
        assert answer.task.n == own.n if isinstance(answer, Decision) else answer.reason
    return "taken" if changes else "refused" if malformed else "empty"


def check_dispatch(dead_letters: DeadLetters, body: str) -> str:
    """Nobody reads it as a message of the orchestrator's; a worker without keys reads what is exactly right."""
    changes, malformed = dead_letters.read([delivered(body)])
    assert (len(changes), len(malformed)) == (0, 1)
    try:
        message = decode_task_message(body)
    except MalformedMessage:
        return "refused"
    for task in message.tasks:
        assert task.arguments_ref is None or task.arguments_ref.startswith(f"arguments/{task.id}/")
    return "read"


def check_signed(body: str, signed: set[str]) -> str:
    """Signed messages are taken as they were signed, or not at all."""
    try:
        payload = VERIFY(body)
    except MalformedMessage:
        return "refused"
    assert payload in signed
    return "taken"


def fuzz_status(recorder: Recorder, seed: int, messages: int) -> Counter[str]:
    chance, own = Random(f"status {seed}"), a_queued_task()._replace(id=TASK_ID, n=N)
    return Counter(check_status(recorder, damage(chance, reports()), own) for _ in range(messages))


def fuzz_dispatches(dead_letters: DeadLetters, seed: int, messages: int) -> Counter[str]:
    chance = Random(f"tasks {seed}")
    signed = [SIGNER(body) for body in dispatches()]
    seen = Counter(check_dispatch(dead_letters, damage(chance, dispatches())) for _ in range(messages - messages // 5))
    payloads = set(dispatches())
    return seen + Counter(f"signed {check_signed(damage(chance, signed), payloads)}" for _ in range(messages // 5))


@pytest.mark.prove
@pytest.mark.parametrize("seed", SEEDS[::2])
def test_no_damaged_status_message_changes_what_its_sender_was_not_given(recorder: Recorder, seed: int) -> None:
    seen = fuzz_status(recorder, seed, EACH)
    assert sum(seen.values()) == EACH
    assert min(seen["taken"], seen["refused"]) > EACH // 50


@pytest.mark.prove
@pytest.mark.parametrize("seed", SEEDS[::2])
def test_no_damaged_task_message_is_taken_for_the_orchestrators(dead_letters: DeadLetters, seed: int) -> None:
    seen = fuzz_dispatches(dead_letters, seed, EACH)
    assert sum(seen.values()) == EACH
    assert min(seen["read"], seen["refused"], seen["signed refused"]) > EACH // 50


def test_a_first_look_at_both(recorder: Recorder, dead_letters: DeadLetters) -> None:
    """What `make prove` does a million times."""
    assert sum(fuzz_status(recorder, -1, FEW).values()) == FEW
    assert sum(fuzz_dispatches(dead_letters, -1, FEW).values()) == FEW


# ------------ end to end


def stories(orchestra: Orchestra, *ids: str) -> list[object]:
    """All that is known of these tasks."""
    return [(orchestra.views.task(id), orchestra.views.audit(id), orchestra.views.runs(id)) for id in ids]


def test_damaged_reports_through_the_whole_recorder_leave_every_row_as_it_was(orchestra: Orchestra) -> None:
    """On a real ledger: the tasks of others, their trails, their runs and the counters."""
    ids = orchestra.started(3)
    (spoken_of,) = orchestra.submit()
    orchestra.dispatcher.step()
    bodies = [body.replace(OTHER, victim) for victim in (*ids, spoken_of) for body in reports()]
    before = [
        (orchestra.views.task(id), orchestra.views.audit(id), orchestra.views.runs(id)) for id in (*ids, spoken_of)
    ]
    counts, chance = orchestra.views.counts(), Random("recorder")
    for _ in range(20):
        orchestra.status.send([Message(damage(chance, bodies) or "x") for _ in range(50)])
        while orchestra.recorder.step():
            pass
    after = [
        (orchestra.views.task(id), orchestra.views.audit(id), orchestra.views.runs(id)) for id in (*ids, spoken_of)
    ]
    assert after == before
    assert orchestra.views.counts() == counts
    assert orchestra.status.depth() == (0, 0)
    assert len(orchestra.views.quarantine(10_000)) > 100


def test_damaged_tasks_through_a_whole_worker_with_keys_start_nothing_and_are_all_accounted_for() -> None:
    from tests.security.test_signatures import guarded

    node, chance = Node(), Random("worker")
    node.intake = guarded(node, VERIFY)
    bodies = [SIGNER(body) for body in dispatches()] + dispatches()
    sent = [body for body in (damage(chance, bodies) or "x" for _ in range(1_000)) if body not in bodies]
    taken = [isinstance(answer, Sent) for answer in node.queue.send([Message(body) for body in sent])]
    while node.queue.depth() != (0, 0):
        node.turn()
    assert node.slots.handed_over == []
    assert len(node.outbox.damaged) == sum(taken) > 500  # a queue takes only what is text
    assert node.outbox.said == []
